//! The Talos side: one gRPC listener with mutual TLS for each Talos node.
//!
//! What lives here: what a node's API does on the wire, its traps included.
//! What must never: state of the lab, which is in [`world`](crate::world).
//!
//! | file | what |
//! |---|---|
//! | `server` | a node's listener: TLS, HTTP/2 |
//! | `director` | `node` and `nodes` metadata: who answers |
//! | `fan_out` | `nodes`: answers of several merged into one |
//! | `carry` | an answer on its way: broken links, faults, counting |
//! | `rbac` | which role may call what |
//! | `services` | the services of one node |
//! | `small` | clock, block devices, controllers |
//! | `machine/`, `cosi/` | the methods |
//! | `bbolt/` | writes an etcd database file |

mod bbolt;
mod carry;
mod cosi;
mod director;
mod fan_out;
mod machine;
mod rbac;
mod server;
mod services;
mod small;

use std::time::SystemTime;

pub(crate) use director::Director;
pub(crate) use server::{NodeTls, serve};

/// A protobuf timestamp.
fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    prost_types::Timestamp::from(time)
}
