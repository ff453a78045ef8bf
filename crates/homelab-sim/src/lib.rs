//! A simulated lab in one process, on loopback: N Proxmox VE hosts over HTTPS,
//! M Talos nodes over gRPC with mutual TLS, one world behind both.
//!
//! What lives here: the world, the two servers, faults on demand. What must
//! never: any logic of the clients. A client that is tested against its own
//! misunderstanding proves nothing.

mod faults;
mod net;
mod pki;
mod pve;
mod shared;
mod stats;
pub mod world;

pub use faults::Fault;
pub use stats::{EndpointStats, Stats};
