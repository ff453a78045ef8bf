//! `pve.node("pve1").storage("local")`: a storage as one node sees it.

use proxmox_endpoints::{
    AllocateVolume, DeleteVolume, GetImportMetadata, GetStorageRrdData, GetStorageStatus,
    GetVolume, ListPrunableBackups, ListStorageContent, PruneBackups, PullOciImage, Timeframe,
    UpdateVolume,
};

use crate::{DataLoss, Pending, PendingTask, ProxmoxClient, Task};

/// A storage as one node sees it.
#[derive(Clone, Debug)]
pub struct NodeStorage {
    client: ProxmoxClient,
    node: String,
    storage: String,
}

impl NodeStorage {
    pub(crate) fn new(client: ProxmoxClient, node: String, storage: String) -> Self {
        NodeStorage {
            client,
            node,
            storage,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.storage
    }

    /// Space, type, whether it is active. A storage that is off or out of reach on this node is
    /// an error.
    pub fn status(&self) -> Pending<GetStorageStatus> {
        Pending::new(
            &self.client,
            GetStorageStatus::new(&self.node, &self.storage),
        )
    }

    /// The volumes on it.
    pub fn content(&self) -> Pending<ListStorageContent> {
        Pending::new(
            &self.client,
            ListStorageContent::new(&self.node, &self.storage),
        )
    }

    /// One volume: path, size, format, notes.
    pub fn volume(&self, volume: impl Into<String>) -> Pending<GetVolume> {
        Pending::new(
            &self.client,
            GetVolume::new(&self.node, &self.storage, volume),
        )
    }

    /// Makes an empty disk image and gives back its volume id. The size is in KiB, or has a
    /// suffix: `32G`.
    pub fn allocate(
        &self,
        filename: impl Into<String>,
        size: impl Into<String>,
        vmid: u32,
    ) -> Pending<AllocateVolume> {
        Pending::new(
            &self.client,
            AllocateVolume::new(&self.node, &self.storage, filename, size, vmid),
        )
    }

    /// Changes a backup's `notes` or whether it is `protected`.
    pub fn update_volume(&self, volume: impl Into<String>) -> Pending<UpdateVolume> {
        Pending::new(
            &self.client,
            UpdateVolume::new(&self.node, &self.storage, volume),
        )
    }

    /// Deletes a volume; `None` when that was done within `delay`. A volume that is not there
    /// is no error.
    pub fn delete_volume(
        &self,
        volume: impl Into<String>,
        _loss: DataLoss,
    ) -> Pending<DeleteVolume, Option<Task>> {
        Pending::maybe_task(
            &self.client,
            DeleteVolume::new(&self.node, &self.storage, volume),
        )
    }

    /// Which backups would go and stay, by the storage's rules or by `prune_backups`. Nothing
    /// is deleted.
    pub fn prunable_backups(&self) -> Pending<ListPrunableBackups> {
        Pending::new(
            &self.client,
            ListPrunableBackups::new(&self.node, &self.storage),
        )
    }

    /// Deletes the backups that would go.
    pub fn prune_backups(&self, _loss: DataLoss) -> Pending<PruneBackups> {
        Pending::new(&self.client, PruneBackups::new(&self.node, &self.storage))
    }

    /// What an OVA or `ESXi` guest would become here. The volume is `import/talos.ova`; its
    /// whole id, `local:import/talos.ova`, does as well.
    ///
    /// # Errors
    /// When awaited: `InvalidArgument`, before anything is sent, when the id names another
    /// storage; otherwise those of [`ProxmoxClient::send`].
    pub fn import_metadata(&self, volume: impl Into<String>) -> Pending<GetImportMetadata> {
        let volume = volume.into();
        let name = match volume.split_once(':') {
            // The one call that wants the name without the storage's id.
            Some((id, name)) if id == self.storage => name,
            _ => &volume,
        };
        let request = GetImportMetadata::new(&self.node, &self.storage, name);
        Pending::new(&self.client, request).refusing(on_another_storage)
    }

    /// Has the node fetch a container image from a registry (9.1 and later).
    pub fn pull_oci_image(&self, reference: impl Into<String>) -> PendingTask<PullOciImage> {
        PendingTask::task(
            &self.client,
            PullOciImage::new(&self.node, &self.storage, reference),
        )
    }

    /// Its use over an `hour`, `day`, `week`, `month` or `year`.
    pub fn rrd_data(&self, timeframe: Timeframe) -> Pending<GetStorageRrdData> {
        Pending::new(
            &self.client,
            GetStorageRrdData::new(&self.node, &self.storage, timeframe),
        )
    }
}

/// A volume that names a storage, which would be taken for a part of its name.
fn on_another_storage(request: &GetImportMetadata) -> Option<String> {
    let (volume, here) = (&request.volume, &request.storage);
    let (id, _) = volume.split_once(':')?;
    // A colon behind a `/` is part of the name.
    (!id.contains('/')).then(|| {
        format!("parameter volume: {volume} is on the storage {id}, not on {here}: ask the handle of {id}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_of_another_storage_is_refused() {
        let why = |volume| {
            on_another_storage(&GetImportMetadata::new("pve1", "local", volume)).unwrap_or_default()
        };
        assert_eq!(why("import/x.ova"), "");
        assert_eq!(why("ha-datacenter/store/a:b/a.vmx"), "");
        assert!(why("nas:import/x.ova").contains("nas, not on local"));
    }
}
