//! A simulated lab in one process, on loopback: N Proxmox VE hosts over HTTPS,
//! M Talos nodes over gRPC with mutual TLS, one world behind both.
//!
//! What lives here: the world, the two servers, faults on demand. What must
//! never: any logic of the clients. A client that is tested against its own
//! misunderstanding proves nothing.
//!
//! Start with [`Sim::start`]. The addresses of the lab itself are not bound:
//! clients connect to ports of 127.0.0.1, while metadata and answers carry the
//! lab's addresses, and certificates are good for both.

mod access;
mod clock;
mod control;
mod faults;
mod keep;
mod log;
mod machines;
mod net;
mod observe;
mod options;
mod pki;
mod placement;
mod process;
mod pve;
mod seed;
mod shared;
mod sim;
mod start;
mod state_dir;
mod stats;
mod talos;
mod trouble;
pub mod world;

pub use clock::{ClockState, SimClock};
pub use faults::{ActiveFault, Fault, FaultTable};
pub use log::{EventFilter, EventWaiter, LabEvent};
pub use options::{ClientCert, SimOptions};
pub use sim::{ControlAccess, Sim};
pub use stats::{EndpointStats, Stats};
pub use world::Down;
