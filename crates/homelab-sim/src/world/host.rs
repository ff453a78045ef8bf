//! A Proxmox VE host.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::SystemTime;

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// How a host that is down behaves on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Down {
    /// Connections are refused at once.
    Refuse,
    /// Connections are accepted by nobody who ever answers.
    Blackhole,
    /// It stands still with everything on it, and nobody hears from it; when
    /// it goes on, its guests have lost no more than time.
    Frozen,
}

impl Down {
    /// The word of the bindings: `refuse`, `blackhole`, `frozen`.
    pub fn as_str(self) -> &'static str {
        match self {
            Down::Refuse => "refuse",
            Down::Blackhole => "blackhole",
            Down::Frozen => "frozen",
        }
    }
}

impl FromStr for Down {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Down::Refuse, Down::Blackhole, Down::Frozen]
            .into_iter()
            .find(|how| how.as_str() == text)
            .ok_or_else(|| {
                let message =
                    format!("no way {text} to go down: there are refuse, blackhole, frozen");
                Error::new(ErrorKind::InvalidArgument, message)
            })
    }
}

/// A Proxmox VE host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Its node name, such as `pve1`.
    pub name: String,
    /// Its address in the lab's network.
    pub address: IpAddr,
    /// Its corosync node id, from 1.
    pub node_id: u32,
    /// Its corosync votes.
    pub votes: u32,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Logical CPUs.
    pub cpus: u32,
    /// CPU model as `/proc/cpuinfo` names it.
    pub cpu_model: String,
    /// Root file system size in bytes.
    pub root_bytes: u64,
    /// PVE version, such as `9.0.3`.
    pub pve_version: String,
    /// Running kernel release.
    pub kernel: String,
    /// PCI devices that may be passed through.
    pub pci: Vec<PciDevice>,
    /// How it is down, when it is down.
    pub down: Option<Down>,
    /// Whether it shuts down: its guests stop, and nobody starts them again.
    #[serde(default)]
    pub stopping: bool,
    /// When it booted.
    pub booted_at: SystemTime,
}

impl Host {
    /// Whether the host is up and reachable.
    pub fn online(&self) -> bool {
        self.down.is_none()
    }
}

/// A PCI device of a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PciDevice {
    /// Its address, such as `0000:00:02.0`.
    pub address: String,
    /// Vendor id, such as `0x8086`.
    pub vendor: String,
    /// Device id, such as `0x4680`.
    pub device: String,
    /// What a person calls it.
    pub name: String,
    /// Its class, such as `0x030000` for a display controller.
    pub class: String,
}
