//! Whether what an inventory asks for can be: guests on hosts that have their
//! disks and devices, and room enough.

use homelab_core::{Error, Location, Result};
use homelab_model::Inventory;
use homelab_model::inventory::{DiskSpec, HostSpec};

/// A guest, with what it asks of its host.
struct Wish<'a> {
    name: &'a str,
    host: &'a str,
    memory_bytes: u64,
    disks: &'a [DiskSpec],
    gpus: &'a [String],
    location: &'a Location,
}

/// Refuses what cannot be placed where it is wanted, and returns what is
/// unwise, each in a sentence with file and line.
///
/// # Errors
/// `Config` with file and line.
pub(crate) fn check(inventory: &Inventory) -> Result<Vec<String>> {
    let wishes = wishes(inventory);
    for wish in &wishes {
        disks(inventory, wish)?;
        devices(inventory, wish)?;
    }
    let crowded = |host: &HostSpec| {
        let here = wishes.iter().filter(|wish| wish.host == host.name);
        let wanted: u64 = here.map(|wish| wish.memory_bytes).sum();
        (wanted > host.memory_bytes).then(|| {
            format!(
                "{}: the guests of host `{}` want {} of memory, it has {}: on a real host they \
                 would not all run",
                host.location,
                host.name,
                gibibytes(wanted),
                gibibytes(host.memory_bytes)
            )
        })
    };
    Ok(inventory.hosts.iter().filter_map(crowded).collect())
}

fn gibibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 30);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

fn wishes(inventory: &Inventory) -> Vec<Wish<'_>> {
    let nodes = inventory.clusters.iter().flat_map(|c| &c.nodes);
    let nodes = nodes.filter_map(|node| {
        Some(Wish {
            name: &node.name,
            host: node.host.as_deref()?,
            memory_bytes: node.memory_bytes.unwrap_or(0),
            disks: &node.disks,
            gpus: &node.gpus,
            location: &node.location,
        })
    });
    let guests = inventory.guests.iter().filter_map(|guest| {
        Some(Wish {
            name: &guest.name,
            host: guest.host.as_deref()?,
            memory_bytes: guest.memory_bytes.unwrap_or(0),
            disks: &guest.disks,
            gpus: &guest.gpus,
            location: &guest.location,
        })
    });
    nodes.chain(guests).collect()
}

/// A pool that lies on some hosts only holds disks of guests there.
fn disks(inventory: &Inventory, wish: &Wish<'_>) -> Result<()> {
    for disk in wish.disks {
        let Some(pool) = inventory.pools.iter().find(|p| p.name == disk.storage) else {
            continue;
        };
        // Every host reaches Ceph and a file server.
        let shared = ["ceph", "rbd", "nfs"]
            .iter()
            .any(|kind| pool.kind.starts_with(kind));
        if shared || pool.hosts.is_empty() || pool.hosts.iter().any(|host| host == wish.host) {
            continue;
        }
        let message = format!(
            "`{}` is on host `{}` and has a disk on pool `{}`, which is on {} only",
            wish.name,
            wish.host,
            pool.name,
            pool.hosts.join(", ")
        );
        return Err(Error::config(wish.location.clone(), message));
    }
    Ok(())
}

/// A device can be passed through to guests of the host that has it.
fn devices(inventory: &Inventory, wish: &Wish<'_>) -> Result<()> {
    let Some(host) = inventory.hosts.iter().find(|host| host.name == wish.host) else {
        return Ok(());
    };
    match wish.gpus.iter().find(|gpu| !host.gpus.contains(gpu)) {
        None => Ok(()),
        Some(gpu) => {
            let message = format!(
                "`{}` wants GPU `{gpu}`, which its host `{}` has not; it has: {}",
                wish.name,
                host.name,
                host.gpus.join(", ")
            );
            Err(Error::config(wish.location.clone(), message))
        }
    }
}
