//! Memory that is promised on each host.

use serde::{Deserialize, Serialize};

use crate::topology::{Guest, Topology};

/// The memory of one host: what it has and what is promised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostMemory {
    /// The host.
    pub host: String,
    /// RAM in bytes.
    pub total_bytes: u64,
    /// What Proxmox VE and Ceph need, by the assumptions.
    pub overhead_bytes: u64,
    /// What its guests are configured with.
    pub guests_bytes: u64,
    /// Overhead and guests together.
    pub committed_bytes: u64,
    /// What is left; 0 when more is promised than there is.
    pub free_bytes: u64,
    /// What is promised beyond what there is; 0 when it fits.
    pub missing_bytes: u64,
}

/// Memory of every host whose size is known, in the topology's order.
pub fn host_memory(topology: &Topology) -> Vec<HostMemory> {
    let known = topology.hosts.iter().filter_map(|host| {
        let total = host.memory_bytes?;
        let guests = topology.guests_on(&host.name).map(claimed).sum();
        let committed = host.overhead_bytes.saturating_add(guests);
        Some(HostMemory {
            host: host.name.clone(),
            total_bytes: total,
            overhead_bytes: host.overhead_bytes,
            guests_bytes: guests,
            committed_bytes: committed,
            free_bytes: total.saturating_sub(committed),
            missing_bytes: committed.saturating_sub(total),
        })
    });
    known.collect()
}

/// Memory that a guest lays claim to. One that is written down is meant to
/// run; any other counts while it does not stand still.
pub(crate) fn claimed(guest: &Guest) -> u64 {
    let idle = !guest.declared && guest.status.as_deref() == Some("stopped");
    if idle {
        0
    } else {
        guest.memory_bytes.unwrap_or(0)
    }
}
