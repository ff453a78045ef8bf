//! `pve.node("pve1")`: one node, its guests, tasks, storages.

use proxmox_endpoints::{
    CreateLxc, CreateQemu, DownloadApplianceTemplate, ExtractBackupConfig, GetBackupDefaults,
    GetNodeRrdData, GetNodeStatus, GetNodeVersion, ListApplianceTemplates, ListLxc,
    ListNodeReplication, ListNodeStorage, ListQemu, ListTasks, MigrateAll, NodeRrdTimeframe,
    ScheduleReplicationNow, ShutdownNode, ShutdownNodeCommand, StartAll, StopAll, SuspendAll,
    WakeNode,
};

use super::spare;
use crate::{Ceph, Lxc, NodeStorage, Pending, PendingTask, ProxmoxClient, Qemu};

/// One node. Errors are those of [`ProxmoxClient::send`]; a name that is not in
/// the cluster is `NotFound`, a node that is down `Unavailable`.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) client: ProxmoxClient,
    pub(super) name: String,
}

impl Node {
    pub(crate) fn new(client: ProxmoxClient, name: String) -> Self {
        Node { client, name }
    }

    pub(crate) fn client(&self) -> &ProxmoxClient {
        &self.client
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One virtual machine on it.
    pub fn qemu(&self, vmid: u32) -> Qemu {
        Qemu::new(self.client.clone(), self.name.clone(), vmid)
    }

    /// One container on it.
    pub fn lxc(&self, vmid: u32) -> Lxc {
        Lxc::new(self.client.clone(), self.name.clone(), vmid)
    }

    /// One storage as it sees it.
    pub fn storage(&self, storage: impl Into<String>) -> NodeStorage {
        NodeStorage::new(self.client.clone(), self.name.clone(), storage.into())
    }

    /// Ceph on it.
    pub fn ceph(&self) -> Ceph {
        Ceph::new(self.client.clone(), self.name.clone())
    }

    /// Shuts it down or reboots it, guests first. The answer comes before it is off.
    pub fn power(&self, command: ShutdownNodeCommand) -> Pending<ShutdownNode> {
        Pending::new(&self.client, ShutdownNode::new(&self.name, command))
    }

    /// Memory, load, kernel and CPU.
    pub fn status(&self) -> Pending<GetNodeStatus> {
        Pending::new(&self.client, GetNodeStatus::new(&self.name))
    }

    /// The version of Proxmox VE on it.
    pub fn version(&self) -> Pending<GetNodeVersion> {
        Pending::new(&self.client, GetNodeVersion::new(&self.name))
    }

    /// Wakes it over the network, from another node; gives back the MAC address that was
    /// called.
    pub fn wake(&self) -> Pending<WakeNode> {
        Pending::new(&self.client, WakeNode::new(&self.name))
    }

    /// The virtual machines on it. `full` adds what QEMU says and is slow.
    pub fn qemu_list(&self) -> Pending<ListQemu> {
        Pending::new(&self.client, ListQemu::new(&self.name))
    }

    /// Creates a virtual machine; with `archive`, restores one. Every setting is a field of the
    /// request. To replace a guest that has the id there is
    /// [`restore_qemu`](Self::restore_qemu).
    pub fn create_qemu(&self, vmid: u32) -> PendingTask<CreateQemu> {
        PendingTask::task(&self.client, CreateQemu::new(&self.name, vmid))
            .refusing(spare::create_qemu)
    }

    /// The containers on it.
    pub fn lxc_list(&self) -> Pending<ListLxc> {
        Pending::new(&self.client, ListLxc::new(&self.name))
    }

    /// Creates a container from a template or image; with `restore`, from a backup. To replace a
    /// guest that has the id there is [`restore_lxc`](Self::restore_lxc).
    pub fn create_lxc(&self, vmid: u32, ostemplate: impl Into<String>) -> PendingTask<CreateLxc> {
        PendingTask::task(&self.client, CreateLxc::new(&self.name, ostemplate, vmid))
            .refusing(spare::create_lxc)
    }

    /// Starts the guests that start at boot, or those in `vms`.
    pub fn start_all(&self) -> PendingTask<StartAll> {
        PendingTask::task(&self.client, StartAll::new(&self.name))
    }

    /// Stops all guests, or those in `vms`.
    pub fn stop_all(&self) -> PendingTask<StopAll> {
        PendingTask::task(&self.client, StopAll::new(&self.name))
    }

    /// Suspends all virtual machines, or those in `vms`.
    pub fn suspend_all(&self) -> PendingTask<SuspendAll> {
        PendingTask::task(&self.client, SuspendAll::new(&self.name))
    }

    /// Moves all guests to another node, or those in `vms`.
    pub fn migrate_all(&self, target: impl Into<String>) -> PendingTask<MigrateAll> {
        PendingTask::task(&self.client, MigrateAll::new(&self.name, target))
    }

    /// Its last 50 finished tasks, newest first; running ones with `source`.
    pub fn tasks(&self) -> Pending<ListTasks> {
        Pending::new(&self.client, ListTasks::new(&self.name))
    }

    /// Its use of resources over an `hour`, `day`, `week`, `month` or `year`.
    pub fn rrd_data(&self, timeframe: NodeRrdTimeframe) -> Pending<GetNodeRrdData> {
        Pending::new(&self.client, GetNodeRrdData::new(&self.name, timeframe))
    }

    /// The storages as it sees them. A hung network share delays the answer.
    pub fn storages(&self) -> Pending<ListNodeStorage> {
        Pending::new(&self.client, ListNodeStorage::new(&self.name))
    }

    /// The container templates that can be fetched.
    pub fn appliance_templates(&self) -> Pending<ListApplianceTemplates> {
        Pending::new(&self.client, ListApplianceTemplates::new(&self.name))
    }

    /// Fetches a container template to a storage.
    pub fn download_appliance_template(
        &self,
        storage: impl Into<String>,
        template: impl Into<String>,
    ) -> PendingTask<DownloadApplianceTemplate> {
        PendingTask::task(
            &self.client,
            DownloadApplianceTemplate::new(&self.name, storage, template),
        )
    }

    /// What a backup does where nothing is said.
    pub fn backup_defaults(&self) -> Pending<GetBackupDefaults> {
        Pending::new(&self.client, GetBackupDefaults::new(&self.name))
    }

    /// The configuration of the guest inside a backup, as its file reads.
    pub fn extract_backup_config(&self, volume: impl Into<String>) -> Pending<ExtractBackupConfig> {
        Pending::new(&self.client, ExtractBackupConfig::new(&self.name, volume))
    }

    /// How its replication jobs are doing.
    pub fn replication(&self) -> Pending<ListNodeReplication> {
        Pending::new(&self.client, ListNodeReplication::new(&self.name))
    }

    /// Has a replication job run as soon as it can.
    pub fn replicate_now(&self, id: impl Into<String>) -> Pending<ScheduleReplicationNow> {
        Pending::new(&self.client, ScheduleReplicationNow::new(&self.name, id))
    }
}
