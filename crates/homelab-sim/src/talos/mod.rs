//! The Talos side: one gRPC listener with mutual TLS for each Talos node.
//!
//! What lives here: what a node's API does on the wire, its traps included.
//! What must never: state of the lab, which is in [`world`](crate::world).
//!
//! | file | what |
//! |---|---|
//! | `nodes` | the listeners of all nodes, also of those that come later |
//! | `server`, `tls` | a node's listener: TLS, HTTP/2 |
//! | `director` | `node` and `nodes` metadata: who answers |
//! | `fan_out` | `nodes`: answers of several merged into one |
//! | `carry` | an answer on its way: broken links, faults, counting |
//! | `rbac`, `maintenance` | which role may call what, and who may without any |
//! | `config/` | machine configs: read, compared, written |
//! | `services` | the services of one node |
//! | `local` | how a service reaches its node |
//! | `small` | clock, controllers |
//! | `storage`, `volumes` | block devices, LVM, software RAID |
//! | `image`, `lifecycle` | container images, the installer |
//! | `debug`, `shell` | a container to look around in |
//! | `health` | the cluster's health as one node sees it |
//! | `machine/`, `cosi/` | the methods |
//! | `bbolt/` | writes an etcd database file |

mod bbolt;
mod carry;
mod config;
mod cosi;
mod debug;
mod director;
mod fan_out;
mod health;
mod image;
mod lifecycle;
mod local;
mod machine;
mod maintenance;
mod nodes;
mod rbac;
mod server;
mod services;
mod shell;
mod small;
mod storage;
mod tls;
mod volumes;

use std::time::SystemTime;

pub(crate) use config::seed_configs;
pub(crate) use nodes::Nodes;

use director::Director;
use server::serve;

/// A protobuf timestamp.
fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    prost_types::Timestamp::from(time)
}
