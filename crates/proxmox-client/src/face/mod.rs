//! The calls that people make most, in Proxmox's own words; every other one
//! goes through [`ProxmoxClient::send`](crate::ProxmoxClient::send).

mod cluster;
mod node;
mod qemu;

pub use cluster::{Cluster, ClusterNode, ClusterStatus};
pub use node::Node;
pub use qemu::Qemu;
