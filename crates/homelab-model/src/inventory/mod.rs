//! The inventory: what the owner of a lab has written down.
//!
//! One YAML file says what a lab is made of; `docs/inventory.md` lists every key.
//! A talconfig that it names is merged in, see [`crate::talhelper`].

pub(crate) mod check;
mod cluster;
mod merge;
mod parse;
mod types;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use cluster::places;
pub use parse::Read;
pub use types::{
    ApplianceSpec, Assumptions, Claim, ClusterSpec, Contradiction, DiskSpec, GuestSpec, HostSpec,
    Inventory, NamedAddress, Network, NodeRole, NodeSpec, Place, PoolSpec, Warning,
};
