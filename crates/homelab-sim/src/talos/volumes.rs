//! `machine.LVMService` and `machine.MDService` (since v1.14) of one node.

use talos_proto::machine as pb;
use talos_proto::machine::lvm_service_server::LvmService;
use talos_proto::machine::md_service_server::MdService;
use tonic::{Request, Response, Status, async_trait};

use super::local::Local;
use crate::world::NodeVolumes;

/// What lies above the disks of one node.
#[derive(Clone, Debug)]
pub(super) struct Volumes(Local);

impl Volumes {
    pub(super) fn new(local: Local) -> Self {
        Volumes(local)
    }

    fn change(
        &self,
        change: impl FnOnce(&mut NodeVolumes) -> Result<(), Status>,
    ) -> Result<Response<()>, Status> {
        self.0.change(|node| change(&mut node.volumes))??;
        Ok(Response::new(()))
    }
}

fn required(what: &str, value: &str) -> Result<(), Status> {
    if value.is_empty() {
        return Err(Status::invalid_argument(format!("{what} is required")));
    }
    Ok(())
}

fn absent(what: &str, name: &str) -> Status {
    Status::not_found(format!("{what} {name:?} not found"))
}

#[async_trait]
impl LvmService for Volumes {
    async fn logical_volume_remove(
        &self,
        request: Request<pb::LvmServiceLogicalVolumeRemoveRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        required("volume group", &request.volume_group)?;
        required("logical volume", &request.logical_volume)?;
        self.change(|volumes| {
            let group = volumes
                .groups
                .iter_mut()
                .find(|g| g.name == request.volume_group)
                .ok_or_else(|| absent("volume group", &request.volume_group))?;
            let at = group
                .volumes
                .iter()
                .position(|v| *v == request.logical_volume);
            let at = at.ok_or_else(|| absent("logical volume", &request.logical_volume))?;
            group.volumes.remove(at);
            Ok(())
        })
    }

    async fn volume_group_remove(
        &self,
        request: Request<pb::LvmServiceVolumeGroupRemoveRequest>,
    ) -> Result<Response<()>, Status> {
        let name = request.into_inner().volume_group;
        required("volume group", &name)?;
        self.change(|volumes| {
            let at = volumes.groups.iter().position(|g| g.name == name);
            let at = at.ok_or_else(|| absent("volume group", &name))?;
            if !volumes.groups[at].volumes.is_empty() {
                return Err(Status::failed_precondition(format!(
                    "volume group {name:?} still has logical volumes"
                )));
            }
            // Its physical volumes stay, in no group.
            let group = volumes.groups.remove(at);
            volumes.physical.extend(group.devices);
            Ok(())
        })
    }

    async fn physical_volume_remove(
        &self,
        request: Request<pb::LvmServicePhysicalVolumeRemoveRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let device = request.device.trim_start_matches("/dev/").to_owned();
        required("device", &device)?;
        self.change(|volumes| {
            let group = volumes.groups.iter().find(|g| g.devices.contains(&device));
            if let Some(group) = group {
                return Err(Status::failed_precondition(format!(
                    "physical volume {device:?} belongs to volume group {:?}",
                    group.name
                )));
            }
            let at = volumes.physical.iter().position(|d| *d == device);
            let at = at.ok_or_else(|| absent("physical volume", &device))?;
            volumes.physical.remove(at);
            Ok(())
        })
    }
}

#[async_trait]
impl MdService for Volumes {
    async fn destroy(
        &self,
        request: Request<pb::MdDestroyRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let device = request.device.trim_start_matches("/dev/").to_owned();
        required("device", &device)?;
        self.change(|volumes| {
            let at = volumes.arrays.iter().position(|a| a.device == device);
            let at = at.ok_or_else(|| absent("MD array", &device))?;
            volumes.arrays.remove(at);
            Ok(())
        })
    }
}
