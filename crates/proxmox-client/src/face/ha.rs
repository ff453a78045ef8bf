//! `pve.cluster().ha()`: high availability.

use proxmox_endpoints::{
    ArmHa, CreateHaResource, CreateHaRule, DeleteHaResource, DeleteHaRule, DisarmHa,
    GetHaManagerStatus, GetHaResource, GetHaRule, GetHaStatus, HaRuleKind, ListHaGroups,
    ListHaResources, ListHaRules, MigrateHaResource, RelocateHaResource, ResourceMode,
    UpdateHaResource, UpdateHaRule,
};

use crate::{Pending, ProxmoxClient};

/// High availability.
#[derive(Clone, Debug)]
pub struct Ha {
    pub(super) client: ProxmoxClient,
}

impl Ha {
    pub(crate) fn new(client: ProxmoxClient) -> Self {
        Ha { client }
    }

    pub(crate) fn client(&self) -> &ProxmoxClient {
        &self.client
    }

    /// The manager's view: quorum, master, local managers, guests.
    pub fn status(&self) -> Pending<GetHaStatus> {
        Pending::new(&self.client, GetHaStatus::new())
    }

    /// The manager's own notes, among them which nodes are in maintenance.
    pub fn manager_status(&self) -> Pending<GetHaManagerStatus> {
        Pending::new(&self.client, GetHaManagerStatus::new())
    }

    /// The guests that the manager looks after.
    pub fn resources(&self) -> Pending<ListHaResources> {
        Pending::new(&self.client, ListHaResources::new())
    }

    /// One of them: `vm:100` or `ct:200`.
    pub fn resource(&self, sid: impl Into<String>) -> Pending<GetHaResource> {
        Pending::new(&self.client, GetHaResource::new(sid))
    }

    /// Has the manager look after a guest. It starts the guest unless `state` says otherwise.
    pub fn add(&self, sid: impl Into<String>) -> Pending<CreateHaResource> {
        Pending::new(&self.client, CreateHaResource::new(sid))
    }

    /// Changes how the manager looks after a guest, its wanted `state` among it.
    pub fn update(&self, sid: impl Into<String>) -> Pending<UpdateHaResource> {
        Pending::new(&self.client, UpdateHaResource::new(sid))
    }

    /// Has the manager leave a guest alone; the guest goes on as it is.
    pub fn remove(&self, sid: impl Into<String>) -> Pending<DeleteHaResource> {
        Pending::new(&self.client, DeleteHaResource::new(sid))
    }

    /// Asks for a move while it runs. The request is queued, and one that makes no sense is
    /// answered as any other: [`wait_until_on`](Self::wait_until_on) tells what came of it.
    pub fn migrate(
        &self,
        sid: impl Into<String>,
        node: impl Into<String>,
    ) -> Pending<MigrateHaResource> {
        Pending::new(&self.client, MigrateHaResource::new(sid, node))
    }

    /// Asks for a move with a stop and a start; as for [`migrate`](Self::migrate).
    pub fn relocate(
        &self,
        sid: impl Into<String>,
        node: impl Into<String>,
    ) -> Pending<RelocateHaResource> {
        Pending::new(&self.client, RelocateHaResource::new(sid, node))
    }

    /// Which guests belong to which nodes and together or apart (9.0 and later; before:
    /// [`groups`](Self::groups)).
    pub fn rules(&self) -> Pending<ListHaRules> {
        Pending::new(&self.client, ListHaRules::new())
    }

    /// One rule (9.0 and later).
    pub fn rule(&self, rule: impl Into<String>) -> Pending<GetHaRule> {
        Pending::new(&self.client, GetHaRule::new(rule))
    }

    /// Makes a rule (9.0 and later): `node-affinity` with its `nodes`, or `resource-affinity`
    /// with its `affinity`, for resources such as `vm:100`.
    pub fn create_rule(
        &self,
        kind: HaRuleKind,
        resources: Vec<String>,
        rule: impl Into<String>,
    ) -> Pending<CreateHaRule> {
        Pending::new(&self.client, CreateHaRule::new(resources, rule, kind)).refusing(lacks_its_own)
    }

    /// Changes a rule; its kind stays (9.0 and later).
    pub fn update_rule(&self, kind: HaRuleKind, rule: impl Into<String>) -> Pending<UpdateHaRule> {
        Pending::new(&self.client, UpdateHaRule::new(rule, kind))
    }

    /// Deletes a rule (9.0 and later).
    pub fn delete_rule(&self, rule: impl Into<String>) -> Pending<DeleteHaRule> {
        Pending::new(&self.client, DeleteHaRule::new(rule))
    }

    /// The groups of nodes of releases before 9.0. From 9.0 on, `FailedPrecondition`: they have
    /// become [`rules`](Self::rules).
    pub fn groups(&self) -> Pending<ListHaGroups> {
        Pending::new(&self.client, ListHaGroups::new())
    }

    /// Lets the manager work again (9.1.2 and later).
    pub fn arm(&self) -> Pending<ArmHa> {
        Pending::new(&self.client, ArmHa::new())
    }

    /// Has the manager keep still: `freeze` or `ignore` its guests (9.1.2 and later).
    pub fn disarm(&self, resource_mode: ResourceMode) -> Pending<DisarmHa> {
        Pending::new(&self.client, DisarmHa::new(resource_mode))
    }
}

/// What a rule of its kind cannot do without, though others can.
fn lacks_its_own(request: &CreateHaRule) -> Option<String> {
    let lacks = request.kind == HaRuleKind::NodeAffinity && request.nodes.is_empty();
    lacks.then(|| "parameter nodes: is missing, but a node-affinity rule needs it".to_owned())
}
