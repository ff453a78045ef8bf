//! `storage.StorageService` of one node: its disks, and how they are wiped.

use talos_proto::storage::storage_service_server::StorageService;
use talos_proto::storage::{self, Disk, Disks, DisksResponse};
use tonic::{Request, Response, Status, async_trait};

use super::local::Local;
use crate::world::{BlockDevice, State, TalosNode};

/// `storage.StorageService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Storage(Local);

impl Storage {
    pub(super) fn new(local: Local) -> Self {
        Storage(local)
    }
}

#[async_trait]
impl StorageService for Storage {
    async fn disks(&self, _: Request<()>) -> Result<Response<DisksResponse>, Status> {
        let disks = self.0.node(|state, node| {
            let all = state.disks_of(node);
            all.into_iter().map(|d| disk(node, d)).collect()
        })?;
        let messages = vec![Disks {
            metadata: None,
            disks,
        }];
        Ok(Response::new(DisksResponse { messages }))
    }

    async fn block_device_wipe(
        &self,
        request: Request<storage::BlockDeviceWipeRequest>,
    ) -> Result<Response<storage::BlockDeviceWipeResponse>, Status> {
        let devices = &request.get_ref().devices;
        // All or nothing: the second device may be the one that is in use.
        self.0
            .node(|state, node| devices.iter().try_for_each(|d| check(state, node, d)))??;
        self.0.change(|node| {
            let volumes = &mut node.volumes;
            for wiped in devices {
                volumes.user.retain(|v| v.device != wiped.device);
                volumes.physical.retain(|d| *d != wiped.device);
                volumes
                    .groups
                    .retain(|g| !g.devices.contains(&wiped.device));
                volumes
                    .arrays
                    .retain(|a| !a.members.contains(&wiped.device));
            }
        })?;
        Ok(Response::new(storage::BlockDeviceWipeResponse {
            messages: vec![storage::BlockDeviceWipe::default()],
        }))
    }
}

fn disk(node: &TalosNode, device: BlockDevice) -> Disk {
    Disk {
        size: device.size_bytes,
        model: device.model,
        device_name: format!("/dev/{}", device.name),
        serial: device.serial,
        r#type: storage::disk::DiskType::Ssd.into(),
        subsystem: "/sys/class/block".into(),
        system_disk: node.installed.is_some() && device.name == node.system_disk(),
        name: device.name,
        ..Disk::default()
    }
}

/// Whether a device may be wiped. The disk of the system never may, unless
/// nothing is installed on it; a partition is a disk's name and a number.
fn check(
    state: &State,
    node: &TalosNode,
    wiped: &storage::BlockDeviceWipeDescriptor,
) -> Result<(), Status> {
    let name = wiped.device.as_str();
    if name.contains('/') || name.is_empty() {
        return Err(Status::invalid_argument(format!(
            "invalid device name {name:?}: without /dev/"
        )));
    }
    let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let devices = state.disks_of(node);
    if !devices.iter().any(|d| d.name == disk || d.name == name) {
        return Err(Status::not_found(format!(
            "block device {name:?} not found"
        )));
    }
    let in_use =
        |by: &str| Status::failed_precondition(format!("block device {name:?} is in use by {by}"));
    if node.installed.is_some() && disk == node.system_disk() {
        return Err(in_use("the system"));
    }
    match node.volumes.user_of(name) {
        // The first check can be skipped for volumes, the second for what
        // lies above the device.
        Some(user) if user.starts_with("volume ") && !user.starts_with("volume group") => {
            if wiped.skip_volume_check {
                return Ok(());
            }
            Err(in_use(&user))
        }
        Some(user) if !wiped.skip_secondary_check => Err(in_use(&user)),
        _ => Ok(()),
    }
}
