use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::block::DiskSpec;

use crate::cosi::{Metadata, ResourceType, decode_spec};

/// A block device (`Disks.block.talos.dev`, since Talos v1.8).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Disk {
    /// Its name: `sda`, `nvme0n1`.
    pub name: String,
    /// Device file: `/dev/sda`.
    pub dev_path: String,
    /// Size.
    pub size_bytes: u64,
    /// Size of a sector.
    pub sector_size_bytes: u64,
    /// Model.
    pub model: String,
    /// Serial number; for a guest's disk, what the host gave it.
    pub serial: String,
    /// World-wide name.
    pub wwid: String,
    /// UUID (since Talos v1.10).
    pub uuid: String,
    /// Path on the buses of the machine.
    pub bus_path: String,
    /// How it is attached: `nvme`, `sata`, `virtio`, …
    pub transport: String,
    /// Whether it turns.
    pub rotational: bool,
    /// Whether it cannot be written.
    pub readonly: bool,
    /// Whether it is an optical drive.
    pub cdrom: bool,
    /// Other names of the device file (since Talos v1.10).
    pub symlinks: Vec<String>,
    /// Disks that it is made of (since Talos v1.9).
    pub secondary_disks: Vec<String>,
}

impl ResourceType for Disk {
    const TYPE: &'static str = "Disks.block.talos.dev";
    const NAMESPACE: &'static str = "runtime";

    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: DiskSpec = decode_spec(spec)?;
        Ok(Disk {
            name: metadata.id.clone(),
            dev_path: spec.dev_path,
            size_bytes: spec.size,
            sector_size_bytes: spec.sector_size,
            model: spec.model,
            serial: spec.serial,
            wwid: spec.wwid,
            uuid: spec.uuid,
            bus_path: spec.bus_path,
            transport: spec.transport,
            rotational: spec.rotational,
            readonly: spec.readonly,
            cdrom: spec.cdrom,
            symlinks: spec.symlinks,
            secondary_disks: spec.secondary_disks,
        })
    }
}
