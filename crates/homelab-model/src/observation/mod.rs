//! What was seen: plain data, filled from live APIs by the crate `homelab`,
//! by tests, or from JSON. Everything is optional, because any of it may not
//! have answered; what did not is in [`Observation::failures`].
//!
//! Nothing here judges: joining and judging is the work of
//! [`Topology::join`](crate::Topology::join) and the findings.
//!
//! These structs are meant to be built by others, with
//! `ObservedHost { name, ..Default::default() }`; new fields come with a
//! default.

mod proxmox;
mod talos;

use homelab_core::error::Failure;
use serde::{Deserialize, Serialize};

pub use proxmox::{
    ObservedCeph, ObservedDisk, ObservedGuest, ObservedHost, ObservedQuorum, ObservedStorage,
};
pub use talos::{ObservedEtcd, ObservedMember, ObservedNode};

/// One look at a lab, through Proxmox VE and Talos at about the same time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Observation {
    /// When it was finished, RFC 3339.
    pub observed_at: String,
    /// The Proxmox VE hosts.
    pub hosts: Vec<ObservedHost>,
    /// VMs and containers of all hosts that were listed.
    pub guests: Vec<ObservedGuest>,
    /// The Talos nodes that were asked, whether or not they answered.
    pub nodes: Vec<ObservedNode>,
    /// Etcd as each asked control plane node sees it.
    pub etcd: Vec<ObservedEtcd>,
    /// Quorum of the Proxmox VE cluster; absent on a single host.
    pub quorum: Option<ObservedQuorum>,
    /// Storages, one entry for each host they are on.
    pub storages: Vec<ObservedStorage>,
    /// Ceph as Proxmox VE reports it, if it runs Ceph.
    pub ceph: Option<ObservedCeph>,
    /// Endpoints of the talosconfig in use, as written there.
    pub talos_endpoints: Vec<String>,
    /// What did not answer or answered nonsense, by target.
    pub failures: Vec<Failure>,
}
