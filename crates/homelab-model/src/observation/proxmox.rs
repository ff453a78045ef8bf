//! What Proxmox VE showed.

use serde::{Deserialize, Serialize};

/// One Proxmox VE host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedHost {
    /// Its name in the Proxmox VE cluster.
    pub name: String,
    /// Whether the cluster counts it as online; `None` if nobody could say.
    pub online: Option<bool>,
    /// Its address in the cluster.
    pub address: Option<String>,
    /// The endpoint that answered for it, as a URL.
    pub endpoint: Option<String>,
    /// RAM in bytes.
    pub memory_bytes: Option<u64>,
    /// RAM in use, in bytes.
    pub memory_used_bytes: Option<u64>,
    /// Number of CPU threads.
    pub cpus: Option<u32>,
    /// CPU model, as the kernel names it.
    pub cpu_model: Option<String>,
    /// Version of Proxmox VE, such as `9.0.3`.
    pub pve_version: Option<String>,
    /// Seconds since boot.
    pub uptime_seconds: Option<u64>,
}

/// One VM or container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedGuest {
    /// Its number, unique in the Proxmox VE cluster.
    pub vmid: u32,
    /// `qemu` or `lxc`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The host it is on.
    pub host: String,
    /// `running`, `stopped`, `paused`, `suspended` or another word of the server's; empty if unknown.
    pub status: String,
    /// Configured memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Configured vCPUs: cores times sockets.
    pub cores: Option<u32>,
    /// MAC addresses of its network devices, in the order `net0`, `net1`, …
    pub macs: Vec<String>,
    /// UUID in its SMBIOS, which its guest system sees.
    pub smbios_uuid: Option<String>,
    /// Whether its configuration asks for the QEMU guest agent.
    pub agent_enabled: Option<bool>,
    /// Its disks, without CD-ROM drives.
    pub disks: Vec<ObservedDisk>,
    /// PCI devices passed through, as configured.
    pub hostpci: Vec<String>,
    /// Whether it is a template, which never runs.
    pub template: bool,
    /// State under the HA manager, if it is managed: `started`, `error`, …
    pub ha_state: Option<String>,
    /// The lock that is held on it: `backup`, `migrate`, …
    pub lock: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Addresses that its guest agent reported.
    pub addresses: Vec<String>,
}

/// One disk of a guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedDisk {
    /// The slot: `scsi0`, `virtio1`, `efidisk0`, `rootfs`.
    pub slot: String,
    /// The storage it is on.
    pub storage: String,
    /// The volume on that storage.
    pub volume: String,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
}

/// One storage on one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedStorage {
    /// Its name in Proxmox VE.
    pub name: String,
    /// The host that sees it.
    pub host: String,
    /// Its type: `rbd`, `nfs`, `lvmthin`, `dir`, …
    pub kind: String,
    /// Whether all hosts see the same content.
    pub shared: bool,
    /// Whether it is usable on this host now.
    pub active: Option<bool>,
    /// Size in bytes.
    pub total_bytes: Option<u64>,
    /// Used bytes.
    pub used_bytes: Option<u64>,
    /// What it may hold: `images`, `rootdir`, `iso`, `backup`, …
    pub content: Vec<String>,
}

/// Ceph, as Proxmox VE reports it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedCeph {
    /// `HEALTH_OK`, `HEALTH_WARN` or `HEALTH_ERR`.
    pub health: String,
    /// The health checks that are raised, by their names.
    pub checks: Vec<String>,
    /// How many OSDs there are.
    pub osds: Option<u32>,
    /// How many are up.
    pub osds_up: Option<u32>,
    /// How many are in.
    pub osds_in: Option<u32>,
    /// Monitors in quorum, by name.
    pub monitors_in_quorum: Vec<String>,
}

/// Quorum of the Proxmox VE cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedQuorum {
    /// The cluster's name.
    pub cluster: String,
    /// Hosts in its configuration; each has one vote unless it was changed by hand.
    pub expected: u32,
    /// Hosts that are online.
    pub online: u32,
    /// Whether the part of the cluster that answered has quorum.
    pub quorate: bool,
}
