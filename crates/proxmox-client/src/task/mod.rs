//! [`Task`]: something that the server does in the background.

mod again;
mod by_hand;
mod follow;
mod ha;
mod ha_move;
mod looks;
mod progress;
mod wait;

use std::sync::Arc;

use homelab_core::Result;
use proxmox_endpoints::{GetTaskLog, GetTaskStatus, StopTask, TaskLogLine, TaskStatus, Upid};
use serde::{Deserialize, Serialize};

use crate::ProxmoxClient;

use again::Origin;
pub(crate) use by_hand::ByHand;
pub(crate) use looks::Looks;
#[cfg(any(test, fuzzing))]
pub(crate) use progress::fraction;
pub use wait::WaitOptions;

/// A task of the server, by its UPID. Cheap to clone; dropping it leaves the
/// task alone.
///
/// Questions go to the node in the UPID, whichever endpoint is contacted: no
/// other node knows the answer.
///
/// One that a call gave back knows its call: [`wait`](Task::wait) makes that
/// again when a lock was in the way of the task. One from
/// [`ProxmoxClient::task`] is what its UPID names and no more.
#[derive(Clone, Debug)]
pub struct Task {
    client: ProxmoxClient,
    upid: Upid,
    origin: Option<Arc<Origin>>,
}

/// How a task ended well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task: the last one, when its call was made again for a lock.
    pub upid: Upid,
    /// The server's word for it: `OK`, or `WARNINGS: 1`.
    pub exit_status: String,
    /// What it warned of; the work is done all the same.
    pub warnings: Vec<String>,
}

/// How far a task has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TaskProgress {
    /// The task.
    pub upid: Upid,
    /// Done so far, from 0 to 1, when its log tells.
    pub fraction: Option<f64>,
    /// The latest line of its log.
    pub message: String,
    /// How many lines its log has.
    pub log_lines: u32,
}

/// Who is told how far a task has come.
pub(crate) type OnProgress<'a> = Option<&'a mut (dyn FnMut(TaskProgress) + Send)>;

impl Task {
    pub(crate) fn new(client: ProxmoxClient, upid: Upid) -> Self {
        Task {
            client,
            upid,
            origin: None,
        }
    }

    /// A task with the call that started it, to be made again with `start`.
    pub(crate) fn started_by<Fut>(
        client: &ProxmoxClient,
        upid: Upid,
        start: impl Fn(ProxmoxClient) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<Option<Upid>>> + Send + 'static,
    {
        let origin = Origin::new(upid.clone(), start);
        Task {
            client: client.clone(),
            upid,
            origin: Some(Arc::new(origin)),
        }
    }

    /// Its name, which [`ProxmoxClient::task`] takes again, in another process
    /// too. When [`wait`](Task::wait) made the call again, this still is the
    /// first one, and so are [`status`](Task::status) and [`log`](Task::log);
    /// [`TaskOutcome::upid`] is the one that ended.
    pub fn upid(&self) -> &Upid {
        &self.upid
    }

    /// Whether it runs, and how it ended.
    ///
    /// # Errors
    /// `NotFound` when its node has forgotten it; otherwise see
    /// [`ProxmoxClient::send`].
    pub async fn status(&self) -> Result<TaskStatus> {
        let request = GetTaskStatus::new(self.upid.node(), self.upid.clone());
        self.named(self.client.send(&request).await)
    }

    /// Lines of its log, from line `start` (0 is the first), at most `limit`
    /// (0 is all of them).
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn log(&self, start: u32, limit: u32) -> Result<Vec<TaskLogLine>> {
        let request = GetTaskLog {
            start: Some(start),
            limit: Some(limit),
            ..GetTaskLog::new(self.upid.node(), self.upid.clone())
        };
        let lines = self.named(self.client.send(&request).await)?;
        // The stand-in for an empty log is not a line of it.
        let empty = matches!(lines.as_slice(), [only] if only.text == "no content");
        Ok(if empty { Vec::new() } else { lines })
    }

    /// Asks it to stop. It ends some seconds later, with an error of its own
    /// that [`wait`](Task::wait) reports. Of a call that is made again for a
    /// lock, the latest task is asked, and no other one follows.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn cancel(&self) -> Result<()> {
        let latest = match &self.origin {
            Some(origin) => origin.cancel(),
            None => Some(self.upid.clone()),
        };
        let Some(upid) = latest else {
            return Ok(());
        };
        let request = StopTask::new(upid.node(), upid.clone());
        self.named(self.client.send(&request).await).map(|_| ())
    }

    /// Every error about a task carries its name.
    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.request_ref(self.upid.as_str()))
    }
}
