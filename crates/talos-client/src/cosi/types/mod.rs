//! The resource types that this crate knows.
//!
//! The ones that people want most have a value type of ours in a file named
//! after the package of their specification; `table.rs` has every type with the
//! generated message: `node.list::<cosi::types::KubeletConfigs>()`.

mod block;
mod cluster;
mod etcd;
mod hardware;
mod kubernetes;
mod network;
mod runtime;
mod table;

pub use block::Disk;
pub use cluster::{MachineType, Member};
pub use etcd::LocalEtcdMember;
pub use hardware::SystemInformation;
pub use kubernetes::Nodename;
pub use network::{HostnameStatus, LinkStatus, NodeAddress};
pub use runtime::{ExtensionStatus, MachineStage, MachineStatus, SecurityState, UnmetCondition};
pub use table::*;
