//! What Talos showed.

use serde::{Deserialize, Serialize};

/// One Talos node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedNode {
    /// The address it was asked by.
    pub address: String,
    /// Whether it answered at all. Everything else is empty if it did not.
    pub answered: bool,
    /// The cluster that the talosconfig or the inventory says it belongs to.
    pub cluster: Option<String>,
    /// Its hostname.
    pub hostname: Option<String>,
    /// `controlplane`, `worker` or another word of the node's.
    pub machine_type: Option<String>,
    /// Boot stage: `running`, `booting`, `maintenance`, …
    pub stage: Option<String>,
    /// Whether it calls itself ready.
    pub ready: Option<bool>,
    /// The conditions that keep it from being ready, each with its reason.
    pub unmet_conditions: Vec<String>,
    /// Version of Talos, such as `v1.12.1`.
    pub talos_version: Option<String>,
    /// Version of Kubernetes (of its kubelet), if known.
    pub kubernetes_version: Option<String>,
    /// MAC addresses of its physical links.
    pub macs: Vec<String>,
    /// Its addresses without prefix length, the VIP included while it holds it.
    pub addresses: Vec<String>,
    /// UUID in its SMBIOS.
    pub smbios_uuid: Option<String>,
    /// System extensions by name; `None` if they could not be listed.
    pub extensions: Option<Vec<String>>,
    /// Id of the image factory schematic it was built from.
    pub schematic: Option<String>,
    /// Whether it was booted with secure boot.
    pub secure_boot: Option<bool>,
    /// Id of its etcd member, 16 hex digits.
    pub etcd_member_id: Option<String>,
    /// Its name in Kubernetes.
    pub nodename: Option<String>,
    /// Services that are not running or not healthy.
    pub unhealthy_services: Vec<String>,
    /// RAM that its kernel sees, in bytes.
    pub memory_bytes: Option<u64>,
    /// RAM available for use, in bytes.
    pub memory_available_bytes: Option<u64>,
}

/// Etcd, as one control plane node sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedEtcd {
    /// Address of the node that was asked.
    pub node: String,
    /// The members it knows; empty if it could not list them.
    pub members: Vec<ObservedMember>,
    /// Id of its own member, 16 hex digits.
    pub member_id: Option<String>,
    /// Id of the leader's member, 16 hex digits; `None` while there is no leader.
    pub leader_id: Option<String>,
    /// Revision of the key space (raft index where the revision is not told).
    pub revision: Option<i64>,
    /// Size of the database file in bytes.
    pub db_size_bytes: Option<u64>,
    /// Bytes of it in use.
    pub db_in_use_bytes: Option<u64>,
    /// Version of etcd's storage, if told.
    pub storage_version: Option<String>,
    /// Errors that etcd reports about itself, such as `NOSPACE`.
    pub errors: Vec<String>,
}

/// One etcd member, as listed by a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ObservedMember {
    /// Its id, 16 hex digits.
    pub id: String,
    /// Its name, which Talos sets to the node's hostname.
    pub name: String,
    /// Its peer URLs.
    pub peer_urls: Vec<String>,
    /// Whether it is a learner, which has no vote.
    pub learner: bool,
}
