//! A task's log as a stream.

use std::collections::VecDeque;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream;
use homelab_core::{Error, Result};
use proxmox_endpoints::{TaskLogLine, TaskState};

use super::Task;
use super::looks::Bearing;

const PAUSE: Duration = Duration::from_secs(1);
/// So long may looks fail for want of a connection.
const PATIENCE: Duration = Duration::from_secs(30);

struct Follow {
    task: Task,
    waiting: VecDeque<TaskLogLine>,
    seen: u32,
    ended: bool,
    bearing: Bearing,
    /// When the first of the looks that failed in a row began, on the client's clock.
    lost_at: Option<Duration>,
}

impl Task {
    /// The log from its first line until the task has ended, then the stream
    /// ends. A connection that breaks is made again; nothing is shown twice.
    ///
    /// # Errors
    /// One error, then the end: `NotFound` when the task is forgotten, or the
    /// connection's error when it does not come back for half a minute, or
    /// `Protocol` when several answers in a row make no sense.
    ///
    /// # Cancellation
    /// Dropping the stream leaves the task alone.
    pub fn follow_log(&self) -> impl Stream<Item = Result<TaskLogLine>> + Send + Unpin + 'static {
        let follow = Follow {
            task: self.clone(),
            waiting: VecDeque::new(),
            seen: 0,
            ended: false,
            bearing: Bearing::default(),
            lost_at: None,
        };
        Box::pin(stream::unfold(Some(follow), |follow| async move {
            let mut follow = follow?;
            match follow.next().await {
                Ok(Some(line)) => Some((Ok(line), Some(follow))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl Follow {
    async fn next(&mut self) -> Result<Option<TaskLogLine>> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            let began = self.task.client.clock().elapsed();
            let lost_at = self.lost_at.unwrap_or(began);
            match self.look(lost_at + PATIENCE).await {
                Ok(()) => {
                    self.bearing.good();
                    self.lost_at = None;
                }
                Err(error) => self.bear(error, lost_at)?,
            }
            if self.waiting.is_empty() && !self.ended {
                self.task.client.clock().sleep(PAUSE).await;
            }
        }
    }

    /// Reads what is new. The state is read first, so that the lines written
    /// just before the end are not missed.
    async fn look(&mut self, deadline: Duration) -> Result<()> {
        let status = self.task.look_until(deadline).status().await?;
        let ended = status.status == TaskState::Stopped;
        let lines = self.task.look_until(deadline).log(self.seen, 0).await?;
        if let Some(last) = lines.last() {
            self.seen = last.number.max(self.seen);
        }
        self.waiting.extend(lines);
        self.ended = ended;
        Ok(())
    }

    fn bear(&mut self, error: Error, lost_at: Duration) -> Result<()> {
        self.lost_at = Some(lost_at);
        let lost_for = self.task.client.clock().elapsed().saturating_sub(lost_at);
        if self.bearing.bears(&error) && lost_for < PATIENCE {
            Ok(())
        } else {
            Err(error)
        }
    }
}
