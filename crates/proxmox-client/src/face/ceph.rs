//! `pve.node("pve1").ceph()`: Ceph, as one node runs it. What concerns all
//! nodes is in [`Cluster`](crate::Cluster).

use proxmox_endpoints::{
    CheckCephCommandSafety, CheckCephCommandSafetyAction, CheckCephCommandSafetyService,
    CreateCephFs, CreateCephManager, CreateCephMds, CreateCephMonitor, CreateCephOsd,
    CreateCephPool, DeleteCephManager, DeleteCephMds, DeleteCephMonitor, DeleteCephOsd,
    DeleteCephPool, GetCephCrushMap, GetCephLog, GetCephOsdTree, GetCephPool, GetNodeCephStatus,
    ListCephCrushRules, ListCephFs, ListCephManagers, ListCephMds, ListCephMonitors, ListCephPools,
    MarkCephOsdIn, MarkCephOsdOut, RestartCeph, ScrubCephOsd, StartCeph, StopCeph, UpdateCephPool,
};

use crate::{DataLoss, Pending, PendingTask, ProxmoxClient};

/// Ceph, as one node runs it. Every call is `FailedPrecondition` where it is not
/// installed or not set up.
#[derive(Clone, Debug)]
pub struct Ceph {
    client: ProxmoxClient,
    node: String,
}

impl Ceph {
    pub(crate) fn new(client: ProxmoxClient, node: String) -> Self {
        Ceph { client, node }
    }

    /// Health, monitors, OSDs and placement groups. `FailedPrecondition` where Ceph is not
    /// installed or not set up.
    pub fn status(&self) -> Pending<GetNodeCephStatus> {
        Pending::new(&self.client, GetNodeCephStatus::new(&self.node))
    }

    /// The CRUSH tree: which OSD is on which host.
    pub fn osds(&self) -> Pending<GetCephOsdTree> {
        Pending::new(&self.client, GetCephOsdTree::new(&self.node))
    }

    /// Makes an OSD of a disk. Only root@pam itself may.
    pub fn create_osd(&self, dev: impl Into<String>) -> PendingTask<CreateCephOsd> {
        PendingTask::task(&self.client, CreateCephOsd::new(&self.node, dev))
    }

    /// Destroys an OSD. It must be out and down.
    pub fn destroy_osd(&self, id: i64, _loss: DataLoss) -> PendingTask<DeleteCephOsd> {
        PendingTask::task(&self.client, DeleteCephOsd::new(&self.node, id))
    }

    /// Lets data move to an OSD.
    pub fn osd_in(&self, id: i64) -> Pending<MarkCephOsdIn> {
        Pending::new(&self.client, MarkCephOsdIn::new(&self.node, id))
    }

    /// Has data move away from an OSD.
    pub fn osd_out(&self, id: i64) -> Pending<MarkCephOsdOut> {
        Pending::new(&self.client, MarkCephOsdOut::new(&self.node, id))
    }

    /// Has an OSD compare its copies; `deep` reads the data too.
    pub fn scrub_osd(&self, id: i64) -> Pending<ScrubCephOsd> {
        Pending::new(&self.client, ScrubCephOsd::new(&self.node, id))
    }

    /// Its pools.
    pub fn pools(&self) -> Pending<ListCephPools> {
        Pending::new(&self.client, ListCephPools::new(&self.node))
    }

    /// One pool's settings.
    pub fn pool(&self, name: impl Into<String>) -> Pending<GetCephPool> {
        Pending::new(&self.client, GetCephPool::new(&self.node, name))
    }

    /// Makes a pool.
    pub fn create_pool(&self, name: impl Into<String>) -> PendingTask<CreateCephPool> {
        PendingTask::task(&self.client, CreateCephPool::new(&self.node, name))
    }

    /// Changes a pool's settings.
    pub fn update_pool(&self, name: impl Into<String>) -> PendingTask<UpdateCephPool> {
        PendingTask::task(&self.client, UpdateCephPool::new(&self.node, name))
    }

    /// Destroys a pool with all that is in it.
    pub fn destroy_pool(
        &self,
        name: impl Into<String>,
        _loss: DataLoss,
    ) -> PendingTask<DeleteCephPool> {
        PendingTask::task(&self.client, DeleteCephPool::new(&self.node, name))
    }

    /// Its monitors.
    pub fn monitors(&self) -> Pending<ListCephMonitors> {
        Pending::new(&self.client, ListCephMonitors::new(&self.node))
    }

    /// Makes a monitor on this node.
    pub fn create_monitor(&self, id: impl Into<String>) -> PendingTask<CreateCephMonitor> {
        PendingTask::task(&self.client, CreateCephMonitor::new(&self.node, id))
    }

    /// Destroys a monitor.
    pub fn destroy_monitor(&self, id: impl Into<String>) -> PendingTask<DeleteCephMonitor> {
        PendingTask::task(&self.client, DeleteCephMonitor::new(&self.node, id))
    }

    /// Its managers.
    pub fn managers(&self) -> Pending<ListCephManagers> {
        Pending::new(&self.client, ListCephManagers::new(&self.node))
    }

    /// Makes a manager on this node.
    pub fn create_manager(&self, id: impl Into<String>) -> PendingTask<CreateCephManager> {
        PendingTask::task(&self.client, CreateCephManager::new(&self.node, id))
    }

    /// Destroys a manager.
    pub fn destroy_manager(&self, id: impl Into<String>) -> PendingTask<DeleteCephManager> {
        PendingTask::task(&self.client, DeleteCephManager::new(&self.node, id))
    }

    /// The metadata servers of its file systems.
    pub fn metadata_servers(&self) -> Pending<ListCephMds> {
        Pending::new(&self.client, ListCephMds::new(&self.node))
    }

    /// Makes a metadata server on this node.
    pub fn create_metadata_server(&self, name: impl Into<String>) -> PendingTask<CreateCephMds> {
        PendingTask::task(&self.client, CreateCephMds::new(&self.node, name))
    }

    /// Destroys a metadata server.
    pub fn destroy_metadata_server(&self, name: impl Into<String>) -> PendingTask<DeleteCephMds> {
        PendingTask::task(&self.client, DeleteCephMds::new(&self.node, name))
    }

    /// Its file systems.
    pub fn file_systems(&self) -> Pending<ListCephFs> {
        Pending::new(&self.client, ListCephFs::new(&self.node))
    }

    /// Makes a file system.
    pub fn create_file_system(&self, name: impl Into<String>) -> PendingTask<CreateCephFs> {
        PendingTask::task(&self.client, CreateCephFs::new(&self.node, name))
    }

    /// The names of the CRUSH rules.
    pub fn rules(&self) -> Pending<ListCephCrushRules> {
        Pending::new(&self.client, ListCephCrushRules::new(&self.node))
    }

    /// The CRUSH map as text.
    pub fn crush_map(&self) -> Pending<GetCephCrushMap> {
        Pending::new(&self.client, GetCephCrushMap::new(&self.node))
    }

    /// Lines of Ceph's log.
    pub fn log(&self) -> Pending<GetCephLog> {
        Pending::new(&self.client, GetCephLog::new(&self.node))
    }

    /// Starts its Ceph services, or the one in `service`.
    pub fn start(&self) -> PendingTask<StartCeph> {
        PendingTask::task(&self.client, StartCeph::new(&self.node))
    }

    /// Stops its Ceph services, or the one in `service`.
    pub fn stop(&self) -> PendingTask<StopCeph> {
        PendingTask::task(&self.client, StopCeph::new(&self.node))
    }

    /// Restarts its Ceph services, or the one in `service`.
    pub fn restart(&self) -> PendingTask<RestartCeph> {
        PendingTask::task(&self.client, RestartCeph::new(&self.node))
    }

    /// Whether a service can be stopped or destroyed without harm.
    pub fn command_safety(
        &self,
        action: CheckCephCommandSafetyAction,
        id: impl Into<String>,
        service: CheckCephCommandSafetyService,
    ) -> Pending<CheckCephCommandSafety> {
        Pending::new(
            &self.client,
            CheckCephCommandSafety::new(&self.node, action, id, service),
        )
    }
}
