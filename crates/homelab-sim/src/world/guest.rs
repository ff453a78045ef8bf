//! A guest: a VM or a container on a host.

use std::collections::BTreeMap;
use std::time::SystemTime;

/// What kind of guest it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    /// The word of the PVE API: `qemu` or `lxc`.
    pub fn as_str(self) -> &'static str {
        match self {
            GuestKind::Qemu => "qemu",
            GuestKind::Lxc => "lxc",
        }
    }
}

/// Whether a guest is powered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    Running,
    /// It does not.
    Stopped,
}

impl Power {
    /// The word of the PVE API: `running` or `stopped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Power::Running => "running",
            Power::Stopped => "stopped",
        }
    }
}

/// A network card of a guest.
#[derive(Clone, Debug)]
pub struct Nic {
    /// Model, such as `virtio`.
    pub model: String,
    /// MAC address, lower case with colons.
    pub mac: String,
    /// Bridge, such as `vmbr0`.
    pub bridge: String,
    /// VLAN tag, if any.
    pub vlan: Option<u16>,
}

/// A disk of a guest.
#[derive(Clone, Debug)]
pub struct GuestDisk {
    /// Where it is attached, such as `scsi0`.
    pub slot: String,
    /// The storage it lies on.
    pub storage: String,
    /// The volume's name on the storage, such as `vm-100-disk-0`.
    pub volume: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A guest: a VM or a container on a host.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a guest's config"
)]
pub struct Guest {
    /// Its number, unique in the PVE cluster.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// The host it lives on.
    pub host: String,
    /// VM or container.
    pub kind: GuestKind,
    /// Whether it is powered. See [`State::guest_status`](super::State::guest_status)
    /// for what the cluster knows about it.
    pub power: Power,
    /// Virtual CPUs.
    pub cores: u32,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Network cards, `net0` first.
    pub nics: Vec<Nic>,
    /// Disks.
    pub disks: Vec<GuestDisk>,
    /// SMBIOS UUID, lower case.
    pub smbios_uuid: String,
    /// `hostpciN` values as property strings, `hostpci0` first.
    pub hostpci: Vec<String>,
    /// Whether the guest agent is switched on in its config.
    pub agent: bool,
    /// Whether it starts with its host.
    pub onboot: bool,
    /// Whether it is a template.
    pub template: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// `seabios` or `ovmf`.
    pub bios: String,
    /// The lock that some operation holds, such as `backup`.
    pub lock: Option<String>,
    /// Further config keys, verbatim.
    pub extra: BTreeMap<String, String>,
    /// When it was powered on.
    pub started_at: Option<SystemTime>,
    /// Process id on its host while it runs.
    pub pid: u32,
    /// The Talos node in it, by hostname.
    pub node: Option<String>,
    /// It ran when its host went down and starts again with it.
    pub resume_with_host: bool,
}

impl Guest {
    /// Whether it is powered.
    pub fn running(&self) -> bool {
        self.power == Power::Running
    }
}
