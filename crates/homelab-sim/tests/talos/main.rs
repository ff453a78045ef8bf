//! The Talos side of the simulator, seen by plain generated clients: nothing
//! of the SDK's own client is used, so that both can be wrong only separately.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod cosi;
mod debug;
mod director;
mod etcd;
mod etcd_life;
mod events;
mod faults;
mod health;
mod images;
mod lab;
mod lifecycle;
mod maintenance;
mod peer;
mod volumes;
