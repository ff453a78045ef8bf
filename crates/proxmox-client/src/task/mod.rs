//! [`Task`]: something that the server does in the background.

mod again;
mod follow;
mod ha;
mod ha_move;
mod progress;
mod wait;

use homelab_core::Result;
use proxmox_endpoints::{GetTaskLog, GetTaskStatus, StopTask, TaskLogLine, TaskStatus, Upid};
use serde::{Deserialize, Serialize};

use crate::ProxmoxClient;

pub(crate) use again::run;
#[cfg(any(test, fuzzing))]
pub(crate) use progress::fraction;
pub use wait::WaitOptions;

/// A task of the server, by its UPID. Cheap to clone; dropping it leaves the
/// task alone.
///
/// Questions go to the node in the UPID, whichever endpoint is contacted: no
/// other node knows the answer.
#[derive(Clone, Debug)]
pub struct Task {
    client: ProxmoxClient,
    upid: Upid,
}

/// How a task ended well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task.
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
        Task { client, upid }
    }

    /// Its name, which [`ProxmoxClient::task`] takes again, in another process too.
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
    /// that [`wait`](Task::wait) reports.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn cancel(&self) -> Result<()> {
        let request = StopTask::new(self.upid.node(), self.upid.clone());
        self.named(self.client.send(&request).await).map(|_| ())
    }

    /// Every error about a task carries its name.
    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.request_ref(self.upid.as_str()))
    }
}
