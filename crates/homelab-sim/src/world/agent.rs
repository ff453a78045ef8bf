//! What the guest agent of a VM remembers: files that were written, programs
//! that were run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A program that was run in a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// When it ends, in milliseconds since the simulation's start.
    pub ends_at_ms: u64,
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote.
    pub out: Vec<u8>,
    /// What it complained of.
    pub err: Vec<u8>,
}

/// The memory of one guest's agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentMemory {
    /// Files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Programs by process id whose end nobody has fetched.
    pub programs: BTreeMap<u32, Program>,
    /// The last process id that was given.
    pub last_pid: u32,
    /// Whether file systems are frozen.
    pub frozen: bool,
}
