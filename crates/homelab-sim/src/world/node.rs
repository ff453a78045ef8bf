//! A Talos node and its cluster.

use std::net::IpAddr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::etcd::Etcd;
use super::event::EventRing;
use super::image::ImageChanges;
use super::system::Installed;
use super::volume::NodeVolumes;

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs etcd and the Kubernetes control plane.
    ControlPlane,
    /// Runs workloads only.
    Worker,
}

impl Role {
    /// Talos' machine type: `controlplane` or `worker`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ControlPlane => "controlplane",
            Role::Worker => "worker",
        }
    }
}

/// Where a machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No power, or not far enough to answer.
    Off,
    /// The API answers, services start.
    Booting,
    /// All is up.
    Running,
}

impl Stage {
    /// The word that Talos uses in resources: `booting`, `running`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Off => "unknown",
            Stage::Booting => "booting",
            Stage::Running => "running",
        }
    }
}

/// A system extension in the node's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Name, such as `qemu-guest-agent`.
    pub name: String,
    /// Version.
    pub version: String,
}

/// A service of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id, such as `etcd`.
    pub id: String,
    /// `Running`, `Preparing`, `Waiting`, …
    pub state: String,
    /// Whether it is healthy; none when it has no health check.
    pub healthy: Option<bool>,
    /// Its last message.
    pub message: String,
    /// Since when.
    pub since: SystemTime,
}

/// A Talos node.
#[derive(Clone, Debug)]
pub struct TalosNode {
    /// Its hostname.
    pub hostname: String,
    /// Its cluster.
    pub cluster: String,
    /// Its address in the lab's network.
    pub address: IpAddr,
    /// Length of its network's prefix.
    pub prefix: u8,
    /// Its default gateway.
    pub gateway: Option<IpAddr>,
    /// What it is for.
    pub role: Role,
    /// The guest it runs in; none on bare metal.
    pub vmid: Option<u32>,
    /// Talos version with `v`.
    pub talos_version: String,
    /// Kubernetes version with `v`.
    pub kubernetes_version: String,
    /// Image factory schematic id.
    pub schematic: String,
    /// Disk it is installed on, such as `/dev/sda`.
    pub install_disk: String,
    /// Whether it booted with secure boot.
    pub secure_boot: bool,
    /// System extensions.
    pub extensions: Vec<Extension>,
    /// MAC of its first link.
    pub mac: String,
    /// SMBIOS UUID that it sees.
    pub smbios_uuid: String,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Logical CPUs.
    pub cpus: u32,
    /// Discovery identity.
    pub identity: String,
    /// Where it is in its life.
    pub stage: Stage,
    /// When it booted.
    pub booted_at: SystemTime,
    /// Services; empty when off.
    pub services: Vec<Service>,
    /// Events since boot.
    pub events: EventRing,
    /// What differs from the images that such a node usually has.
    pub image_changes: ImageChanges,
    /// What is on its disks beside the system.
    pub volumes: NodeVolumes,
    /// What is on its system disk; none while it is not installed.
    pub installed: Option<Installed>,
    /// Whether an installer is at work: a second one is refused.
    pub installer_runs: bool,
}

impl TalosNode {
    /// Whether its API answers.
    pub fn reachable(&self) -> bool {
        self.stage != Stage::Off
    }

    /// Whether it behaves as Talos 1.`minor` and later do.
    pub fn since(&self, minor: u32) -> bool {
        let mut parts = self
            .talos_version
            .trim_start_matches('v')
            .split(['.', '-'])
            .map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, minor)
    }

    /// Whether it is a control plane node.
    pub fn control_plane(&self) -> bool {
        self.role == Role::ControlPlane
    }
}

/// A Talos cluster.
#[derive(Clone, Debug)]
pub struct TalosCluster {
    /// Its name.
    pub name: String,
    /// The control plane's virtual address.
    pub vip: Option<IpAddr>,
    /// The node that holds the virtual address; none without an etcd quorum.
    pub vip_holder: Option<String>,
    /// Its etcd.
    pub etcd: Etcd,
}
