//! The official Go implementation judges ours (`tests/peers`), where Go is
//! installed: machine configuration patches, generated clusters, and what its
//! client sees of a node.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod calls;
mod generated;
mod ours;
mod patches;
mod peer;
#[path = "../support/mod.rs"]
mod support;
