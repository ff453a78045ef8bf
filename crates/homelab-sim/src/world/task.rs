//! Tasks of the hosts: what `/nodes/{node}/tasks` lists.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// How a task ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskEnd {
    /// When.
    pub at: SystemTime,
    /// `OK`, `WARNINGS: n`, or the error's own words.
    pub exit_status: String,
}

/// A task of a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// `UPID:node:pid:pstart:starttime:type:id:user:`.
    pub upid: String,
    /// The host it runs on.
    pub node: String,
    /// Process id.
    pub pid: u32,
    /// Process start, in clock ticks since the host booted.
    pub pstart: u32,
    /// When it started.
    pub started_at: SystemTime,
    /// Its type, such as `qmstart`.
    pub kind: String,
    /// What it works on, such as a VMID; may be empty.
    pub id: String,
    /// Who asked for it, such as `root@pam`.
    pub user: String,
    /// What its end says before the reason when somebody stops it.
    pub stopped: String,
    /// Its log, line by line.
    pub log: Vec<String>,
    /// How it ended; none while it runs.
    pub end: Option<TaskEnd>,
}
