//! From an inventory to a [`WorldSeed`]: what the owner wrote down becomes what
//! is, and what was left open gets a plausible value.

use std::net::{IpAddr, Ipv4Addr};

use homelab_core::{Error, Result};
use homelab_model::Inventory;
use homelab_model::inventory::{ClusterSpec, GuestSpec, HostSpec, NodeRole, NodeSpec, PoolSpec};

use crate::world::seed::{
    CephSeed, ClusterSeed, GuestSeed, HostSeed, NodeSeed, StorageSeed, WorldSeed,
};
use crate::world::{PLAIN_SCHEMATIC, PciDevice, Role};

const GIB: u64 = 1 << 30;

/// Size of an OSD; inventories count them only.
const OSD_BYTES: u64 = 1 << 40;

/// What the inventory says, as a seed for a world.
///
/// # Errors
/// `Config` with file and line for an address that is none.
pub(crate) fn from_inventory(inventory: &Inventory) -> Result<WorldSeed> {
    let mut seed = WorldSeed {
        lab: inventory.name.clone(),
        ..WorldSeed::default()
    };
    let (prefix, gateway) = network(inventory);
    for (n, host) in (2_u16..).zip(&inventory.hosts) {
        seed.hosts.push(host_seed(host, n)?);
    }
    for host in monitors(inventory) {
        if let Some(found) = seed.hosts.iter_mut().find(|h| h.name == host) {
            found.monitor = true;
        }
    }
    for guest in &inventory.guests {
        seed.guests.push(guest_seed(inventory, guest));
    }
    let mut n = 0_u16;
    for cluster in &inventory.clusters {
        seed.clusters.push(cluster_seed(cluster)?);
        for node in &cluster.nodes {
            n = n.wrapping_add(1);
            if let Some(host) = &node.host {
                seed.guests.push(node_guest(inventory, node, host));
            }
            seed.nodes
                .push(node_seed(cluster, node, n, prefix, gateway)?);
        }
    }
    if seed.hosts.iter().any(|h| !h.osd_bytes.is_empty()) {
        seed.ceph = Some(ceph(&inventory.pools));
    }
    seed.storages = storages(inventory);
    Ok(seed)
}

fn network(inventory: &Inventory) -> (u8, Option<IpAddr>) {
    let prefix = inventory
        .network
        .subnet
        .as_deref()
        .and_then(|subnet| subnet.split_once('/')?.1.parse().ok())
        .unwrap_or(24);
    let gateway = inventory
        .network
        .gateway
        .as_deref()
        .and_then(|g| g.parse().ok());
    (prefix, gateway)
}

/// The address of the `n`-th of those that the inventory gives none.
fn usual_address(net: u8, n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    // Hosts and nodes each have a row of networks of their own.
    Ipv4Addr::new(10, 99, net.wrapping_add(high.wrapping_mul(2)), low)
}

fn host_seed(host: &HostSpec, n: u16) -> Result<HostSeed> {
    Ok(HostSeed {
        name: host.name.clone(),
        address: address(host.address.as_deref(), &host.location)?
            .unwrap_or(IpAddr::V4(usual_address(0, n))),
        memory_bytes: host.memory_bytes,
        cpus: host.threads,
        cpu_model: host.cpu.clone(),
        votes: 1,
        osd_bytes: vec![OSD_BYTES; host.osds as usize],
        monitor: false,
        pve_version: None,
        pci: (0..)
            .zip(&host.gpus)
            .map(|(n, gpu)| gpu_device(n, gpu))
            .collect(),
    })
}

/// Monitors run on the hosts with OSDs, an odd number of them, at most three.
fn monitors(inventory: &Inventory) -> Vec<&str> {
    let with_osds: Vec<_> = inventory
        .hosts
        .iter()
        .filter(|h| h.osds > 0)
        .map(|h| h.name.as_str())
        .collect();
    let odd = match with_osds.len() {
        0 => 0,
        1 | 2 => 1,
        _ => 3,
    };
    with_osds.into_iter().take(odd).collect()
}

fn gpu_device(n: usize, name: &str) -> PciDevice {
    let intel = name
        .to_ascii_lowercase()
        .contains("nvidia")
        .then_some("0x10de");
    PciDevice {
        address: pci_address(n),
        vendor: intel.unwrap_or("0x8086").into(),
        device: "0x4690".into(),
        name: name.to_owned(),
        class: "0x030000".into(),
    }
}

/// The first display controller sits where integrated graphics do.
fn pci_address(n: usize) -> String {
    if n == 0 {
        "0000:00:02.0".into()
    } else {
        format!("0000:{n:02x}:00.0")
    }
}

fn hostpci(inventory: &Inventory, host: &str, gpus: &[String]) -> Vec<String> {
    let Some(host) = inventory.hosts.iter().find(|h| h.name == host) else {
        return Vec::new();
    };
    gpus.iter()
        .filter_map(|gpu| host.gpus.iter().position(|g| g == gpu))
        .map(|n| format!("{},pcie=1", pci_address(n)))
        .collect()
}

fn guest_seed(inventory: &Inventory, guest: &GuestSpec) -> GuestSeed {
    let host = guest
        .host
        .clone()
        .or_else(|| inventory.hosts.first().map(|h| h.name.clone()))
        .unwrap_or_default();
    GuestSeed {
        vmid: guest.vmid,
        cores: guest.cores.unwrap_or(2),
        memory_bytes: guest.memory_bytes.unwrap_or(2 * GIB),
        disks: guest
            .disks
            .iter()
            .map(|d| (d.storage.clone(), d.size_bytes))
            .collect(),
        macs: guest.macs.clone(),
        hostpci: hostpci(inventory, &host, &guest.gpus),
        ..GuestSeed::new(&guest.name, host)
    }
}

fn node_guest(inventory: &Inventory, node: &NodeSpec, host: &str) -> GuestSeed {
    GuestSeed {
        vmid: node.vmid,
        cores: node.cores.unwrap_or(4),
        memory_bytes: node.memory_bytes.unwrap_or(8 * GIB),
        disks: node
            .disks
            .iter()
            .map(|d| (d.storage.clone(), d.size_bytes))
            .collect(),
        macs: node.macs.clone(),
        hostpci: hostpci(inventory, host, &node.gpus),
        tags: vec!["talos".into()],
        ..GuestSeed::new(&node.name, host)
    }
}

fn cluster_seed(cluster: &ClusterSpec) -> Result<ClusterSeed> {
    let or =
        |version: &Option<String>, usual: &str| version.clone().unwrap_or_else(|| usual.into());
    Ok(ClusterSeed {
        name: cluster.name.clone(),
        vip: address(cluster.vip.as_deref(), &cluster.location)?,
        etcd_db_bytes: 4 << 20,
        talos_version: or(&cluster.talos_version, "v1.12.1"),
        kubernetes_version: or(&cluster.kubernetes_version, "v1.35.0"),
    })
}

fn node_seed(
    cluster: &ClusterSpec,
    node: &NodeSpec,
    n: u16,
    prefix: u8,
    gateway: Option<IpAddr>,
) -> Result<NodeSeed> {
    let schematic = node
        .schematic
        .clone()
        .or_else(|| image_schematic(node.image.as_deref()?));
    let plain = schematic.as_deref().is_none_or(|s| s == PLAIN_SCHEMATIC);
    // What an image holds is decided by its schematic; a plain one holds nothing.
    let usual = if plain {
        Vec::new()
    } else {
        vec!["qemu-guest-agent".to_owned()]
    };
    Ok(NodeSeed {
        hostname: node.name.clone(),
        cluster: cluster.name.clone(),
        address: address(node.address.as_deref(), &node.location)?
            .unwrap_or(IpAddr::V4(usual_address(1, n))),
        prefix,
        gateway,
        role: match node.role {
            NodeRole::ControlPlane => Role::ControlPlane,
            NodeRole::Worker => Role::Worker,
        },
        guest: node.host.is_some().then(|| node.name.clone()),
        install_disk: node
            .install_disk
            .clone()
            .unwrap_or_else(|| "/dev/sda".into()),
        secure_boot: node.secure_boot.unwrap_or(false),
        extensions: node.extensions.clone().unwrap_or(usual),
        schematic: Some(schematic.unwrap_or_else(|| PLAIN_SCHEMATIC.into())),
        mac: node.macs.first().cloned(),
        memory_bytes: node.memory_bytes.unwrap_or(8 * GIB),
        cpus: node.cores.unwrap_or(4),
    })
}

/// The schematic in an image factory reference: `…/installer/<schematic>:<tag>`.
fn image_schematic(image: &str) -> Option<String> {
    let last = image.rsplit('/').next()?;
    let id = last.split(':').next()?;
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
}

fn is_ceph(pool: &PoolSpec) -> bool {
    pool.kind.starts_with("ceph") || pool.kind == "rbd"
}

fn ceph(pools: &[PoolSpec]) -> CephSeed {
    CephSeed {
        version: "19.2.3".into(),
        pools: pools
            .iter()
            .filter(|p| is_ceph(p))
            .map(|p| {
                let size = p.size.unwrap_or(3);
                (p.name.clone(), size, p.min_size.unwrap_or(size.div_ceil(2)))
            })
            .collect(),
    }
}

/// `local` on every host, the inventory's pools, and every storage that a disk names.
fn storages(inventory: &Inventory) -> Vec<StorageSeed> {
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut all = vec![StorageSeed {
        id: "local".into(),
        kind: "dir".into(),
        content: words(&["iso", "vztmpl", "backup"]),
        shared: false,
        hosts: Vec::new(),
        pool: None,
        server: None,
        total_bytes: 94 * GIB,
    }];
    for pool in &inventory.pools {
        let ceph = is_ceph(pool);
        let (kind, shared) = match pool.kind.as_str() {
            _ if ceph => ("rbd", true),
            "zfs" | "zfspool" => ("zfspool", false),
            "nfs" => ("nfs", true),
            "dir" | "directory" => ("dir", false),
            _ => ("lvmthin", false),
        };
        all.push(StorageSeed {
            id: pool.name.clone(),
            kind: kind.into(),
            content: words(&["images", "rootdir"]),
            shared,
            // Every host reaches Ceph; the pool's hosts are those with its OSDs.
            hosts: if ceph { Vec::new() } else { pool.hosts.clone() },
            pool: ceph.then(|| pool.name.clone()),
            server: None,
            total_bytes: 500 * GIB,
        });
    }
    let guests = inventory.guests.iter().flat_map(|g| &g.disks);
    let nodes = inventory
        .clusters
        .iter()
        .flat_map(|c| c.nodes.iter().flat_map(|n| &n.disks));
    for disk in guests.chain(nodes) {
        if !all.iter().any(|s| s.id == disk.storage) {
            all.push(StorageSeed {
                id: disk.storage.clone(),
                kind: "lvmthin".into(),
                content: words(&["images", "rootdir"]),
                shared: false,
                hosts: Vec::new(),
                pool: None,
                server: None,
                total_bytes: 500 * GIB,
            });
        }
    }
    all
}

fn address(text: Option<&str>, location: &homelab_core::Location) -> Result<Option<IpAddr>> {
    let Some(text) = text else { return Ok(None) };
    let bare = text.split('/').next().unwrap_or(text);
    bare.parse().map(Some).map_err(|_| {
        Error::config(
            location.clone(),
            format!("{text} is not an IP address: the simulator resolves no names"),
        )
    })
}
