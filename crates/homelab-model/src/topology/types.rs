//! The topology as data. Things refer to each other by name: hosts and
//! clusters by name, guests by `name` of [`Guest`] (made unique), nodes by
//! hostname.

use homelab_core::Location;
use homelab_core::error::Failure;
use serde::{Deserialize, Serialize};

use crate::inventory::{Assumptions, Claim, Contradiction, NamedAddress, NodeRole};
use crate::observation::{ObservedCeph, ObservedEtcd, ObservedQuorum};

/// The lab as one connected picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Topology {
    /// The lab's name.
    pub name: String,
    /// When it was observed, RFC 3339; `None` when it comes from the inventory alone.
    pub observed_at: Option<String>,
    /// The subnet of the lab.
    pub subnet: Option<String>,
    /// The Proxmox VE hosts.
    pub hosts: Vec<Host>,
    /// The guests, Talos or not, without templates.
    pub guests: Vec<Guest>,
    /// The Talos nodes.
    pub nodes: Vec<Node>,
    /// The Talos clusters.
    pub clusters: Vec<Cluster>,
    /// The etcd members of all clusters.
    pub members: Vec<Member>,
    /// Shared pools that the inventory describes.
    pub pools: Vec<Pool>,
    /// Storages that Proxmox VE reported.
    pub storages: Vec<Storage>,
    /// Every address with all its owners.
    pub addresses: Vec<Address>,
    /// How each Talos node was matched with a guest, and each seen guest with the inventory.
    pub joins: Vec<Join>,
    /// What does not fit together.
    pub mismatches: Vec<Mismatch>,
    /// Where the inventory's own files disagree.
    pub contradictions: Vec<Contradiction>,
    /// What the lab's documents promise.
    pub claims: Vec<Claim>,
    /// Numbers that cannot be read from anywhere.
    pub assumptions: Assumptions,
    /// Quorum of the Proxmox VE cluster, as observed.
    pub quorum: Option<ObservedQuorum>,
    /// Ceph, as observed.
    pub ceph: Option<ObservedCeph>,
    /// Etcd, as each control plane node that answered sees it.
    pub etcd: Vec<ObservedEtcd>,
    /// Endpoints of the talosconfig in use.
    pub talos_endpoints: Vec<String>,
    /// What did not answer.
    pub failures: Vec<Failure>,
}

/// One Proxmox VE host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Option<String>,
    /// Whether it is online; `None` when not observed or nobody could say.
    pub online: Option<bool>,
    /// CPU model.
    pub cpu_model: Option<String>,
    /// Number of CPU threads.
    pub cpus: Option<u32>,
    /// RAM in bytes; `None` when neither written down nor seen.
    pub memory_bytes: Option<u64>,
    /// RAM in use in bytes, as observed.
    pub memory_used_bytes: Option<u64>,
    /// Memory that Proxmox VE and Ceph need on it, by the assumptions.
    pub overhead_bytes: u64,
    /// Number of Ceph OSDs.
    pub osds: u32,
    /// GPUs.
    pub gpus: Vec<String>,
    /// Version of Proxmox VE.
    pub pve_version: Option<String>,
    /// Whether the inventory lists it.
    pub declared: bool,
    /// Whether Proxmox VE listed it.
    pub observed: bool,
}

/// One VM or container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Guest {
    /// Its name; two guests of one name get their number appended, as `name (101)`.
    pub name: String,
    /// Its number.
    pub vmid: Option<u32>,
    /// The host it is on: the observed one, else the declared one.
    pub host: Option<String>,
    /// The host the inventory says.
    pub declared_host: Option<String>,
    /// `running`, `stopped` or another word of Proxmox VE's; `None` when not observed.
    pub status: Option<String>,
    /// Configured memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Configured vCPUs.
    pub cores: Option<u32>,
    /// Disks.
    pub disks: Vec<Disk>,
    /// MAC addresses.
    pub macs: Vec<String>,
    /// UUID in its SMBIOS.
    pub smbios_uuid: Option<String>,
    /// Its main address, if known.
    pub address: Option<String>,
    /// The Talos node that runs in it.
    pub node: Option<String>,
    /// Whether its configuration asks for the QEMU guest agent.
    pub agent_enabled: Option<bool>,
    /// Devices passed through, which tie it to its host.
    pub passthrough: Vec<String>,
    /// State under the HA manager.
    pub ha_state: Option<String>,
    /// The lock held on it.
    pub lock: Option<String>,
    /// Whether the inventory lists it.
    pub declared: bool,
    /// Whether Proxmox VE listed it.
    pub observed: bool,
    /// Where the inventory lists it.
    pub location: Option<Location>,
}

/// One disk of a guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Disk {
    /// The pool or storage it is on.
    pub storage: String,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
}

/// One Talos node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Node {
    /// Its hostname, or its address while the hostname is not known.
    pub name: String,
    /// The cluster it belongs to.
    pub cluster: String,
    /// What it is there.
    pub role: NodeRole,
    /// Its main address.
    pub address: Option<String>,
    /// All its addresses, without a VIP.
    pub addresses: Vec<String>,
    /// MAC addresses.
    pub macs: Vec<String>,
    /// UUID in its SMBIOS.
    pub smbios_uuid: Option<String>,
    /// The guest it runs in.
    pub guest: Option<String>,
    /// The host that guest is on.
    pub host: Option<String>,
    /// Whether it answered; `None` when it was not asked.
    pub answered: Option<bool>,
    /// Boot stage.
    pub stage: Option<String>,
    /// Whether it calls itself ready.
    pub ready: Option<bool>,
    /// Conditions that keep it from being ready.
    pub unmet_conditions: Vec<String>,
    /// Services that are not running or not healthy.
    pub unhealthy_services: Vec<String>,
    /// Version of Talos.
    pub talos_version: Option<String>,
    /// Version of Kubernetes.
    pub kubernetes_version: Option<String>,
    /// System extensions; `None` when neither seen nor written down.
    pub extensions: Option<Vec<String>>,
    /// Id of its image factory schematic.
    pub schematic: Option<String>,
    /// The installer image that is written down.
    pub image: Option<String>,
    /// Whether it uses secure boot: as observed, else as configured.
    pub secure_boot: Option<bool>,
    /// Its name in Kubernetes.
    pub nodename: Option<String>,
    /// Id of its etcd member, 16 hex digits.
    pub etcd_member_id: Option<String>,
    /// Whether it holds the cluster's VIP now.
    pub holds_vip: bool,
    /// Whether the inventory lists it.
    pub declared: bool,
    /// Whether it was seen through Talos.
    pub observed: bool,
    /// Where the inventory lists it.
    pub location: Option<Location>,
}

/// One Talos cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// URL of its Kubernetes API.
    pub endpoint: Option<String>,
    /// The address that Talos moves between the control planes.
    pub vip: Option<String>,
    /// The node that holds the VIP now.
    pub vip_holder: Option<String>,
    /// Addresses announced for services.
    pub load_balancers: Vec<NamedAddress>,
    /// Version of Talos that is written down.
    pub talos_version: Option<String>,
    /// Version of Kubernetes that is written down.
    pub kubernetes_version: Option<String>,
    /// Whether control planes may run workloads.
    pub allow_scheduling_on_control_planes: Option<bool>,
    /// The network plugin that Talos installs.
    pub cni: Option<String>,
    /// Whether kube-proxy is turned off.
    pub kube_proxy_disabled: Option<bool>,
    /// DNS servers of its nodes.
    pub nameservers: Vec<String>,
}

/// One voter (or learner) of a cluster's etcd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Member {
    /// Its id, 16 hex digits; `None` when it is only expected from the inventory.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The cluster whose etcd it votes in.
    pub cluster: String,
    /// The Talos node it runs on.
    pub node: Option<String>,
    /// The host that node's guest is on.
    pub host: Option<String>,
    /// Whether it is the leader.
    pub leader: bool,
    /// Whether it is a learner, which has no vote.
    pub learner: bool,
}

/// A shared pool that the inventory describes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `ceph-rbd`, `nfs` or another word.
    pub kind: String,
    /// Copies of each object.
    pub size: Option<u32>,
    /// Copies that must be writable for I/O to go on.
    pub min_size: Option<u32>,
    /// The hosts that hold its data.
    pub hosts: Vec<String>,
}

/// A storage that Proxmox VE reported, all hosts taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Storage {
    /// Its name.
    pub name: String,
    /// Its type, in Proxmox VE's words.
    pub kind: String,
    /// Whether all hosts see the same content.
    pub shared: bool,
    /// The hosts that see it.
    pub hosts: Vec<String>,
    /// The hosts on which it is listed but not usable now.
    pub inactive_on: Vec<String>,
    /// Size in bytes; for a storage that is not shared, the sum over its hosts.
    pub total_bytes: Option<u64>,
    /// Used bytes, likewise.
    pub used_bytes: Option<u64>,
}

/// An address with all its owners. More than one is a conflict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Address {
    /// The address.
    pub address: String,
    /// Who answers there.
    pub owners: Vec<Owner>,
}

/// An owner of an address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Owner {
    /// `host`, `node`, `guest`, `vip`, `load-balancer` or `appliance`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How two views of one machine were recognised as the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Join {
    /// What was joined: `node-guest`, `guest-inventory` or `node-inventory`.
    pub kind: String,
    /// The first one: a node's or a seen guest's name.
    pub left: String,
    /// The second one: a guest's name, or a name in the inventory.
    pub right: String,
    /// The best evidence: `mac`, `smbios-uuid`, `vmid`, `address`, `name` or `declared`.
    pub evidence: String,
    /// Everything that agrees, best first.
    pub agreeing: Vec<String>,
    /// `certain` (MAC or UUID), `strong` (number or address), `likely` (name), `weak` (only declared).
    pub confidence: String,
}

/// Something that does not fit between the inventory, Proxmox VE and Talos.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Mismatch {
    /// What kind: `conflicting-evidence`, `duplicate-mac`, `duplicate-uuid`, `node-without-guest`,
    /// `guest-without-node`, `guest-not-found`, `guest-not-declared`, `wrong-host`, `size-differs`,
    /// `role-differs`, `version-differs`, `host-not-found`, `host-not-declared`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// One sentence.
    pub message: String,
    /// What was expected, as text.
    pub expected: Option<String>,
    /// What was seen, as text.
    pub seen: Option<String>,
    /// Where the inventory says it.
    pub location: Option<Location>,
}
