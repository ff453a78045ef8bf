//! The inventory: what the owner of a lab has written down.

mod types;

pub use types::{
    ApplianceSpec, Assumptions, Claim, ClusterSpec, Contradiction, DiskSpec, GuestSpec, HostSpec,
    Inventory, NamedAddress, Network, NodeRole, NodeSpec, Place, PoolSpec, Warning,
};
