//! What is on the disks: the volumes of the system, and what else was found.

use serde_json::json;
use talos_proto::definitions::{block, enums};

use super::Draft;
use super::hardware::pretty_size;
use crate::world::{BlockDevice, State, TalosNode};

const MIB: u64 = 1 << 20;

/// Label, partition number and size; what is left is the last one's.
const SYSTEM: [(&str, u32, u64); 4] = [
    ("EFI", 1, 2200 * MIB),
    ("META", 2, MIB),
    ("STATE", 3, 100 * MIB),
    ("EPHEMERAL", 4, 0),
];

/// The size of a system disk that is not known.
const UNKNOWN: u64 = 50 << 30;

pub(super) fn resources(state: &State, node: &TalosNode) -> Vec<Draft> {
    let disks = state.disks_of(node);
    let system = node.installed.is_some().then(|| {
        let found = disks.iter().find(|d| d.name == node.system_disk());
        found.map_or(UNKNOWN, |disk| disk.size_bytes)
    });
    let mut all: Vec<Draft> = disks.iter().map(|d| found(node, d)).collect();
    let Some(size) = system else { return all };
    for (label, number, fixed) in SYSTEM {
        let used: u64 = SYSTEM.iter().map(|(_, _, size)| size).sum();
        let size = if fixed == 0 {
            size.saturating_sub(used)
        } else {
            fixed
        };
        let part = Part {
            label,
            number,
            size,
            device: format!("/dev/{}{number}", node.system_disk()),
        };
        all.push(partition(node, &part));
        // Without a config the system has no use for the last two.
        let used = node.configured() || !matches!(label, "STATE" | "EPHEMERAL");
        if used && label != "EFI" {
            all.push(status(node, &part));
        }
    }
    all
}

struct Part {
    label: &'static str,
    number: u32,
    size: u64,
    device: String,
}

fn status(node: &TalosNode, part: &Part) -> Draft {
    let parent = format!("/dev/{}", node.system_disk());
    let (filesystem, word) = match part.label {
        "META" => (enums::BlockFilesystemType::FilesystemTypeNone, "none"),
        _ => (enums::BlockFilesystemType::FilesystemTypeXfs, "xfs"),
    };
    let pretty = pretty_size(part.size);
    let proto = block::VolumeStatusSpec {
        phase: enums::BlockVolumePhase::VolumePhaseReady.into(),
        r#type: enums::BlockVolumeType::VolumeTypePartition.into(),
        location: part.device.clone(),
        mount_location: part.device.clone(),
        parent_location: parent.clone(),
        partition_index: i64::from(part.number),
        size: part.size,
        pretty_size: pretty.clone(),
        filesystem: filesystem.into(),
        ..block::VolumeStatusSpec::default()
    };
    let yaml = json!({
        "phase": "ready",
        "type": "partition",
        "location": part.device,
        "mountLocation": part.device,
        "parentLocation": parent,
        "partitionIndex": part.number,
        "size": part.size,
        "prettySize": pretty,
        "filesystem": word,
    });
    Draft::new(
        "VolumeStatuses.block.talos.dev",
        part.label,
        "block.VolumeManagerController",
        &proto,
        &yaml,
    )
}

/// A disk as a whole, with what is on it.
fn found(node: &TalosNode, disk: &BlockDevice) -> Draft {
    let system = node.installed.is_some() && disk.name == node.system_disk();
    let volumes = &node.volumes;
    let content = if system {
        "gpt"
    } else if volumes.user.iter().any(|v| v.device == disk.name) {
        "xfs"
    } else {
        match volumes.user_of(&disk.name) {
            Some(user) if user.starts_with("array") => "linux_raid_member",
            Some(_) => "lvm2-pv",
            None => "",
        }
    };
    let device = format!("/dev/{}", disk.name);
    volume(&disk.name, content, disk.size_bytes, &device, None)
}

fn partition(node: &TalosNode, part: &Part) -> Draft {
    let content = match part.label {
        "EFI" => "vfat",
        "META" => "talosmeta",
        _ => "xfs",
    };
    let name = format!("{}{}", node.system_disk(), part.number);
    let of = Some((part, node.system_disk()));
    volume(&name, content, part.size, &part.device, of)
}

fn volume(id: &str, content: &str, size: u64, device: &str, part: Option<(&Part, &str)>) -> Draft {
    let kind = if part.is_some() { "partition" } else { "disk" };
    let (label, number) = part.map_or(("", 0), |(p, _)| (p.label, p.number));
    let parent = part.map_or("", |(_, disk)| disk);
    let pretty = pretty_size(size);
    let proto = block::DiscoveredVolumeSpec {
        r#type: kind.into(),
        size,
        pretty_size: pretty.clone(),
        sector_size: 512,
        io_size: 512,
        name: content.into(),
        partition_label: label.into(),
        partition_index: u64::from(number),
        device_path: device.into(),
        dev_path: device.into(),
        parent: parent.into(),
        parent_dev_path: if parent.is_empty() {
            String::new()
        } else {
            format!("/dev/{parent}")
        },
        ..block::DiscoveredVolumeSpec::default()
    };
    let yaml = json!({
        "dev_path": device,
        "type": kind,
        "device_path": device,
        "parent": parent,
        "parent_dev_path": proto.parent_dev_path,
        "size": size,
        "pretty_size": pretty,
        "sector_size": 512,
        "io_size": 512,
        "name": content,
        "partition_label": label,
        "partition_index": number,
    });
    Draft::new(
        "DiscoveredVolumes.block.talos.dev",
        id,
        "block.DiscoveryController",
        &proto,
        &yaml,
    )
}
