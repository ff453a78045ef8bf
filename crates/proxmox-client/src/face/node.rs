//! `pve.node("pve1")`: one node.

use homelab_core::Result;
use proxmox_endpoints::{
    CephOsdTree, CephStatus, GetCephOsdTree, GetNodeCephStatus, GetNodeStatus, ListLxc,
    ListNodeStorage, ListQemu, ListStorageContent, ListTasks, LxcSummary, NodeStatus, NodeStorage,
    QemuSummary, StorageContent, TaskSummary,
};

use crate::{ProxmoxClient, Qemu};

/// One node. Errors are those of [`ProxmoxClient::send`]; a name that is not in
/// the cluster is `NotFound`, a node that is down `Unavailable`.
#[derive(Clone, Debug)]
pub struct Node {
    client: ProxmoxClient,
    name: String,
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

    /// Memory, load, kernel and CPU.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn status(&self) -> Result<NodeStatus> {
        self.client.send(&GetNodeStatus::new(&self.name)).await
    }

    /// The virtual machines on it.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn qemu_list(&self) -> Result<Vec<QemuSummary>> {
        self.client.send(&ListQemu::new(&self.name)).await
    }

    /// The containers on it.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn lxc_list(&self) -> Result<Vec<LxcSummary>> {
        self.client.send(&ListLxc::new(&self.name)).await
    }

    /// One virtual machine on it.
    pub fn qemu(&self, vmid: u32) -> Qemu {
        Qemu::new(self.client.clone(), self.name.clone(), vmid)
    }

    /// The storages as it sees them. A hung network share delays the answer.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn storage(&self) -> Result<Vec<NodeStorage>> {
        self.client.send(&ListNodeStorage::new(&self.name)).await
    }

    /// The volumes on one of its storages.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn storage_content(&self, storage: &str) -> Result<Vec<StorageContent>> {
        self.client
            .send(&ListStorageContent::new(&self.name, storage))
            .await
    }

    /// Ceph's status, as this node tells it.
    ///
    /// # Errors
    /// `FailedPrecondition` where Ceph is not installed or not set up;
    /// otherwise see [`ProxmoxClient::send`].
    pub async fn ceph_status(&self) -> Result<CephStatus> {
        self.client.send(&GetNodeCephStatus::new(&self.name)).await
    }

    /// The CRUSH tree: which OSD is on which host.
    ///
    /// # Errors
    /// As [`ceph_status`](Node::ceph_status).
    pub async fn ceph_osds(&self) -> Result<CephOsdTree> {
        self.client.send(&GetCephOsdTree::new(&self.name)).await
    }

    /// Its last 50 finished tasks, newest first. For more, or other ones, send
    /// a [`ListTasks`].
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn tasks(&self) -> Result<Vec<TaskSummary>> {
        self.client.send(&ListTasks::new(&self.name)).await
    }
}
