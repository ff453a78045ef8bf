//! `pve.cluster().sdn()`: software-defined networks. Changes are planned, and
//! take effect together.

use proxmox_endpoints::{
    AcquireSdnLock, ApplySdn, CreateSdnVnet, CreateSdnZone, DeleteSdnVnet, DeleteSdnZone,
    GetSdnVnet, GetSdnZone, ListSdnControllers, ListSdnIpams, ListSdnSubnets, ListSdnVnets,
    ListSdnZones, ReleaseSdnLock, RollbackSdn, SdnZonesKind, UpdateSdnVnet, UpdateSdnZone,
};

use crate::{Pending, PendingTask, ProxmoxClient};

/// Software-defined networks.
#[derive(Clone, Debug)]
pub struct Sdn {
    client: ProxmoxClient,
}

impl Sdn {
    pub(crate) fn new(client: ProxmoxClient) -> Self {
        Sdn { client }
    }

    /// The zones; with `pending` what is planned, with `running` what is in force.
    pub fn zones(&self) -> Pending<ListSdnZones> {
        Pending::new(&self.client, ListSdnZones::new())
    }

    /// One zone.
    pub fn zone(&self, zone: impl Into<String>) -> Pending<GetSdnZone> {
        Pending::new(&self.client, GetSdnZone::new(zone))
    }

    /// Plans a zone: `simple`, `vlan`, `qinq`, `vxlan` or `evpn`.
    pub fn create_zone(
        &self,
        kind: SdnZonesKind,
        zone: impl Into<String>,
    ) -> Pending<CreateSdnZone> {
        Pending::new(&self.client, CreateSdnZone::new(kind, zone))
    }

    /// Plans a change of a zone.
    pub fn update_zone(&self, zone: impl Into<String>) -> Pending<UpdateSdnZone> {
        Pending::new(&self.client, UpdateSdnZone::new(zone))
    }

    /// Plans the deletion of a zone.
    pub fn delete_zone(&self, zone: impl Into<String>) -> Pending<DeleteSdnZone> {
        Pending::new(&self.client, DeleteSdnZone::new(zone))
    }

    /// The virtual networks.
    pub fn vnets(&self) -> Pending<ListSdnVnets> {
        Pending::new(&self.client, ListSdnVnets::new())
    }

    /// One virtual network.
    pub fn vnet(&self, vnet: impl Into<String>) -> Pending<GetSdnVnet> {
        Pending::new(&self.client, GetSdnVnet::new(vnet))
    }

    /// Plans a virtual network; its name has at most eight characters.
    pub fn create_vnet(
        &self,
        vnet: impl Into<String>,
        zone: impl Into<String>,
    ) -> Pending<CreateSdnVnet> {
        Pending::new(&self.client, CreateSdnVnet::new(vnet, zone))
    }

    /// Plans a change of a virtual network.
    pub fn update_vnet(&self, vnet: impl Into<String>) -> Pending<UpdateSdnVnet> {
        Pending::new(&self.client, UpdateSdnVnet::new(vnet))
    }

    /// Plans the deletion of a virtual network.
    pub fn delete_vnet(&self, vnet: impl Into<String>) -> Pending<DeleteSdnVnet> {
        Pending::new(&self.client, DeleteSdnVnet::new(vnet))
    }

    /// The subnets of a virtual network.
    pub fn subnets(&self, vnet: impl Into<String>) -> Pending<ListSdnSubnets> {
        Pending::new(&self.client, ListSdnSubnets::new(vnet))
    }

    /// The controllers.
    pub fn controllers(&self) -> Pending<ListSdnControllers> {
        Pending::new(&self.client, ListSdnControllers::new())
    }

    /// The address managers.
    pub fn ipams(&self) -> Pending<ListSdnIpams> {
        Pending::new(&self.client, ListSdnIpams::new())
    }

    /// Keeps others from planning; gives back the token to pass as `lock_token` (9.0 and
    /// later).
    pub fn lock(&self) -> Pending<AcquireSdnLock> {
        Pending::new(&self.client, AcquireSdnLock::new())
    }

    /// Gives the lock back.
    pub fn unlock(&self) -> Pending<ReleaseSdnLock> {
        Pending::new(&self.client, ReleaseSdnLock::new())
    }

    /// Puts what is planned into force on all nodes.
    pub fn apply(&self) -> PendingTask<ApplySdn> {
        PendingTask::task(&self.client, ApplySdn::new())
    }

    /// Forgets what is planned (9.0 and later).
    pub fn roll_back(&self) -> Pending<RollbackSdn> {
        Pending::new(&self.client, RollbackSdn::new())
    }
}
