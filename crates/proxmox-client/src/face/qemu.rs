//! `pve.node("pve1").qemu(100)`: one virtual machine.

use proxmox_endpoints::{
    CloneQemu, ConfigureQemu, ConvertQemuToTemplate, CreateQemuSnapshot, DeleteQemu,
    DeleteQemuSnapshot, Feature, GetQemuConfig, GetQemuFeature, GetQemuMigratePreconditions,
    GetQemuRrdData, GetQemuSnapshotConfig, GetQemuStatus, ListQemuCloudInitPending,
    ListQemuPendingConfig, ListQemuSnapshots, MigrateQemu, MoveQemuDisk, RebootQemu,
    RemoteMigrateQemu, ResetQemu, ResizeQemuDisk, ResumeQemu, RollbackQemuSnapshot,
    RunQemuMonitorCommand, SendQemuKey, ShutdownQemu, StartQemu, StopQemu, SuspendQemu, Timeframe,
    UnlinkQemuDisks, UpdateQemuConfig, UpdateQemuSnapshotConfig,
};

use super::spare;
use crate::{DataLoss, DestroyScope, Pending, PendingTask, ProxmoxClient, Task};

/// One virtual machine on a node. HA and migrations move guests: one that
/// [`ProxmoxClient::guest`] found is followed, any other is asked of its node.
#[derive(Clone, Debug)]
pub struct Qemu {
    pub(super) client: ProxmoxClient,
    pub(super) node: String,
    pub(super) vmid: u32,
}

impl Qemu {
    pub(crate) fn new(client: ProxmoxClient, node: String, vmid: u32) -> Self {
        Qemu { client, node, vmid }
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
    pub fn destroy(&self, scope: DestroyScope) -> PendingTask<DeleteQemu> {
        let mut request = DeleteQemu::new(&self.node, self.vmid);
        request.purge = scope.purge();
        request.destroy_unreferenced_disks = Some(scope.unreferenced_disks());
        PendingTask::task(&self.client, request)
    }

    /// What it is doing now: running or not, CPU, memory, what the HA manager has to do with
    /// it.
    pub fn status(&self) -> Pending<GetQemuStatus> {
        Pending::new(&self.client, GetQemuStatus::new(&self.node, self.vmid))
    }

    /// Its configuration, changes that wait for its next start included.
    pub fn config(&self) -> Pending<GetQemuConfig> {
        Pending::new(&self.client, GetQemuConfig::new(&self.node, self.vmid))
    }

    /// Every key of its configuration with the value it has now and the one that waits for its
    /// next start.
    pub fn pending(&self) -> Pending<ListQemuPendingConfig> {
        Pending::new(
            &self.client,
            ListQemuPendingConfig::new(&self.node, self.vmid),
        )
    }

    /// The keys of its cloud-init configuration, each with the value that its drive holds and
    /// the one that waits to be written to it.
    pub fn cloud_init_pending(&self) -> Pending<ListQemuCloudInitPending> {
        Pending::new(
            &self.client,
            ListQemuCloudInitPending::new(&self.node, self.vmid),
        )
    }

    /// Changes its configuration at once. Give `digest` so that nobody else's change is lost
    /// (`Conflict` then). New or imported disks can take longer than the server's 30 seconds:
    /// use [`configure`](Self::configure) for these. A disk that is taken out stays as an
    /// unused volume; for more there is [`delete_disks`](Self::delete_disks).
    pub fn update_config(&self) -> Pending<UpdateQemuConfig> {
        Pending::new(&self.client, UpdateQemuConfig::new(&self.node, self.vmid))
            .refusing(spare::update_qemu)
    }

    /// Changes its configuration in a task; `None` when that was done within
    /// `background_delay`.
    pub fn configure(&self) -> Pending<ConfigureQemu, Option<Task>> {
        Pending::maybe_task(&self.client, ConfigureQemu::new(&self.node, self.vmid))
            .refusing(spare::configure_qemu)
    }

    /// Starts it. Most refusals (locked, missing, already running) are the failure of the task.
    /// When the HA manager owns it, waiting for the task also waits until the guest runs.
    pub fn start(&self) -> PendingTask<StartQemu> {
        PendingTask::task(&self.client, StartQemu::new(&self.node, self.vmid))
    }

    /// Stops it as if its power cord were pulled. Stopping a stopped one succeeds.
    pub fn stop(&self) -> PendingTask<StopQemu> {
        PendingTask::task(&self.client, StopQemu::new(&self.node, self.vmid))
    }

    /// Asks it to shut down: by its agent, else by ACPI. The task fails when it does not within
    /// `timeout_seconds`; `force_stop` pulls the cord then.
    pub fn shutdown(&self) -> PendingTask<ShutdownQemu> {
        PendingTask::task(&self.client, ShutdownQemu::new(&self.node, self.vmid))
    }

    /// Shuts it down and starts it again, with the changes that waited for that.
    pub fn reboot(&self) -> PendingTask<RebootQemu> {
        PendingTask::task(&self.client, RebootQemu::new(&self.node, self.vmid))
    }

    /// Resets it as its reset button would.
    pub fn reset(&self) -> PendingTask<ResetQemu> {
        PendingTask::task(&self.client, ResetQemu::new(&self.node, self.vmid))
    }

    /// Pauses it; with `todisk` its memory goes to a storage and it stops (hibernation).
    pub fn suspend(&self) -> PendingTask<SuspendQemu> {
        PendingTask::task(&self.client, SuspendQemu::new(&self.node, self.vmid))
    }

    /// Lets a paused or hibernated one go on.
    pub fn resume(&self) -> PendingTask<ResumeQemu> {
        PendingTask::task(&self.client, ResumeQemu::new(&self.node, self.vmid))
    }

    /// Sends a key combination in QEMU's names: `ctrl-alt-delete`.
    pub fn send_key(&self, key: impl Into<String>) -> Pending<SendQemuKey> {
        Pending::new(&self.client, SendQemuKey::new(&self.node, self.vmid, key))
    }

    /// Runs a command of QEMU's monitor and gives back its text.
    pub fn monitor(&self, command: impl Into<String>) -> Pending<RunQemuMonitorCommand> {
        Pending::new(
            &self.client,
            RunQemuMonitorCommand::new(&self.node, self.vmid, command),
        )
    }

    /// Its snapshots. One row, `current`, is no snapshot but the state that it is in.
    pub fn snapshots(&self) -> Pending<ListQemuSnapshots> {
        Pending::new(&self.client, ListQemuSnapshots::new(&self.node, self.vmid))
    }

    /// Takes a snapshot; with `vmstate` its memory too.
    pub fn snapshot(&self, name: impl Into<String>) -> PendingTask<CreateQemuSnapshot> {
        PendingTask::task(
            &self.client,
            CreateQemuSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// The configuration that a snapshot holds.
    pub fn snapshot_config(&self, name: impl Into<String>) -> Pending<GetQemuSnapshotConfig> {
        Pending::new(
            &self.client,
            GetQemuSnapshotConfig::new(&self.node, self.vmid, name),
        )
    }

    /// Changes a snapshot's description.
    pub fn update_snapshot(&self, name: impl Into<String>) -> Pending<UpdateQemuSnapshotConfig> {
        Pending::new(
            &self.client,
            UpdateQemuSnapshotConfig::new(&self.node, self.vmid, name),
        )
    }

    /// Goes back to a snapshot. What was written since is lost.
    pub fn rollback(
        &self,
        name: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<RollbackQemuSnapshot> {
        PendingTask::task(
            &self.client,
            RollbackQemuSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// Deletes a snapshot; the guest stays as it is, and cannot go back to it any more.
    pub fn delete_snapshot(
        &self,
        name: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<DeleteQemuSnapshot> {
        PendingTask::task(
            &self.client,
            DeleteQemuSnapshot::new(&self.node, self.vmid, name),
        )
    }

    /// Copies it to a new id: in full, or linked to a template's disks. See
    /// [`with_new_vmid`](crate::ProxmoxClient::with_new_vmid) for free ids.
    pub fn clone_to(&self, newid: u32) -> PendingTask<CloneQemu> {
        PendingTask::task(&self.client, CloneQemu::new(&self.node, self.vmid, newid))
    }

    /// What stands in the way of a migration: local disks and devices, allowed nodes.
    pub fn migration(&self) -> Pending<GetQemuMigratePreconditions> {
        Pending::new(
            &self.client,
            GetQemuMigratePreconditions::new(&self.node, self.vmid),
        )
    }

    /// Moves it to another node; a running one needs `online`.
    pub fn migrate(&self, target: impl Into<String>) -> PendingTask<MigrateQemu> {
        PendingTask::task(
            &self.client,
            MigrateQemu::new(&self.node, self.vmid, target),
        )
    }

    /// Moves it to another cluster, which `target_endpoint` names with a token. It stays here
    /// too, stopped.
    pub fn remote_migrate(
        &self,
        target_bridge: Vec<String>,
        target_endpoint: impl Into<String>,
        target_storage: Vec<String>,
    ) -> PendingTask<RemoteMigrateQemu> {
        PendingTask::task(
            &self.client,
            RemoteMigrateQemu::new(
                &self.node,
                self.vmid,
                target_bridge,
                target_endpoint,
                target_storage,
            ),
        )
        .refusing(spare::remote_migrate_qemu)
    }

    /// Moves it to another cluster as [`remote_migrate`](Self::remote_migrate) does, and deletes it here,
    /// with its disks. Without that, it stays here, stopped.
    pub fn remote_migrate_and_delete_source(
        &self,
        target_bridge: Vec<String>,
        target_endpoint: impl Into<String>,
        target_storage: Vec<String>,
        _loss: DataLoss,
    ) -> PendingTask<RemoteMigrateQemu> {
        self.remote_migrate(target_bridge, target_endpoint, target_storage)
            .losing(|request| request.delete = Some(true))
    }

    /// Grows a disk: to a size (`64G`) or by one (`+8G`). Disks do not shrink.
    pub fn resize_disk(
        &self,
        disk: impl Into<String>,
        size: impl Into<String>,
    ) -> Pending<ResizeQemuDisk, Option<Task>> {
        Pending::maybe_task(
            &self.client,
            ResizeQemuDisk::new(&self.node, self.vmid, disk, size),
        )
    }

    /// Moves a disk to another `storage`, or to another guest. What was copied stays behind as
    /// an unused volume.
    pub fn move_disk(&self, disk: impl Into<String>) -> PendingTask<MoveQemuDisk> {
        PendingTask::task(&self.client, MoveQemuDisk::new(&self.node, self.vmid, disk))
            .refusing(spare::move_disk)
    }

    /// Moves a disk as [`move_disk`](Self::move_disk) does, and deletes the volume it was
    /// copied from.
    pub fn move_disk_and_delete_source(
        &self,
        disk: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<MoveQemuDisk> {
        self.move_disk(disk)
            .losing(|request| request.delete = Some(true))
    }

    /// Takes disks out of the configuration. Their volumes stay, as `unused0` and so on.
    pub fn unlink_disks(&self, disks: Vec<String>) -> Pending<UnlinkQemuDisks> {
        Pending::new(
            &self.client,
            UnlinkQemuDisks::new(&self.node, self.vmid, disks),
        )
        .refusing(spare::unlink)
    }

    /// Takes disks out of the configuration and deletes their volumes: those in use (`scsi1`)
    /// and those that are not (`unused0`).
    pub fn delete_disks(&self, disks: Vec<String>, _loss: DataLoss) -> Pending<UnlinkQemuDisks> {
        self.unlink_disks(disks)
            .losing(|request| request.force = Some(true))
    }

    /// Makes it a template, for good.
    pub fn template(&self) -> PendingTask<ConvertQemuToTemplate> {
        PendingTask::task(
            &self.client,
            ConvertQemuToTemplate::new(&self.node, self.vmid),
        )
    }

    /// Whether it can `snapshot`, `clone` or `copy`.
    pub fn feature(&self, feature: Feature) -> Pending<GetQemuFeature> {
        Pending::new(
            &self.client,
            GetQemuFeature::new(&self.node, self.vmid, feature),
        )
    }

    /// Its use of resources over an `hour`, `day`, `week`, `month` or `year`. Samples that are
    /// missing have no values.
    pub fn rrd_data(&self, timeframe: Timeframe) -> Pending<GetQemuRrdData> {
        Pending::new(
            &self.client,
            GetQemuRrdData::new(&self.node, self.vmid, timeframe),
        )
    }
}
