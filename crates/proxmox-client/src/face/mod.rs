//! The calls that people make most, in Proxmox's own words; every other one
//! goes through [`ProxmoxClient::send`](crate::ProxmoxClient::send).
//!
//! Each method names one request of `proxmox-endpoints` with what the handle
//! knows filled in; [`Pending::with`] sets the rest. Errors are those of
//! [`ProxmoxClient::send`](crate::ProxmoxClient::send) unless a method says more.

mod access;
mod affinity;
mod ceph;
mod cluster;
mod cluster_objects;
mod firewall;
mod guest;
mod guest_firewall;
mod ha;
mod lxc;
mod node;
mod node_hardware;
mod node_storage;
mod node_system;
mod pending;
mod pool;
mod qemu;
mod scope;
mod sdn;
mod spare;
mod storage;

pub use access::Access;
pub use affinity::NodeAffinity;
pub use ceph::Ceph;
pub use cluster::{Cluster, ClusterNode, ClusterStatus};
pub use firewall::Firewall;
pub use guest::Guest;
pub use ha::Ha;
pub use lxc::Lxc;
pub use node::Node;
pub use node_storage::NodeStorage;
pub use pending::{Pending, PendingTask};
pub use pool::Pool;
pub use qemu::Qemu;
pub use scope::{DataLoss, DestroyScope};
pub use sdn::Sdn;
pub use storage::Storage;
