//! The Rust runner of `scenarios/*.json`; see the README beside for the format.
//!
//! It calls the SDK through the same dispatch table as Python and Node do, so
//! that a scenario's names are the same in all three.
//!
//! | module | what |
//! |---|---|
//! | [`scenario`] | the file format |
//! | [`pattern`] | what `expect` may say |
//! | [`run`] | runs one scenario |

pub mod pattern;
pub mod run;
pub mod scenario;

use std::path::PathBuf;

/// This folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
