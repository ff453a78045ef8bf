//! The official Go implementation judges ours (`tests/peers`), where Go is
//! installed: machine configuration patches, generated clusters, what its
//! client sees of a node, signatures for Omni.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod calls;
mod generated;
mod omni;
mod ours;
mod patch_cases;
mod patches;
mod peer;
#[path = "../support/recorder.rs"]
mod recorder;
#[path = "../support/mod.rs"]
mod support;
