//! What the scheduler of a host remembers of a job.

use serde::{Deserialize, Serialize};

/// What the scheduler of a host remembers of a job. Each host has its own: a
/// job is the cluster's, its runs are the hosts'.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMemory {
    /// The calendar event that it followed last.
    pub schedule: String,
    /// Whether it was switched on then.
    pub enabled: bool,
    /// From when on the next run is looked for, in Unix seconds of the host's
    /// clock: its last run, or when it became what it is.
    pub since: u64,
    /// The task of its last run.
    pub task: Option<String>,
}
