//! Guests: what the inventory lists, matched with what Proxmox VE lists.

use homelab_core::Location;

use super::evidence::{Evidence, matching, share};
use super::{Disk, Guest, Mismatch, Topology};
use crate::inventory::{DiskSpec, GuestSpec, Inventory, NodeSpec};
use crate::observation::{Observation, ObservedGuest};
use crate::units::gib;

pub(super) fn add(topology: &mut Topology, inventory: &Inventory, seen: Option<&Observation>) {
    let nodes = inventory.clusters.iter().flat_map(|c| &c.nodes);
    let mut declared: Vec<Guest> = nodes.map(of_node).collect();
    declared.extend(inventory.guests.iter().map(of_guest));
    let Some(seen) = seen else {
        topology.guests = declared;
        return;
    };
    // A template never runs: it takes no memory and is lost with no host.
    let observed: Vec<&ObservedGuest> = seen.guests.iter().filter(|g| !g.template).collect();
    duplicate_macs(topology, &observed);
    let matched = matching(observed.len(), declared.len(), |left, right| {
        match (observed.get(left), declared.get(right)) {
            (Some(seen), Some(guest)) => speaks_for(seen, guest),
            _ => Vec::new(),
        }
    });
    let mut kept: Vec<Option<Guest>> = declared.into_iter().map(Some).collect();
    for conflict in &matched.conflicts {
        let name = |index: usize| {
            kept.get(index)
                .and_then(|g| g.as_ref())
                .map(|g| g.name.clone())
        };
        if let (Some(seen), Some(right), Some(other)) = (
            observed.get(conflict.left),
            name(conflict.right),
            name(conflict.other),
        ) {
            let what = format!("guest {} ({})", seen.name, seen.vmid);
            let (right, other) = (
                format!("{right} of the inventory"),
                format!("{other} of the inventory"),
            );
            topology
                .mismatches
                .push(conflict.mismatch(&what, &right, &other));
        }
    }
    let mut guests = Vec::new();
    for (index, guest) in observed.iter().enumerate() {
        let pair = matched.pairs.iter().find(|pair| pair.left == index);
        let declared = pair.and_then(|pair| kept.get_mut(pair.right)?.take());
        match (pair, declared) {
            (Some(pair), Some(declared)) => {
                compare(topology, &declared, guest);
                topology
                    .joins
                    .push(pair.join("guest-inventory", &guest.name, &declared.name));
                guests.push(merged(declared, guest));
            }
            _ => guests.push(undeclared(topology, guest)),
        }
    }
    // The order of the inventory first, then what it does not know.
    guests.sort_by_key(|guest| !guest.declared);
    for guest in kept.into_iter().flatten() {
        if !seen.hosts.is_empty() || !seen.guests.is_empty() {
            topology.mismatches.push(not_found(&guest));
        }
        guests.push(guest);
    }
    unique_names(&mut guests);
    topology.guests = guests;
}

fn of_node(node: &NodeSpec) -> Guest {
    Guest {
        name: node.name.clone(),
        vmid: node.vmid,
        host: node.host.clone(),
        declared_host: node.host.clone(),
        memory_bytes: node.memory_bytes,
        cores: node.cores,
        disks: disks(&node.disks),
        macs: node.macs.clone(),
        address: node.address.clone(),
        passthrough: node.gpus.clone(),
        declared: true,
        location: Some(node.location.clone()),
        ..Guest::default()
    }
}

fn of_guest(guest: &GuestSpec) -> Guest {
    Guest {
        name: guest.name.clone(),
        vmid: guest.vmid,
        host: guest.host.clone(),
        declared_host: guest.host.clone(),
        memory_bytes: guest.memory_bytes,
        cores: guest.cores,
        disks: disks(&guest.disks),
        macs: guest.macs.clone(),
        address: guest.address.clone(),
        passthrough: guest.gpus.clone(),
        declared: true,
        location: Some(guest.location.clone()),
        ..Guest::default()
    }
}

fn disks(specs: &[DiskSpec]) -> Vec<Disk> {
    specs
        .iter()
        .map(|disk| Disk {
            storage: disk.storage.clone(),
            size_bytes: Some(disk.size_bytes),
        })
        .collect()
}

fn speaks_for(seen: &ObservedGuest, guest: &Guest) -> Vec<Evidence> {
    let mut agreeing = Vec::new();
    let macs_known = !seen.macs.is_empty() && !guest.macs.is_empty();
    let same_name = seen.name.eq_ignore_ascii_case(&guest.name);
    if share(&seen.macs, &guest.macs) {
        agreeing.push(Evidence::Mac);
    }
    // A number alone, against the MAC address and the name, is somebody else's guest.
    if Some(seen.vmid) == guest.vmid && (!macs_known || !agreeing.is_empty() || same_name) {
        agreeing.push(Evidence::Vmid);
    }
    if guest
        .address
        .as_ref()
        .is_some_and(|address| seen.addresses.contains(address))
    {
        agreeing.push(Evidence::Address);
    }
    if same_name {
        agreeing.push(Evidence::Name);
    }
    agreeing
}

fn merged(declared: Guest, seen: &ObservedGuest) -> Guest {
    let observed = of_observed(seen);
    Guest {
        name: declared.name,
        declared_host: declared.declared_host,
        memory_bytes: observed.memory_bytes.or(declared.memory_bytes),
        cores: observed.cores.or(declared.cores),
        disks: if observed.disks.is_empty() {
            declared.disks
        } else {
            observed.disks
        },
        macs: if observed.macs.is_empty() {
            declared.macs
        } else {
            observed.macs
        },
        address: declared.address.or(observed.address),
        declared: true,
        location: declared.location,
        ..observed
    }
}

fn of_observed(seen: &ObservedGuest) -> Guest {
    Guest {
        name: if seen.name.is_empty() {
            seen.vmid.to_string()
        } else {
            seen.name.clone()
        },
        vmid: Some(seen.vmid),
        host: Some(seen.host.clone()).filter(|host| !host.is_empty()),
        status: Some(seen.status.clone()).filter(|status| !status.is_empty()),
        memory_bytes: seen.memory_bytes,
        cores: seen.cores,
        disks: seen
            .disks
            .iter()
            .map(|disk| Disk {
                storage: disk.storage.clone(),
                size_bytes: disk.size_bytes,
            })
            .collect(),
        macs: seen.macs.clone(),
        smbios_uuid: seen.smbios_uuid.clone(),
        address: seen.addresses.first().cloned(),
        agent_enabled: seen.agent_enabled,
        passthrough: seen.hostpci.clone(),
        ha_state: seen.ha_state.clone(),
        lock: seen.lock.clone(),
        observed: true,
        ..Guest::default()
    }
}

fn undeclared(topology: &mut Topology, seen: &ObservedGuest) -> Guest {
    let guest = of_observed(seen);
    topology.mismatches.push(Mismatch {
        kind: "guest-not-declared".to_owned(),
        subject: guest.name.clone(),
        message: format!(
            "guest {} ({}) on {} is not in the inventory",
            guest.name, seen.vmid, seen.host
        ),
        ..Mismatch::default()
    });
    guest
}

fn not_found(guest: &Guest) -> Mismatch {
    Mismatch {
        kind: "guest-not-found".to_owned(),
        subject: guest.name.clone(),
        message: format!(
            "guest {} is in the inventory but not in Proxmox VE",
            guest.name
        ),
        expected: guest.declared_host.clone(),
        location: guest.location.clone(),
        ..Mismatch::default()
    }
}

/// Where the inventory and Proxmox VE disagree about one guest.
fn compare(topology: &mut Topology, declared: &Guest, seen: &ObservedGuest) {
    let name = &declared.name;
    let mut differ = |kind: &str, message: String, expected: String, there: String| {
        topology.mismatches.push(Mismatch {
            kind: kind.to_owned(),
            subject: name.clone(),
            message,
            expected: Some(expected),
            seen: Some(there),
            location: declared.location.clone(),
        });
    };
    if let Some(host) = declared.declared_host.as_ref().filter(|h| **h != seen.host) {
        let message = format!(
            "guest {name} is on {}, the inventory says {host}",
            seen.host
        );
        differ("wrong-host", message, host.clone(), seen.host.clone());
    }
    if !seen.macs.is_empty() && !declared.macs.is_empty() && !share(&seen.macs, &declared.macs) {
        let (there, written) = (seen.macs.join(", "), declared.macs.join(", "));
        let message =
            format!("guest {name} has the MAC address {there}, the inventory says {written}");
        differ("mac-differs", message, written, there);
    }
    if let (Some(written), Some(there)) = (declared.memory_bytes, seen.memory_bytes)
        && written != there
    {
        let (written, there) = (gib(written), gib(there));
        let message =
            format!("guest {name} has {there} GiB of memory, the inventory says {written} GiB");
        differ("size-differs", message, written, there);
    }
    if let (Some(written), Some(there)) = (declared.cores, seen.cores)
        && written != there
    {
        let message = format!("guest {name} has {there} vCPUs, the inventory says {written}");
        differ(
            "size-differs",
            message,
            written.to_string(),
            there.to_string(),
        );
    }
    // Small disks (EFI, TPM, cloud-init) are not written down: compare the largest.
    let there = seen.disks.iter().filter_map(|disk| disk.size_bytes).max();
    let written = declared
        .disks
        .iter()
        .filter_map(|disk| disk.size_bytes)
        .max();
    if let (Some(written), Some(there)) = (written, there)
        && written != there
    {
        let (written, there) = (gib(written), gib(there));
        let message =
            format!("guest {name} has a disk of {there} GiB, the inventory says {written} GiB");
        differ("size-differs", message, written, there);
    }
}

fn duplicate_macs(topology: &mut Topology, guests: &[&ObservedGuest]) {
    for (index, guest) in guests.iter().enumerate() {
        for other in guests.iter().skip(index + 1) {
            let Some(mac) = guest.macs.iter().find(|mac| other.macs.contains(mac)) else {
                continue;
            };
            topology.mismatches.push(Mismatch {
                kind: "duplicate-mac".to_owned(),
                subject: mac.clone(),
                message: format!(
                    "guests {} ({}) on {} and {} ({}) on {} have the same MAC address {mac}",
                    guest.name, guest.vmid, guest.host, other.name, other.vmid, other.host
                ),
                ..Mismatch::default()
            });
        }
    }
}

/// Guests are referred to by name, so names must differ.
fn unique_names(guests: &mut [Guest]) {
    let names: Vec<String> = guests.iter().map(|guest| guest.name.clone()).collect();
    for (index, guest) in guests.iter_mut().enumerate() {
        let earlier = names.iter().take(index).any(|name| *name == guest.name);
        if let Some(vmid) = guest.vmid.filter(|_| earlier) {
            guest.name = format!("{} ({vmid})", guest.name);
        }
    }
}

/// Where the inventory lists the guest of this name.
pub(super) fn location(topology: &Topology, guest: &str) -> Option<Location> {
    topology
        .guest(guest)
        .and_then(|guest| guest.location.clone())
}
