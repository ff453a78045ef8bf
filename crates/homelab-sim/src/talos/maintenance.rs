//! Maintenance mode: who may do what on a machine that has no config. Nobody
//! shows a certificate there, so everybody may do the same.

use tonic::Status;

use super::rbac;
use super::services::Caller;
use crate::world::TalosNode;

/// What answers on a machine without a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maintenance {
    /// Up to v1.12 a small server of its own.
    Small,
    /// Since v1.13 the whole API, for readers.
    Reader,
}

/// What the small server has for everybody.
const SMALL: [&str; 7] = [
    "/machine.MachineService/ApplyConfiguration",
    "/machine.MachineService/GenerateConfiguration",
    "/storage.StorageService/Disks",
    "/storage.StorageService/BlockDeviceWipe",
    "/cosi.resource.State/Get",
    "/cosi.resource.State/List",
    "/cosi.resource.State/Watch",
];

/// What readers may do beside reading while there is no config.
const READER: [&str; 6] = [
    "/machine.MachineService/ApplyConfiguration",
    "/storage.StorageService/BlockDeviceWipe",
    "/machine.LVMService/LogicalVolumeRemove",
    "/machine.LVMService/VolumeGroupRemove",
    "/machine.LVMService/PhysicalVolumeRemove",
    "/machine.MDService/Destroy",
];

impl Maintenance {
    pub(super) fn of(node: &TalosNode) -> Self {
        if node.since(13) {
            Maintenance::Reader
        } else {
            Maintenance::Small
        }
    }

    /// The caller that anybody counts as, when he may call `path`.
    pub(super) fn admit(self, path: &str) -> Result<Caller, Status> {
        let reader = Caller {
            roles: vec![rbac::READER.to_owned()],
        };
        match self {
            Maintenance::Small if SMALL.contains(&path) => Ok(reader),
            Maintenance::Small => Err(Status::unimplemented(
                "API is not implemented in maintenance mode",
            )),
            Maintenance::Reader if READER.contains(&path) => Ok(reader),
            Maintenance::Reader if rbac::allowed(path, &reader.roles) => Ok(reader),
            Maintenance::Reader => Err(Status::permission_denied("not authorized")),
        }
    }
}
