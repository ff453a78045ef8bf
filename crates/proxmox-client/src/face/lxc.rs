//! `pve.node("pve1").lxc(100)`: one container.

use proxmox_endpoints::{
    CloneLxc, ConvertLxcToTemplate, CreateLxcSnapshot, DeleteLxc, DeleteLxcSnapshot, Feature,
    GetLxcConfig, GetLxcFeature, GetLxcMigratePreconditions, GetLxcRrdData, GetLxcSnapshotConfig,
    GetLxcStatus, ListLxcInterfaces, ListLxcPendingConfig, ListLxcSnapshots, MigrateLxc,
    MoveLxcVolume, RebootLxc, RemoteMigrateLxc, ResizeLxcDisk, ResumeLxc, RollbackLxcSnapshot,
    ShutdownLxc, StartLxc, StopLxc, SuspendLxc, Timeframe, UpdateLxcConfig,
};

use super::spare;
use crate::{DataLoss, DestroyScope, Pending, PendingTask, ProxmoxClient, Task};

/// One container on a node. HA and migrations move guests: one that
/// [`ProxmoxClient::guest`] found is followed, any other is asked of its node.
#[derive(Clone, Debug)]
pub struct Lxc {
    pub(super) client: ProxmoxClient,
    pub(super) node: String,
    pub(super) vmid: u32,
}

impl Lxc {
    pub(crate) fn new(client: ProxmoxClient, node: String, vmid: u32) -> Self {
        Lxc { client, node, vmid }
    }

    pub(crate) fn client(&self) -> &ProxmoxClient {
        &self.client
    }

    /// Its id.
    pub fn vmid(&self) -> u32 {
        self.vmid
    }

    /// The node that is asked; of a guest that was found, the node that it was
    /// on then.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Deletes it with its disks, and with what the scope adds. It must be
    /// stopped. Its snapshots go too; its backups stay.
    ///
    /// The cluster's quorum is looked at before: without it the call is refused
    /// with `FailedPrecondition` and nothing is sent, since the server would
    /// delete the disks and then fail to delete the configuration. Whoever may
    /// not see the cluster's status (`Sys.Audit` on `/`) gets no such look.
    pub fn destroy(&self, scope: DestroyScope) -> PendingTask<DeleteLxc> {
        let mut request = DeleteLxc::new(&self.node, self.vmid);
        request.purge = scope.purge();
        request.destroy_unreferenced_disks = Some(scope.unreferenced_disks());
        PendingTask::task(&self.client, request)
    }

    /// What it is doing now.
    pub fn status(&self) -> Pending<GetLxcStatus> {
        Pending::new(&self.client, GetLxcStatus::new(&self.node, self.vmid))
    }

    /// Its configuration, changes that wait for its next start included.
    pub fn config(&self) -> Pending<GetLxcConfig> {
        Pending::new(&self.client, GetLxcConfig::new(&self.node, self.vmid))
    }

    /// Every key of its configuration with the value it has now and the one that waits for its
    /// next start.
    pub fn pending(&self) -> Pending<ListLxcPendingConfig> {
        Pending::new(
            &self.client,
            ListLxcPendingConfig::new(&self.node, self.vmid),
        )
    }

    /// Changes its configuration. Give `digest` so that nobody else's change is lost. A mount
    /// point that is taken out stays as an unused volume; see
    /// [`delete_unused`](Self::delete_unused).
    pub fn update_config(&self) -> Pending<UpdateLxcConfig> {
        Pending::new(&self.client, UpdateLxcConfig::new(&self.node, self.vmid))
            .refusing(spare::update_lxc)
    }

    /// Deletes volumes that nothing uses any more, by their keys: `unused0`.
    pub fn delete_unused(&self, keys: Vec<String>, _loss: DataLoss) -> Pending<UpdateLxcConfig> {
        let mut request = UpdateLxcConfig::new(&self.node, self.vmid);
        request.delete = keys;
        Pending::new(&self.client, request).refusing(spare::not_unused)
    }

    /// Starts it. When the HA manager owns it, waiting for the task also waits until it runs.
    pub fn start(&self) -> PendingTask<StartLxc> {
        PendingTask::task(&self.client, StartLxc::new(&self.node, self.vmid))
    }

    /// Kills all its processes.
    pub fn stop(&self) -> PendingTask<StopLxc> {
        PendingTask::task(&self.client, StopLxc::new(&self.node, self.vmid))
    }

    /// Asks its init to shut down; the task fails when it does not within `timeout`.
    pub fn shutdown(&self) -> PendingTask<ShutdownLxc> {
        PendingTask::task(&self.client, ShutdownLxc::new(&self.node, self.vmid))
    }

    /// Shuts it down and starts it again.
    pub fn reboot(&self) -> PendingTask<RebootLxc> {
        PendingTask::task(&self.client, RebootLxc::new(&self.node, self.vmid))
    }

    /// Freezes it.
    pub fn suspend(&self) -> PendingTask<SuspendLxc> {
        PendingTask::task(&self.client, SuspendLxc::new(&self.node, self.vmid))
    }

    /// Lets a frozen one go on.
    pub fn resume(&self) -> PendingTask<ResumeLxc> {
        PendingTask::task(&self.client, ResumeLxc::new(&self.node, self.vmid))
    }

    /// Its network interfaces with their addresses; empty while it is stopped.
    pub fn interfaces(&self) -> Pending<ListLxcInterfaces> {
        Pending::new(&self.client, ListLxcInterfaces::new(&self.node, self.vmid))
    }

    /// Its snapshots. One row, `current`, is no snapshot but the state that it is in.
    pub fn snapshots(&self) -> Pending<ListLxcSnapshots> {
        Pending::new(&self.client, ListLxcSnapshots::new(&self.node, self.vmid))
    }

    /// Takes a snapshot.
    pub fn snapshot(&self, name: impl Into<String>) -> PendingTask<CreateLxcSnapshot> {
        PendingTask::task(
            &self.client,
            CreateLxcSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// The configuration that a snapshot holds.
    pub fn snapshot_config(&self, name: impl Into<String>) -> Pending<GetLxcSnapshotConfig> {
        Pending::new(
            &self.client,
            GetLxcSnapshotConfig::new(&self.node, self.vmid, name),
        )
    }

    /// Goes back to a snapshot. What was written since is lost.
    pub fn rollback(
        &self,
        name: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<RollbackLxcSnapshot> {
        PendingTask::task(
            &self.client,
            RollbackLxcSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// Deletes a snapshot; the container stays as it is, and cannot go back to it any more.
    pub fn delete_snapshot(
        &self,
        name: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<DeleteLxcSnapshot> {
        PendingTask::task(
            &self.client,
            DeleteLxcSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// Copies it to a new id. A running one needs `snapname`.
    pub fn clone_to(&self, newid: u32) -> PendingTask<CloneLxc> {
        PendingTask::task(&self.client, CloneLxc::new(&self.node, self.vmid, newid))
    }

    /// What stands in the way of a migration.
    pub fn migration(&self) -> Pending<GetLxcMigratePreconditions> {
        Pending::new(
            &self.client,
            GetLxcMigratePreconditions::new(&self.node, self.vmid),
        )
    }

    /// Moves it to another node; a running one needs `restart`, as there is no live migration.
    pub fn migrate(&self, target: impl Into<String>) -> PendingTask<MigrateLxc> {
        PendingTask::task(&self.client, MigrateLxc::new(&self.node, self.vmid, target))
    }

    /// Moves it to another cluster. It stays here too, stopped.
    pub fn remote_migrate(
        &self,
        target_bridge: Vec<String>,
        target_endpoint: impl Into<String>,
        target_storage: Vec<String>,
    ) -> PendingTask<RemoteMigrateLxc> {
        PendingTask::task(
            &self.client,
            RemoteMigrateLxc::new(
                &self.node,
                self.vmid,
                target_bridge,
                target_endpoint,
                target_storage,
            ),
        )
        .refusing(spare::remote_migrate_lxc)
    }

    /// Moves it to another cluster as [`remote_migrate`](Self::remote_migrate) does, and deletes it here,
    /// with its disks. Without that, it stays here, stopped.
    pub fn remote_migrate_and_delete_source(
        &self,
        target_bridge: Vec<String>,
        target_endpoint: impl Into<String>,
        target_storage: Vec<String>,
        _loss: DataLoss,
    ) -> PendingTask<RemoteMigrateLxc> {
        self.remote_migrate(target_bridge, target_endpoint, target_storage)
            .losing(|request| request.delete = Some(true))
    }

    /// Grows a volume: to a size (`64G`) or by one (`+8G`).
    pub fn resize_disk(
        &self,
        disk: impl Into<String>,
        size: impl Into<String>,
    ) -> Pending<ResizeLxcDisk, Option<Task>> {
        Pending::maybe_task(
            &self.client,
            ResizeLxcDisk::new(&self.node, self.vmid, disk, size),
        )
    }

    /// Moves a volume to another `storage`, or to another container. What was copied stays
    /// behind as an unused volume.
    pub fn move_volume(&self, volume: impl Into<String>) -> PendingTask<MoveLxcVolume> {
        PendingTask::task(
            &self.client,
            MoveLxcVolume::new(&self.node, self.vmid, volume),
        )
        .refusing(spare::move_volume)
    }

    /// Moves a volume as [`move_volume`](Self::move_volume) does, and deletes the one it was
    /// copied from.
    pub fn move_volume_and_delete_source(
        &self,
        volume: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<MoveLxcVolume> {
        self.move_volume(volume)
            .losing(|request| request.delete = Some(true))
    }

    /// Makes it a template, for good.
    pub fn template(&self) -> Pending<ConvertLxcToTemplate> {
        Pending::new(
            &self.client,
            ConvertLxcToTemplate::new(&self.node, self.vmid),
        )
    }

    /// Whether it can `snapshot`, `clone` or `copy`.
    pub fn feature(&self, feature: Feature) -> Pending<GetLxcFeature> {
        Pending::new(
            &self.client,
            GetLxcFeature::new(&self.node, self.vmid, feature),
        )
    }

    /// Its use of resources over an `hour`, `day`, `week`, `month` or `year`.
    pub fn rrd_data(&self, timeframe: Timeframe) -> Pending<GetLxcRrdData> {
        Pending::new(
            &self.client,
            GetLxcRrdData::new(&self.node, self.vmid, timeframe),
        )
    }
}
