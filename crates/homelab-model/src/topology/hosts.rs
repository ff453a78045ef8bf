//! Hosts, pools and storages.

use super::{Host, Mismatch, Pool, Storage, Topology};
use crate::inventory::{Assumptions, Inventory};
use crate::observation::Observation;

/// Memory written down and memory seen differ by what firmware and kernel keep.
const MEMORY_TOLERANCE: f64 = 0.1;

pub(super) fn add(topology: &mut Topology, inventory: &Inventory, seen: Option<&Observation>) {
    for spec in &inventory.hosts {
        topology.hosts.push(Host {
            name: spec.name.clone(),
            address: spec.address.clone(),
            cpu_model: spec.cpu.clone(),
            cpus: spec.threads,
            memory_bytes: Some(spec.memory_bytes),
            overhead_bytes: overhead(&inventory.assumptions, spec.osds),
            osds: spec.osds,
            gpus: spec.gpus.clone(),
            declared: true,
            ..Host::default()
        });
    }
    topology.pools = inventory
        .pools
        .iter()
        .map(|pool| Pool {
            name: pool.name.clone(),
            kind: pool.kind.clone(),
            size: pool.size,
            min_size: pool.min_size,
            hosts: pool.hosts.clone(),
        })
        .collect();
    let Some(seen) = seen else { return };
    observed(topology, inventory, seen);
    storages(topology, seen);
}

/// Memory that a host needs for itself: Proxmox VE, and Ceph if it has OSDs.
fn overhead(assumptions: &Assumptions, osds: u32) -> u64 {
    let ceph = match osds {
        0 => 0,
        n => u64::from(n) * assumptions.osd_memory_bytes + assumptions.ceph_daemons_memory_bytes,
    };
    assumptions.host_memory_bytes + ceph
}

fn observed(topology: &mut Topology, inventory: &Inventory, seen: &Observation) {
    for host in &seen.hosts {
        let at = topology.hosts.iter().position(|h| h.name == host.name);
        let index = at.unwrap_or_else(|| {
            topology.mismatches.push(Mismatch {
                kind: "host-not-declared".to_owned(),
                subject: host.name.clone(),
                message: format!(
                    "host {} is in the Proxmox VE cluster but not in the inventory",
                    host.name
                ),
                ..Mismatch::default()
            });
            topology.hosts.push(Host {
                name: host.name.clone(),
                overhead_bytes: overhead(&inventory.assumptions, 0),
                ..Host::default()
            });
            topology.hosts.len() - 1
        });
        let Some(known) = topology.hosts.get_mut(index) else {
            continue;
        };
        known.observed = true;
        known.online = host.online;
        known.memory_used_bytes = host.memory_used_bytes;
        known.pve_version.clone_from(&host.pve_version);
        known.address = host.address.clone().or_else(|| known.address.take());
        known.cpus = host.cpus.or(known.cpus);
        known.cpu_model = host.cpu_model.clone().or_else(|| known.cpu_model.take());
        if let (Some(written), Some(there)) = (known.memory_bytes, host.memory_bytes)
            && differ(written, there)
        {
            topology.mismatches.push(Mismatch {
                kind: "size-differs".to_owned(),
                subject: known.name.clone(),
                message: format!(
                    "host {} has {} GiB of memory, the inventory says {} GiB",
                    known.name,
                    crate::units::gib(there),
                    crate::units::gib(written)
                ),
                expected: Some(crate::units::gib(written)),
                seen: Some(crate::units::gib(there)),
                location: inventory
                    .hosts
                    .iter()
                    .find(|spec| spec.name == known.name)
                    .map(|spec| spec.location.clone()),
            });
        }
        known.memory_bytes = host.memory_bytes.or(known.memory_bytes);
    }
    if seen.hosts.is_empty() {
        return;
    }
    for spec in &inventory.hosts {
        if !seen.hosts.iter().any(|host| host.name == spec.name) {
            topology.mismatches.push(Mismatch {
                kind: "host-not-found".to_owned(),
                subject: spec.name.clone(),
                message: format!(
                    "host {} is in the inventory but not in the Proxmox VE cluster",
                    spec.name
                ),
                location: Some(spec.location.clone()),
                ..Mismatch::default()
            });
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a tenth is compared, not a byte"
)]
fn differ(a: u64, b: u64) -> bool {
    (a as f64 - b as f64).abs() > a as f64 * MEMORY_TOLERANCE
}

/// One entry for each name: a shared storage once, a local one summed over its hosts.
fn storages(topology: &mut Topology, seen: &Observation) {
    for entry in &seen.storages {
        let at = topology.storages.iter().position(|s| s.name == entry.name);
        let index = at.unwrap_or_else(|| {
            topology.storages.push(Storage {
                name: entry.name.clone(),
                kind: entry.kind.clone(),
                shared: entry.shared,
                ..Storage::default()
            });
            topology.storages.len() - 1
        });
        let Some(storage) = topology.storages.get_mut(index) else {
            continue;
        };
        if !storage.hosts.contains(&entry.host) {
            storage.hosts.push(entry.host.clone());
        }
        if entry.active == Some(false) && !storage.inactive_on.contains(&entry.host) {
            storage.inactive_on.push(entry.host.clone());
        }
        for (sum, more) in [
            (&mut storage.total_bytes, entry.total_bytes),
            (&mut storage.used_bytes, entry.used_bytes),
        ] {
            *sum = match (*sum, more) {
                (Some(a), Some(b)) if storage.shared => Some(a.max(b)),
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            };
        }
    }
}
