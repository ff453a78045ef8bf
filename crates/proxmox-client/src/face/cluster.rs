//! `pve.cluster()`: what concerns all nodes.

use homelab_core::Result;
use proxmox_endpoints::{
    CephStatus, ClusterEntryKind, ClusterStatusEntry, CorosyncNode, GetCephStatus,
    GetClusterStatus, GetHaManagerStatus, GetHaStatus, GetNextId, HaManagerReport, HaResource,
    HaStatusEntry, ListClusterTasks, ListCorosyncNodes, ListHaResources, ListResources, Resource,
    ResourceFilter, TaskSummary,
};
use serde::{Deserialize, Serialize};

use crate::ProxmoxClient;

/// What concerns the whole cluster. Errors are those of [`ProxmoxClient::send`].
#[derive(Clone, Debug)]
pub struct Cluster {
    client: ProxmoxClient,
}

/// Membership and quorum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterStatus {
    /// The cluster's name; absent when the host stands alone.
    pub name: Option<String>,
    /// Whether enough nodes see each other for writes; always true when the
    /// host stands alone.
    pub quorate: bool,
    /// The version of the corosync configuration.
    pub config_version: Option<u64>,
    /// The nodes, by name.
    pub nodes: Vec<ClusterNode>,
}

/// A node in the cluster's status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterNode {
    /// Its name.
    pub name: String,
    /// Its corosync id; 0 when the host stands alone.
    pub node_id: Option<u32>,
    /// The address that its name resolves to.
    pub address: Option<String>,
    /// Whether it is in the answering node's partition.
    pub online: bool,
    /// Whether it is the one that answered.
    pub local: bool,
}

impl From<Vec<ClusterStatusEntry>> for ClusterStatus {
    fn from(rows: Vec<ClusterStatusEntry>) -> Self {
        let mut status = ClusterStatus {
            quorate: true,
            ..ClusterStatus::default()
        };
        for row in rows {
            match row.kind {
                ClusterEntryKind::Cluster => {
                    status.name = row.name;
                    status.quorate = row.quorate.unwrap_or(false);
                    status.config_version = row.config_version;
                }
                ClusterEntryKind::Node => status.nodes.push(ClusterNode {
                    name: row.name.unwrap_or_default(),
                    node_id: row.node_id,
                    address: row.address,
                    online: row.online.unwrap_or(false),
                    local: row.local.unwrap_or(false),
                }),
                _ => {}
            }
        }
        // The server's order changes from call to call.
        status.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        status
    }
}

impl Cluster {
    pub(crate) fn new(client: ProxmoxClient) -> Self {
        Cluster { client }
    }

    /// Membership and quorum.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn status(&self) -> Result<ClusterStatus> {
        let rows = self.client.send(&GetClusterStatus::new()).await?;
        Ok(rows.into())
    }

    /// Everything in the cluster in one cheap call, or only rows of one kind.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn resources(&self, kind: Option<ResourceFilter>) -> Result<Vec<Resource>> {
        self.client.send(&ListResources { kind }).await
    }

    /// Running tasks, and the last 25 finished ones of every node.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn tasks(&self) -> Result<Vec<TaskSummary>> {
        self.client.send(&ListClusterTasks::new()).await
    }

    /// A guest id that is free now; not reserved.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn next_id(&self) -> Result<u32> {
        Ok(self.client.send(&GetNextId::new()).await?.0)
    }

    /// The nodes in the corosync configuration, with their votes.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn corosync_nodes(&self) -> Result<Vec<CorosyncNode>> {
        self.client.send(&ListCorosyncNodes::new()).await
    }

    /// Ceph's health, monitors, OSDs and placement groups.
    ///
    /// # Errors
    /// `FailedPrecondition` where Ceph is not installed or not set up;
    /// otherwise see [`ProxmoxClient::send`].
    pub async fn ceph_status(&self) -> Result<CephStatus> {
        self.client.send(&GetCephStatus::new()).await
    }

    /// The HA manager's view: quorum, master, local managers, guests.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn ha_status(&self) -> Result<Vec<HaStatusEntry>> {
        self.client.send(&GetHaStatus::new()).await
    }

    /// The HA manager's own notes, among them which nodes are in maintenance.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn ha_manager_status(&self) -> Result<HaManagerReport> {
        self.client.send(&GetHaManagerStatus::new()).await
    }

    /// The guests that the HA manager looks after.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`].
    pub async fn ha_resources(&self) -> Result<Vec<HaResource>> {
        self.client.send(&ListHaResources::new()).await
    }
}
