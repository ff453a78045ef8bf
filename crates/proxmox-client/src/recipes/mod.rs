//! A Talos guest in one call: from an ISO, from a disk image, from a template.
//!
//! | file | what |
//! |---|---|
//! | `spec.rs` | [`TalosGuest`]: what it shall be, with its defaults |
//! | `hardware.rs` | from the wish to the server's configuration keys |
//! | `preflight.rs` | what is looked at before anything is made |
//! | `make.rs` | the steps |
//! | `made.rs` | what has been made, and how it is taken back when a step fails |
//! | `report.rs` | progress, step by step |

mod hardware;
mod made;
mod make;
mod preflight;
mod report;
mod spec;

use serde::{Deserialize, Serialize};

pub use spec::TalosGuest;

/// A Talos guest that is there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MadeGuest {
    /// Its id.
    pub vmid: u32,
    /// The node it is on.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Its SMBIOS UUID, as Talos reports it.
    pub uuid: Option<String>,
    /// Its MAC addresses, `net0` first, in lower case.
    pub macs: Vec<String>,
    /// The disc with its machine configuration.
    pub config_volume: Option<String>,
    /// Whether this call made it; `false` when it was there already, and then
    /// nothing was changed.
    pub created: bool,
    /// Whether it was started by this call.
    pub started: bool,
}

/// How far the making of a guest has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RecipeProgress {
    /// What is being done: `check`, `create`, `clone`, `configure`, `upload`,
    /// `resize`, `start`.
    pub step: String,
    /// How much of the step is done, from 0 to 1, when it tells.
    pub fraction: Option<f64>,
    /// The latest line of the task's log.
    pub message: String,
}
