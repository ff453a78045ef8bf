//! What is on the disks of a Talos node: user volumes, LVM, software RAID.

use serde::{Deserialize, Serialize};

use super::{State, TalosNode};

/// What is on a node's disks beside the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVolumes {
    /// Disks that hold a user volume, by device name such as `sdb`.
    pub user: Vec<UserVolume>,
    /// LVM physical volumes that belong to no group, without `/dev/`.
    pub physical: Vec<String>,
    /// LVM volume groups.
    pub groups: Vec<VolumeGroup>,
    /// MD arrays.
    pub arrays: Vec<MdArray>,
}

/// A disk with a volume that the machine config asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserVolume {
    /// Its name.
    pub name: String,
    /// Its disk without `/dev/`.
    pub device: String,
    /// Whether it is mounted.
    pub mounted: bool,
}

/// An LVM volume group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its physical volumes, without `/dev/`.
    pub devices: Vec<String>,
    /// Its logical volumes.
    pub volumes: Vec<String>,
}

/// A software RAID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdArray {
    /// Its device, such as `md0`.
    pub device: String,
    /// Its members, without `/dev/`.
    pub members: Vec<String>,
}

/// A disk as the node's kernel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// Its name, such as `sda`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// What it says it is.
    pub model: String,
    /// Its serial number; empty when it has none.
    pub serial: String,
    /// How it is attached: `virtio`, `sata`.
    pub transport: String,
}

impl NodeVolumes {
    /// What uses a device, if anything does.
    pub fn user_of(&self, device: &str) -> Option<String> {
        let volume = self.user.iter().find(|v| v.device == device && v.mounted);
        if let Some(volume) = volume {
            return Some(format!("volume {}", volume.name));
        }
        let has = |list: &[String]| list.iter().any(|d| d == device);
        if let Some(group) = self.groups.iter().find(|g| has(&g.devices)) {
            return Some(format!("volume group {}", group.name));
        }
        let array = self.arrays.iter().find(|a| has(&a.members))?;
        Some(format!("array {}", array.device))
    }
}

impl TalosNode {
    /// The disk it is installed on, without `/dev/`.
    pub fn system_disk(&self) -> &str {
        self.install_disk.trim_start_matches("/dev/")
    }
}

impl State {
    /// The disks of a node, in the order of their names.
    pub fn disks_of(&self, node: &TalosNode) -> Vec<BlockDevice> {
        let Some(guest) = node.vmid.and_then(|vmid| self.guest(vmid)) else {
            return vec![BlockDevice {
                name: node.system_disk().to_owned(),
                size_bytes: 500 << 30,
                model: "Generic SSD".into(),
                serial: String::new(),
                transport: "sata".into(),
            }];
        };
        let (mut scsi, mut virtio) = (b'a'..=b'z', b'a'..=b'z');
        guest
            .disks
            .iter()
            .filter_map(|disk| {
                // The kernel counts paravirtual disks apart from all others.
                let (prefix, letters) = if disk.slot.starts_with("virtio") {
                    ("vd", &mut virtio)
                } else {
                    ("sd", &mut scsi)
                };
                Some(BlockDevice {
                    name: format!("{prefix}{}", char::from(letters.next()?)),
                    size_bytes: disk.size_bytes,
                    model: "QEMU HARDDISK".into(),
                    serial: format!("drive-{}", disk.slot),
                    transport: "virtio".into(),
                })
            })
            .collect()
    }
}
