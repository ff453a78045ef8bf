//! What a world is made from: an inventory without its opinions. What is left
//! out here is derived (see [`derive`](mod@super::derive)) or defaulted.

use std::net::IpAddr;

use super::{GuestKind, HaResource, HaRule, PciDevice, Role};

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldSeed {
    /// Name of the lab; the PVE cluster's name as well.
    pub lab: String,
    /// Drives everything that is derived.
    pub seed: u64,
    /// Hosts.
    pub hosts: Vec<HostSeed>,
    /// Guests. Those of Talos nodes are added when missing.
    pub guests: Vec<GuestSeed>,
    /// Talos clusters.
    pub clusters: Vec<ClusterSeed>,
    /// Talos nodes.
    pub nodes: Vec<NodeSeed>,
    /// Storages.
    pub storages: Vec<StorageSeed>,
    /// Ceph, if the lab has it. OSDs are given with the hosts.
    pub ceph: Option<CephSeed>,
    /// Guests under HA.
    pub ha_resources: Vec<HaResource>,
    /// HA rules.
    pub ha_rules: Vec<HaRule>,
    /// From power on until a node's API answers, in milliseconds.
    pub boot_ms: u64,
    /// From there until it is running, in milliseconds.
    pub ready_ms: u64,
}

impl Default for WorldSeed {
    fn default() -> Self {
        WorldSeed {
            lab: "lab".into(),
            seed: 0,
            hosts: Vec::new(),
            guests: Vec::new(),
            clusters: Vec::new(),
            nodes: Vec::new(),
            storages: Vec::new(),
            ceph: None,
            ha_resources: Vec::new(),
            ha_rules: Vec::new(),
            boot_ms: 200,
            ready_ms: 300,
        }
    }
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostSeed {
    /// Name.
    pub name: String,
    /// Address.
    pub address: IpAddr,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Logical CPUs; 8 if not known.
    pub cpus: Option<u32>,
    /// CPU model.
    pub cpu_model: Option<String>,
    /// Corosync votes.
    pub votes: u32,
    /// Sizes of its OSDs in bytes.
    pub osd_bytes: Vec<u64>,
    /// Whether a Ceph monitor runs on it.
    pub monitor: bool,
    /// PVE version, such as `9.0.3`.
    pub pve_version: Option<String>,
    /// PCI devices that may be passed through.
    pub pci: Vec<PciDevice>,
}

/// A guest.
#[derive(Clone, Debug)]
pub struct GuestSeed {
    /// VMID; from 100 on if not given.
    pub vmid: Option<u32>,
    /// Name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// VM or container.
    pub kind: GuestKind,
    /// Virtual CPUs.
    pub cores: u32,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Disks: storage and size in bytes.
    pub disks: Vec<(String, u64)>,
    /// MACs; one is derived if empty.
    pub macs: Vec<String>,
    /// Bridge of the cards.
    pub bridge: String,
    /// SMBIOS UUID; derived if not given.
    pub smbios_uuid: Option<String>,
    /// `hostpciN` values.
    pub hostpci: Vec<String>,
    /// Whether the guest agent is on.
    pub agent: bool,
    /// Whether it starts with its host.
    pub onboot: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether it runs at the start.
    pub running: bool,
}

impl GuestSeed {
    /// A VM with two cores and 2 GiB on a host.
    pub fn new(name: impl Into<String>, host: impl Into<String>) -> Self {
        GuestSeed {
            vmid: None,
            name: name.into(),
            host: host.into(),
            kind: GuestKind::Qemu,
            cores: 2,
            memory_bytes: 2 << 30,
            disks: Vec::new(),
            macs: Vec::new(),
            bridge: "vmbr0".into(),
            smbios_uuid: None,
            hostpci: Vec::new(),
            agent: true,
            onboot: true,
            tags: Vec::new(),
            running: true,
        }
    }
}

/// A Talos cluster.
#[derive(Clone, Debug)]
pub struct ClusterSeed {
    /// Name.
    pub name: String,
    /// The control plane's virtual address.
    pub vip: Option<IpAddr>,
    /// Size of the etcd database in bytes.
    pub etcd_db_bytes: u64,
    /// Talos version, with or without `v`.
    pub talos_version: String,
    /// Kubernetes version, with or without `v`.
    pub kubernetes_version: String,
}

/// A Talos node.
#[derive(Clone, Debug)]
pub struct NodeSeed {
    /// Hostname.
    pub hostname: String,
    /// Its cluster.
    pub cluster: String,
    /// Address.
    pub address: IpAddr,
    /// Length of its network's prefix.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<IpAddr>,
    /// What it is for.
    pub role: Role,
    /// The guest it runs in, by name; none on bare metal.
    pub guest: Option<String>,
    /// Disk it is installed on.
    pub install_disk: String,
    /// Whether it boots with secure boot.
    pub secure_boot: bool,
    /// System extensions, by name.
    pub extensions: Vec<String>,
    /// Image factory schematic id.
    pub schematic: Option<String>,
    /// MAC on bare metal.
    pub mac: Option<String>,
    /// RAM in bytes on bare metal.
    pub memory_bytes: u64,
    /// Logical CPUs on bare metal.
    pub cpus: u32,
}

/// A storage.
#[derive(Clone, Debug)]
pub struct StorageSeed {
    /// Id.
    pub id: String,
    /// Type.
    pub kind: String,
    /// What it may hold.
    pub content: Vec<String>,
    /// Whether all hosts see the same content.
    pub shared: bool,
    /// Hosts that have it; empty means all.
    pub hosts: Vec<String>,
    /// The Ceph pool behind it.
    pub pool: Option<String>,
    /// The server behind it.
    pub server: Option<String>,
    /// Size in bytes; for a Ceph pool computed from the OSDs.
    pub total_bytes: u64,
}

/// Ceph.
#[derive(Clone, Debug)]
pub struct CephSeed {
    /// Version.
    pub version: String,
    /// Pools: name, size, `min_size`.
    pub pools: Vec<(String, u32, u32)>,
}
