//! The inventory as data. Addresses are text in their usual form, MAC
//! addresses lower case with colons, sizes bytes.

use std::collections::BTreeMap;

use homelab_core::Location;
use serde::{Deserialize, Serialize};

/// Everything that is written down about a lab: its own file, merged with the
/// talhelper files it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Inventory {
    /// The lab's name.
    pub name: String,
    /// The file it was read from, as the caller named it.
    pub file: String,
    /// The network the lab is on.
    pub network: Network,
    /// The Proxmox VE hosts.
    pub hosts: Vec<HostSpec>,
    /// Shared storage pools.
    pub pools: Vec<PoolSpec>,
    /// The Talos clusters with their nodes.
    pub clusters: Vec<ClusterSpec>,
    /// Guests that do not run Talos.
    pub guests: Vec<GuestSpec>,
    /// Router, DNS servers, NAS: what has an address but is not managed here.
    pub appliances: Vec<ApplianceSpec>,
    /// What the lab's documents promise, to be checked.
    pub claims: Vec<Claim>,
    /// Numbers that cannot be read from anywhere.
    pub assumptions: Assumptions,
    /// Unknown keys, addresses outside the subnet: what is odd but no error.
    pub warnings: Vec<Warning>,
    /// Where the files disagree with each other. They become findings.
    pub contradictions: Vec<Contradiction>,
}

/// The network of the lab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Network {
    /// The subnet, such as `172.16.1.0/24`.
    pub subnet: Option<String>,
    /// The default gateway's address.
    pub gateway: Option<String>,
    /// Speed of the links in bits per second.
    pub link_bits_per_second: Option<u64>,
}

/// One Proxmox VE host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostSpec {
    /// Its name in the Proxmox VE cluster.
    pub name: String,
    /// Its address.
    pub address: Option<String>,
    /// CPU model.
    pub cpu: Option<String>,
    /// Number of CPU threads.
    pub threads: Option<u32>,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Number of Ceph OSDs on it.
    pub osds: u32,
    /// GPUs that can be passed through.
    pub gpus: Vec<String>,
    /// Where it is written.
    pub location: Location,
}

/// One shared storage pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PoolSpec {
    /// Its name as a storage in Proxmox VE.
    pub name: String,
    /// `ceph-rbd`, `cephfs`, `nfs`, `zfs` or another word.
    pub kind: String,
    /// Copies of each object, for Ceph.
    pub size: Option<u32>,
    /// Copies that must be writable for I/O to go on, for Ceph.
    pub min_size: Option<u32>,
    /// The hosts that hold its data; for Ceph by default the hosts with OSDs.
    pub hosts: Vec<String>,
    /// Where it is written.
    pub location: Location,
}

/// What a Talos node is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// Runs etcd and the Kubernetes control plane.
    ControlPlane,
    /// Runs workloads only.
    Worker,
}

impl NodeRole {
    /// The word used in data and files: `control-plane`, `worker`.
    pub const fn as_str(self) -> &'static str {
        match self {
            NodeRole::ControlPlane => "control-plane",
            NodeRole::Worker => "worker",
        }
    }
}

/// One Talos cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterSpec {
    /// Its name, as Talos and Kubernetes know it.
    pub name: String,
    /// URL of the Kubernetes API.
    pub endpoint: Option<String>,
    /// The address that Talos moves between the control planes.
    pub vip: Option<String>,
    /// Addresses that the cluster announces for services, with the name of each.
    pub load_balancers: Vec<NamedAddress>,
    /// Version of Talos.
    pub talos_version: Option<String>,
    /// Version of Kubernetes.
    pub kubernetes_version: Option<String>,
    /// Whether control planes may run workloads.
    pub allow_scheduling_on_control_planes: Option<bool>,
    /// The network plugin that Talos installs; `none` when it installs none.
    pub cni: Option<String>,
    /// Whether kube-proxy is turned off.
    pub kube_proxy_disabled: Option<bool>,
    /// The DNS servers of its nodes.
    pub nameservers: Vec<String>,
    /// Address ranges of pods.
    pub pod_subnets: Vec<String>,
    /// Address ranges of services.
    pub service_subnets: Vec<String>,
    /// The talconfig it was merged with, as the inventory names it.
    pub talconfig: Option<String>,
    /// Its nodes.
    pub nodes: Vec<NodeSpec>,
    /// Where it is written.
    pub location: Location,
    /// Where each property is written, by its name here.
    pub places: BTreeMap<String, Location>,
}

/// An address with the name of what answers there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NamedAddress {
    /// What answers there.
    pub name: String,
    /// The address.
    pub address: String,
    /// Where it is written.
    pub location: Location,
}

/// One Talos node and the guest it runs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeSpec {
    /// Its hostname, also the guest's name.
    pub name: String,
    /// What it is in its cluster.
    pub role: NodeRole,
    /// The Proxmox VE host its guest is on; `None` when not said.
    pub host: Option<String>,
    /// Number of its guest.
    pub vmid: Option<u32>,
    /// Its main address.
    pub address: Option<String>,
    /// All its addresses without prefix length, the main one first.
    pub addresses: Vec<String>,
    /// MAC addresses of its network devices.
    pub macs: Vec<String>,
    /// vCPUs of its guest.
    pub cores: Option<u32>,
    /// Memory of its guest in bytes.
    pub memory_bytes: Option<u64>,
    /// Disks of its guest.
    pub disks: Vec<DiskSpec>,
    /// PCI devices or GPUs passed through to it.
    pub gpus: Vec<String>,
    /// The disk that Talos is installed on.
    pub install_disk: Option<String>,
    /// The installer image, without tag if none is written.
    pub image: Option<String>,
    /// Id of the image factory schematic, if the image names one.
    pub schematic: Option<String>,
    /// System extensions that its schematic asks for; `None` when not known.
    pub extensions: Option<Vec<String>>,
    /// Whether it is configured for secure boot.
    pub secure_boot: Option<bool>,
    /// Where it is written.
    pub location: Location,
    /// Where the talconfig describes it, if it does.
    pub talconfig_location: Option<Location>,
    /// Where each property is written, by its name here.
    pub places: BTreeMap<String, Location>,
}

/// One disk of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskSpec {
    /// The pool or storage it is on.
    pub storage: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// One guest that does not run Talos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct GuestSpec {
    /// Its name.
    pub name: String,
    /// The host it is on.
    pub host: Option<String>,
    /// Its number.
    pub vmid: Option<u32>,
    /// Its address.
    pub address: Option<String>,
    /// MAC addresses of its network devices.
    pub macs: Vec<String>,
    /// vCPUs.
    pub cores: Option<u32>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Disks.
    pub disks: Vec<DiskSpec>,
    /// PCI devices or GPUs passed through to it.
    pub gpus: Vec<String>,
    /// Where it is written.
    pub location: Location,
}

/// A device with an address that is not managed here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ApplianceSpec {
    /// Its name.
    pub name: String,
    /// `router`, `dns`, `nas` or another word.
    pub kind: Option<String>,
    /// Its address.
    pub address: String,
    /// Where it is written.
    pub location: Location,
}

/// A sentence in the lab's documents that can be true or false.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Claim {
    /// The sentence, as written there.
    pub text: String,
    /// What it says, in a word that a rule can check: `survives-loss-of`,
    /// `schedulable-control-planes`, `secure-boot`. `None` is kept and shown but not checked.
    pub says: Option<String>,
    /// What may be lost, for `survives-loss-of`: `control-plane` or `host`.
    pub of: Option<String>,
    /// How many of them at once, for `survives-loss-of`.
    pub count: u32,
    /// The cluster it is about; `None` means each.
    pub cluster: Option<String>,
    /// The document it stands in.
    pub source: Option<String>,
    /// Where the inventory quotes it.
    pub location: Location,
}

/// Numbers that no API and no file tells. All have defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Assumptions {
    /// Memory of one Ceph OSD. Default 4 GiB, Ceph's own `osd_memory_target`.
    pub osd_memory_bytes: u64,
    /// Memory of Ceph's monitor and manager on a host with OSDs. Default 1 GiB.
    pub ceph_daemons_memory_bytes: u64,
    /// Memory of Proxmox VE itself on each host. Default 2 GiB.
    pub host_memory_bytes: u64,
    /// Memory that the Kubernetes control plane takes on one of its nodes. Default 2.5 GiB.
    pub control_plane_memory_bytes: u64,
    /// Probability that one host is down at a given moment, independent of the others. Default 0.01.
    pub host_outage_probability: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Assumptions {
            osd_memory_bytes: 4 * GIB,
            ceph_daemons_memory_bytes: GIB,
            host_memory_bytes: 2 * GIB,
            control_plane_memory_bytes: 5 * GIB / 2,
            host_outage_probability: 0.01,
        }
    }
}

/// Something odd in a file that is no error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Warning {
    /// Where.
    pub location: Location,
    /// What, in one sentence.
    pub message: String,
}

/// Two places that say different things about the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Contradiction {
    /// What they are about: the name of a node or cluster.
    pub subject: String,
    /// Which property: `address`, `mac`, `role`, `vip`, `talos_version`, …, or `node` when one of
    /// the two does not know it at all.
    pub field: String,
    /// What one place says; the inventory, if it is one of the two.
    pub first: Place,
    /// What the other says.
    pub second: Place,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Place {
    /// The value; `None` when it is missing there.
    pub value: Option<String>,
    /// Where.
    pub location: Location,
}
