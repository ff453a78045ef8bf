//! A Talos node and its cluster.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::derive;
use super::etcd::Etcd;
use super::event::EventRing;
use super::image::ImageChanges;
use super::machine_config::{ClusterCa, MachineConfig};
use super::sequence::Sequence;
use super::system::{Installed, SystemImage};
use super::volume::NodeVolumes;

/// What a node is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Runs etcd and the Kubernetes control plane.
    ControlPlane,
    /// Runs workloads only.
    #[default]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// No power, or not far enough to answer.
    Off,
    /// The API answers, services start.
    Booting,
    /// The first system is written to the disk.
    Installing,
    /// It has no config and waits for one.
    Maintenance,
    /// All is up.
    Running,
    /// It stops, to start again.
    Rebooting,
    /// It stops.
    ShuttingDown,
    /// It stops, and forgets what it was.
    Resetting,
    /// Another system is written to the disk.
    Upgrading,
}

impl Stage {
    /// The word that Talos uses in resources: `booting`, `running`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Off => "unknown",
            Stage::Booting => "booting",
            Stage::Installing => "installing",
            Stage::Maintenance => "maintenance",
            Stage::Running => "running",
            Stage::Rebooting => "rebooting",
            Stage::ShuttingDown => "shutting down",
            Stage::Resetting => "resetting",
            Stage::Upgrading => "upgrading",
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

/// A line of the kernel's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLine {
    /// When it was written.
    pub at: SystemTime,
    /// What it says.
    pub text: String,
}

/// A service of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a machine"
)]
pub struct TalosNode {
    /// How the lab calls it: its first hostname, or its guest's name. It stays
    /// whatever the node is told to be.
    pub name: String,
    /// Its hostname.
    pub hostname: String,
    /// Its cluster; empty while it has none.
    pub cluster: String,
    /// Its address in the lab's network.
    pub address: IpAddr,
    /// Length of its network's prefix.
    pub prefix: u8,
    /// What DHCP gives it.
    pub lease: (IpAddr, u8),
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
    /// The medium it boots from when nothing is installed.
    pub medium: Option<SystemImage>,
    /// Whether it has power. A guest has when it runs.
    pub powered: bool,
    /// It stopped its API by itself: what it had still to say got out.
    pub orderly: bool,
    /// Whether its guest was removed: it never starts again, unless the guest
    /// comes back from a backup.
    pub orphaned: bool,
    /// The config in force; none in maintenance mode.
    pub config: Option<MachineConfig>,
    /// The config that it starts with, on its STATE partition.
    pub stored_config: Option<MachineConfig>,
    /// The config in force is only tried; which trial it is.
    pub trial: Option<u32>,
    /// A config waits for the reboot that is under way.
    pub reboot_waits: bool,
    /// The installer image of an upgrade that the next start makes.
    pub staged_upgrade: Option<String>,
    /// The META partition.
    pub meta: BTreeMap<u8, Vec<u8>>,
    /// The member that the data on its EPHEMERAL partition belongs to.
    pub etcd_data: Option<u64>,
    /// A snapshot that was uploaded to it.
    pub etcd_upload: Option<Vec<u8>>,
    /// What it does beside its boot.
    pub sequence: Option<Sequence>,
    /// Kernel messages since it started.
    pub kernel_log: VecDeque<KernelLine>,
    /// Number of the first of them.
    pub kernel_first: u64,
    pub(crate) boot_steps: u64,
}

impl TalosNode {
    /// A machine without power and without a past.
    pub(crate) fn blank(name: &str, now: SystemTime) -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        TalosNode {
            name: name.to_owned(),
            hostname: name.to_owned(),
            cluster: String::new(),
            address: nowhere,
            prefix: 24,
            lease: (nowhere, 24),
            gateway: None,
            role: Role::Worker,
            vmid: None,
            talos_version: String::new(),
            kubernetes_version: String::new(),
            schematic: String::new(),
            install_disk: "/dev/sda".into(),
            secure_boot: false,
            extensions: Vec::new(),
            mac: String::new(),
            smbios_uuid: String::new(),
            memory_bytes: 0,
            cpus: 0,
            identity: String::new(),
            stage: Stage::Off,
            booted_at: now,
            services: Vec::new(),
            events: EventRing::default(),
            image_changes: ImageChanges::default(),
            volumes: NodeVolumes::default(),
            installed: None,
            installer_runs: false,
            medium: None,
            powered: false,
            orderly: false,
            orphaned: false,
            config: None,
            stored_config: None,
            trial: None,
            reboot_waits: false,
            staged_upgrade: None,
            meta: BTreeMap::new(),
            etcd_data: None,
            etcd_upload: None,
            sequence: None,
            kernel_log: VecDeque::new(),
            kernel_first: 0,
            boot_steps: 0,
        }
    }

    /// Whether its API answers. While it is installed, only since v1.13.
    pub fn reachable(&self) -> bool {
        match self.stage {
            Stage::Off => false,
            Stage::Installing => self.since(13),
            _ => true,
        }
    }

    /// What the kernel calls this boot; another one after each start.
    pub fn boot_id(&self, seed: u64) -> String {
        derive::uuid(seed, &format!("{}/boot/{}", self.name, self.events.boot))
    }

    /// Whether it has a config; without, it is in maintenance mode.
    pub fn configured(&self) -> bool {
        self.config.is_some()
    }

    /// Whether every service that it needs is there.
    pub(crate) fn all_up(&self) -> bool {
        self.service("kubelet")
            .is_some_and(|s| s.state == "Running")
            && self
                .services
                .iter()
                .all(|s| s.state == "Running" && s.healthy != Some(false))
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TalosCluster {
    /// Its name.
    pub name: String,
    /// The control plane's virtual address.
    pub vip: Option<IpAddr>,
    /// The node that holds the virtual address; none without an etcd quorum.
    pub vip_holder: Option<String>,
    /// The CA of its API, once the simulation has one for it.
    pub ca: Option<ClusterCa>,
    /// The CA of its Kubernetes, once somebody asked for credentials.
    pub kubernetes_ca: Option<ClusterCa>,
    /// Its etcd.
    pub etcd: Etcd,
}
