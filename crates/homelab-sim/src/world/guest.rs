//! A guest: a VM or a container on a host.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What kind of guest it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// What messages call it: `VM` or `CT`.
    pub fn noun(self) -> &'static str {
        match self {
            GuestKind::Qemu => "VM",
            GuestKind::Lxc => "CT",
        }
    }
}

/// Whether a guest is powered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nic {
    /// Its number: 0 for `net0`.
    pub index: u32,
    /// Model, such as `virtio`.
    pub model: String,
    /// MAC address, lower case with colons.
    pub mac: String,
    /// Bridge, such as `vmbr0`.
    pub bridge: String,
    /// VLAN tag, if any.
    pub vlan: Option<u16>,
    /// Further options, such as `firewall`, verbatim.
    pub options: BTreeMap<String, String>,
}

/// A disk of a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuestDisk {
    /// Where it is attached, such as `scsi0`.
    pub slot: String,
    /// The storage it lies on.
    pub storage: String,
    /// The volume's name on the storage, such as `vm-100-disk-0`.
    pub volume: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// `qcow2` or `raw` on storages that keep files.
    pub format: String,
    /// The template's volume that a linked clone is based on.
    pub base: Option<String>,
    /// Further options, such as `iothread`, verbatim.
    pub options: BTreeMap<String, String>,
}

/// A snapshot of a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name, unique in the guest.
    pub name: String,
    /// What somebody wrote about it.
    pub description: String,
    /// The snapshot before it.
    pub parent: Option<String>,
    /// When it was taken.
    pub taken_at: SystemTime,
    /// Whether it holds the memory of the running guest.
    pub with_memory: bool,
    /// The guest as it was; without snapshots of its own.
    pub guest: Box<Guest>,
}

/// A guest: a VM or a container on a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Disks that its system sees.
    pub disks: Vec<GuestDisk>,
    /// Volumes that its system does not see as disks: firmware state
    /// (`efidisk0`, `tpmstate0`), the cloud-init drive, detached volumes
    /// (`unused0`).
    pub side_disks: Vec<GuestDisk>,
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
    /// Changes that wait for the next cold start; `None` removes the key.
    pub pending: BTreeMap<String, Option<String>>,
    /// Snapshots, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// The snapshot that its present state descends from.
    pub parent: Option<String>,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it was powered on.
    pub started_at: Option<SystemTime>,
    /// Process id on its host while it runs.
    pub pid: u32,
    /// The Talos node in it, by hostname.
    pub node: Option<String>,
    /// It ran when its host went down and starts again with it.
    pub resume_with_host: bool,
    /// Its CPUs stand still while it stays powered.
    pub paused: bool,
    /// The image that its first disk was made from.
    pub imported: Option<String>,
}

impl Guest {
    /// A value of `smbios1`, such as `serial`, in plain text.
    pub fn smbios(&self, key: &str) -> Option<String> {
        let parts: Vec<_> = self.extra.get("smbios1")?.split(',').collect();
        let value = |key: &str| {
            let mut pairs = parts.iter().filter_map(|part| part.split_once('='));
            pairs.find(|(k, _)| *k == key).map(|(_, value)| value)
        };
        let text = value(key)?.to_owned();
        if value("base64") != Some("1") {
            return Some(text);
        }
        let bytes = STANDARD.decode(&text).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// A guest with nothing in it, powered off.
    pub fn new(vmid: u32, host: &str, kind: GuestKind, now: SystemTime) -> Self {
        Guest {
            vmid,
            name: match kind {
                GuestKind::Qemu => format!("VM {vmid}"),
                GuestKind::Lxc => format!("CT{vmid}"),
            },
            host: host.to_owned(),
            kind,
            power: Power::Stopped,
            cores: 1,
            memory_bytes: 512 << 20,
            nics: Vec::new(),
            disks: Vec::new(),
            side_disks: Vec::new(),
            smbios_uuid: String::new(),
            hostpci: Vec::new(),
            agent: false,
            onboot: false,
            template: false,
            tags: Vec::new(),
            bios: "seabios".into(),
            lock: None,
            extra: BTreeMap::new(),
            pending: BTreeMap::new(),
            snapshots: Vec::new(),
            parent: None,
            created_at: now,
            started_at: None,
            pid: 0,
            node: None,
            resume_with_host: false,
            paused: false,
            imported: None,
        }
    }

    /// All its volumes, with those that its system does not see.
    pub fn volumes(&self) -> impl Iterator<Item = &GuestDisk> {
        self.disks.iter().chain(&self.side_disks)
    }

    /// A name for a new volume that no other of its volumes has.
    pub fn free_volume(&self) -> String {
        let taken = |name: &String| {
            let base = name.replace("vm-", "base-");
            self.volumes()
                .any(|d| d.volume == *name || d.volume == base)
        };
        (0..=u32::MAX)
            .map(|n| format!("vm-{}-disk-{n}", self.vmid))
            .find(|name| !taken(name))
            .unwrap_or_default()
    }

    /// Whether it is powered.
    pub fn running(&self) -> bool {
        self.power == Power::Running
    }
}
