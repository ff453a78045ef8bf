//! LVM volumes and software RAID arrays (since Talos v1.14).

use homelab_core::{Error, Result};
use talos_proto::machine::{
    LvmServiceLogicalVolumeRemoveRequest, LvmServicePhysicalVolumeRemoveRequest,
    LvmServiceVolumeGroupRemoveRequest, MdDestroyRequest,
};

use super::needed;
use crate::node::NodeClient;

impl NodeClient {
    /// Removes a logical volume, with its data. Since Talos v1.14.
    ///
    /// # Errors
    /// `NotFound` when there is none; `FailedPrecondition` while it is in use;
    /// `Unsupported` before v1.14.
    pub async fn remove_logical_volume(&self, group: &str, volume: &str) -> Result<()> {
        const OPERATION: &str = "LVMService.LogicalVolumeRemove";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = LvmServiceLogicalVolumeRemoveRequest {
            volume_group: needed("the volume group", group).map_err(named)?.to_owned(),
            logical_volume: needed("the logical volume", volume)
                .map_err(named)?
                .to_owned(),
        };
        self.act(OPERATION, None, request, |raw, request| async move {
            raw.lvm().logical_volume_remove(request).await
        })
        .await
    }

    /// Removes a volume group. Since Talos v1.14.
    ///
    /// # Errors
    /// As [`remove_logical_volume`](NodeClient::remove_logical_volume).
    pub async fn remove_volume_group(&self, group: &str) -> Result<()> {
        const OPERATION: &str = "LVMService.VolumeGroupRemove";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = LvmServiceVolumeGroupRemoveRequest {
            volume_group: needed("the volume group", group).map_err(named)?.to_owned(),
        };
        self.act(OPERATION, None, request, |raw, request| async move {
            raw.lvm().volume_group_remove(request).await
        })
        .await
    }

    /// Takes the mark of a physical volume off a device. Since Talos v1.14.
    ///
    /// # Errors
    /// As [`remove_logical_volume`](NodeClient::remove_logical_volume).
    pub async fn remove_physical_volume(&self, device: &str) -> Result<()> {
        const OPERATION: &str = "LVMService.PhysicalVolumeRemove";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = LvmServicePhysicalVolumeRemoveRequest {
            device: needed("the device", device).map_err(named)?.to_owned(),
        };
        self.act(OPERATION, None, request, |raw, request| async move {
            raw.lvm().physical_volume_remove(request).await
        })
        .await
    }

    /// Takes a software RAID array apart, with its data. Since Talos v1.14.
    ///
    /// # Errors
    /// As [`remove_logical_volume`](NodeClient::remove_logical_volume).
    pub async fn destroy_md_array(&self, device: &str) -> Result<()> {
        const OPERATION: &str = "MDService.Destroy";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = MdDestroyRequest {
            device: needed("the device", device).map_err(named)?.to_owned(),
        };
        self.act(OPERATION, None, request, |raw, request| async move {
            raw.md().destroy(request).await
        })
        .await
    }
}
