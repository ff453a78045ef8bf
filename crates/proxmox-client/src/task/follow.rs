//! A task's log as a stream.

use std::collections::VecDeque;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream;
use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{TaskLogLine, TaskState};

use super::Task;

const PAUSE: Duration = Duration::from_secs(1);
/// So many looks in a row may fail for want of a connection.
const PATIENCE: u32 = 30;

struct Follow {
    task: Task,
    waiting: VecDeque<TaskLogLine>,
    seen: u32,
    ended: bool,
    failures: u32,
}

impl Task {
    /// The log from its first line until the task has ended, then the stream
    /// ends. A connection that breaks is made again; nothing is shown twice.
    ///
    /// # Errors
    /// One error, then the end: `NotFound` when the task is forgotten, or the
    /// connection's error when it does not come back for half a minute.
    ///
    /// # Cancellation
    /// Dropping the stream leaves the task alone.
    pub fn follow_log(&self) -> impl Stream<Item = Result<TaskLogLine>> + Send + Unpin + 'static {
        let follow = Follow {
            task: self.clone(),
            waiting: VecDeque::new(),
            seen: 0,
            ended: false,
            failures: 0,
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
            match self.look().await {
                Ok(()) => self.failures = 0,
                Err(error) => self.bear(error)?,
            }
            if self.waiting.is_empty() && !self.ended {
                self.task.client.clock().sleep(PAUSE).await;
            }
        }
    }

    /// Reads what is new. The state is read first, so that the lines written
    /// just before the end are not missed.
    async fn look(&mut self) -> Result<()> {
        let ended = self.task.status().await?.status == TaskState::Stopped;
        let lines = self.task.log(self.seen, 0).await?;
        if let Some(last) = lines.last() {
            self.seen = last.number.max(self.seen);
        }
        self.waiting.extend(lines);
        self.ended = ended;
        Ok(())
    }

    fn bear(&mut self, error: Error) -> Result<()> {
        self.failures += 1;
        let passing = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
        if passing && self.failures < PATIENCE {
            Ok(())
        } else {
            Err(error)
        }
    }
}
