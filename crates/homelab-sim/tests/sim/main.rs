//! The simulator as a whole, over its real listeners: time, log, faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod control;
mod faults;
mod rest;
mod state;
mod story;
