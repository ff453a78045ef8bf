//! What breaks if …: answers about hosts that go away and guests that move.
//!
//! ```
//! # use homelab_model::{Inventory, Topology, what_if};
//! # use homelab_core::{Error, ErrorKind};
//! # let text = "
//! # name: tiny
//! # hosts: [{name: pve1, memory: 32GB}, {name: pve2, memory: 32GB}]
//! # clusters:
//! #   - name: home
//! #     nodes:
//! #       - {name: a, role: control-plane, host: pve1, memory: 8GB}
//! #       - {name: b, role: control-plane, host: pve1, memory: 8GB}
//! #       - {name: c, role: control-plane, host: pve2, memory: 8GB}
//! # ";
//! # let inventory = Inventory::parse("lab.yaml", text, &|p: &str| Err(Error::new(ErrorKind::NotFound, p)))?;
//! let lab = Topology::from_inventory(&inventory);
//! let loss = what_if::lose_hosts(&lab, &["pve1"]);
//! assert_eq!(loss.clusters[0].members_left, 1);
//! assert!(!loss.clusters[0].has_quorum);
//! assert!(loss.restart.fits);
//! # Ok::<(), Error>(())
//! ```

mod loss;
mod memory;
mod packing;
mod placement;
mod quorum;
mod search;

#[cfg(test)]
mod tests;

pub use loss::{ClusterLoss, HostQuorumLoss, Loss, PoolLoss, lose_hosts};
pub use memory::{HostMemory, host_memory};
pub use packing::{Restart, restart};
pub use quorum::{EtcdTolerance, etcd_tolerance, quorum_of, unavailability};
pub use search::move_guests;

pub(crate) use placement::Placement;
pub(crate) use quorum::{ClusterVoters, placements_that_survive};
pub(crate) use search::{Depth, smallest_moves};
