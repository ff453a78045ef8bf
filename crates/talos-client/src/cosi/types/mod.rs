//! The resource types that this crate knows, by the package of their specification.

mod block;
mod cluster;
mod etcd;
mod hardware;
mod kubernetes;
mod network;
mod runtime;

pub use block::Disk;
pub use cluster::{MachineType, Member};
pub use etcd::LocalEtcdMember;
pub use hardware::SystemInformation;
pub use kubernetes::Nodename;
pub use network::{HostnameStatus, LinkStatus, NodeAddress};
pub use runtime::{ExtensionStatus, MachineStage, MachineStatus, SecurityState, UnmetCondition};
