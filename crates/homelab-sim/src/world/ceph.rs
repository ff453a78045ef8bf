//! Ceph of the PVE cluster. What is up follows from the hosts.

use serde::{Deserialize, Serialize};

use super::State;

/// Ceph's own verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CephHealth {
    /// `HEALTH_OK`.
    Ok,
    /// `HEALTH_WARN`.
    Warn,
    /// `HEALTH_ERR`.
    Err,
}

impl CephHealth {
    /// The word of Ceph: `HEALTH_OK`, `HEALTH_WARN`, `HEALTH_ERR`.
    pub fn as_str(self) -> &'static str {
        match self {
            CephHealth::Ok => "HEALTH_OK",
            CephHealth::Warn => "HEALTH_WARN",
            CephHealth::Err => "HEALTH_ERR",
        }
    }
}

/// An OSD.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Osd {
    /// Its number.
    pub id: u32,
    /// The host it is in.
    pub host: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether it was told to hold no data.
    #[serde(default)]
    pub out: bool,
}

/// A monitor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Monitor {
    /// Its name; in PVE the host's name.
    pub name: String,
    /// The host it runs on.
    pub host: String,
}

/// A pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Copies kept.
    pub size: u32,
    /// Copies without which it stops.
    pub min_size: u32,
    /// Placement groups.
    pub pg_num: u32,
    /// Bytes stored, before replication.
    pub stored_bytes: u64,
}

/// Ceph of the PVE cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ceph {
    /// Its cluster id.
    pub fsid: String,
    /// Its version, such as `19.2.3`.
    pub version: String,
    /// OSDs by number.
    pub osds: Vec<Osd>,
    /// Monitors; the first that is up has the managers too.
    pub monitors: Vec<Monitor>,
    /// Pools.
    pub pools: Vec<Pool>,
}

impl State {
    /// OSDs whose host is up.
    pub fn osds_up<'a>(&'a self, ceph: &'a Ceph) -> impl Iterator<Item = &'a Osd> {
        ceph.osds.iter().filter(|osd| self.host_online(&osd.host))
    }

    /// Monitors in quorum: those up, if they are more than half.
    pub fn monitors_in_quorum<'a>(&self, ceph: &'a Ceph) -> Vec<&'a Monitor> {
        let up: Vec<_> = ceph
            .monitors
            .iter()
            .filter(|m| self.host_online(&m.host))
            .collect();
        if up.len() * 2 > ceph.monitors.len() {
            up
        } else {
            Vec::new()
        }
    }

    /// How many copies of each object are left: hosts with an OSD that is up and
    /// in.
    pub fn copies_left(&self, ceph: &Ceph) -> usize {
        let mut hosts: Vec<_> = self
            .osds_up(ceph)
            .filter(|osd| !osd.out)
            .map(|osd| osd.host.as_str())
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.len()
    }

    /// Ceph's verdict: an error when a pool has stopped or the monitors lost
    /// their quorum, a warning when anything is down.
    pub fn ceph_health(&self, ceph: &Ceph) -> CephHealth {
        let copies = self.copies_left(ceph);
        let stopped = ceph.pools.iter().any(|p| copies < p.min_size as usize);
        let degraded = ceph.pools.iter().any(|p| copies < p.size as usize);
        if stopped || self.monitors_in_quorum(ceph).is_empty() {
            CephHealth::Err
        } else if degraded
            || self.osds_up(ceph).count() < ceph.osds.len()
            || self.monitors_in_quorum(ceph).len() < ceph.monitors.len()
        {
            CephHealth::Warn
        } else {
            CephHealth::Ok
        }
    }
}
