//! `pve.cluster()`: what concerns all nodes.

use proxmox_endpoints::{
    BulkMigrateGuests, BulkShutdownGuests, BulkStartGuests, CephFlagNameName, ClusterEntryKind,
    ClusterStatusEntry, GetCephMetadata, GetCephStatus, GetClusterLog, GetClusterOptions,
    GetClusterStatus, GetJoinInfo, GetNextId, GetQdevice, GetTotem, ListCephFlags,
    ListClusterTasks, ListCorosyncNodes, ListResources, ResourceFilter, UpdateCephFlag,
    UpdateClusterOptions,
};
use serde::{Deserialize, Serialize};

use crate::{Firewall, Ha, Pending, PendingTask, ProxmoxClient, Sdn};

/// What concerns the whole cluster. Errors are those of [`ProxmoxClient::send`].
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) client: ProxmoxClient,
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

    /// High availability.
    pub fn ha(&self) -> Ha {
        Ha::new(self.client.clone())
    }

    /// The cluster's firewall.
    pub fn firewall(&self) -> Firewall {
        Firewall::new(self.client.clone())
    }

    /// Software-defined networks.
    pub fn sdn(&self) -> Sdn {
        Sdn::new(self.client.clone())
    }

    /// Membership and quorum.
    pub fn status(&self) -> Pending<GetClusterStatus, ClusterStatus> {
        Pending::finished_by(&self.client, GetClusterStatus::new(), |_, _, rows| {
            Ok(rows.into())
        })
    }

    /// Everything in the cluster in one cheap call, or only rows of one kind.
    pub fn resources(&self, kind: Option<ResourceFilter>) -> Pending<ListResources> {
        let mut request = ListResources::new();
        request.kind = kind;
        Pending::new(&self.client, request)
    }

    /// A guest id that is free now; not reserved. See
    /// [`with_new_vmid`](ProxmoxClient::with_new_vmid) for one that is.
    pub fn next_id(&self) -> Pending<GetNextId, u32> {
        Pending::finished_by(&self.client, GetNextId::new(), |_, _, id| Ok(id.0))
    }

    /// Running tasks, and the last 25 finished ones of every node.
    pub fn tasks(&self) -> Pending<ListClusterTasks> {
        Pending::new(&self.client, ListClusterTasks::new())
    }

    /// The cluster's log, newest first.
    pub fn log(&self) -> Pending<GetClusterLog> {
        Pending::new(&self.client, GetClusterLog::new())
    }

    /// The settings of the whole datacentre.
    pub fn options(&self) -> Pending<GetClusterOptions> {
        Pending::new(&self.client, GetClusterOptions::new())
    }

    /// Changes settings of the whole datacentre.
    pub fn update_options(&self) -> Pending<UpdateClusterOptions> {
        Pending::new(&self.client, UpdateClusterOptions::new())
    }

    /// The nodes in the corosync configuration, with their votes.
    pub fn corosync_nodes(&self) -> Pending<ListCorosyncNodes> {
        Pending::new(&self.client, ListCorosyncNodes::new())
    }

    /// What another node needs to join: addresses and fingerprints. `FailedPrecondition` on a
    /// host that stands alone.
    pub fn join_info(&self) -> Pending<GetJoinInfo> {
        Pending::new(&self.client, GetJoinInfo::new())
    }

    /// The state of the external vote, if there is one.
    pub fn qdevice(&self) -> Pending<GetQdevice> {
        Pending::new(&self.client, GetQdevice::new())
    }

    /// Corosync's settings.
    pub fn totem(&self) -> Pending<GetTotem> {
        Pending::new(&self.client, GetTotem::new())
    }

    /// Starts guests on any node (9.1 and later).
    pub fn bulk_start(&self) -> PendingTask<BulkStartGuests> {
        PendingTask::task(&self.client, BulkStartGuests::new())
    }

    /// Shuts down guests on any node (9.1 and later).
    pub fn bulk_shutdown(&self) -> PendingTask<BulkShutdownGuests> {
        PendingTask::task(&self.client, BulkShutdownGuests::new())
    }

    /// Moves guests from any node to one (9.1 and later).
    pub fn bulk_migrate(&self, target: impl Into<String>) -> PendingTask<BulkMigrateGuests> {
        PendingTask::task(&self.client, BulkMigrateGuests::new(target))
    }

    /// Ceph's health, monitors, OSDs and placement groups. `FailedPrecondition` where Ceph is
    /// not installed or not set up.
    pub fn ceph_status(&self) -> Pending<GetCephStatus> {
        Pending::new(&self.client, GetCephStatus::new())
    }

    /// The versions and hosts of all Ceph services.
    pub fn ceph_metadata(&self) -> Pending<GetCephMetadata> {
        Pending::new(&self.client, GetCephMetadata::new())
    }

    /// Ceph's flags: `noout`, `norebalance`, …
    pub fn ceph_flags(&self) -> Pending<ListCephFlags> {
        Pending::new(&self.client, ListCephFlags::new())
    }

    /// Sets or clears one of Ceph's flags.
    pub fn set_ceph_flag(&self, flag: CephFlagNameName, value: bool) -> Pending<UpdateCephFlag> {
        Pending::new(&self.client, UpdateCephFlag::new(flag, value))
    }
}
