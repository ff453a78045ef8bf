//! The official Go implementation judges ours (`tests/peers`), where Go is
//! installed: machine configuration patches, generated clusters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod generated;
mod patches;
mod peer;
