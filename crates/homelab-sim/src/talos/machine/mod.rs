//! `machine.MachineService` of one node. Methods that are not here answer
//! Unimplemented, as an older node would.

mod etcd;
mod events;
mod info;
mod snapshot;

use talos_proto::machine::machine_service_server::MachineService;
use talos_proto::{common, machine as pb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use crate::shared::Shared;
use crate::world::{State, TalosNode};

/// `machine.MachineService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    shared: Shared,
    hostname: String,
}

impl Machine {
    pub(super) fn new(shared: Shared, hostname: &str) -> Self {
        Machine {
            shared,
            hostname: hostname.to_owned(),
        }
    }

    /// Looks at the node this is.
    fn node<T>(&self, look: impl FnOnce(&State, &TalosNode) -> T) -> Result<T, Status> {
        self.shared.world.read(|state| {
            let node = state
                .node(&self.hostname)
                .filter(|n| n.reachable())
                .ok_or_else(|| Status::unavailable("the node is down"))?;
            Ok(look(state, node))
        })
    }
}

#[async_trait]
impl MachineService for Machine {
    async fn version(&self, _: Request<()>) -> Result<Response<pb::VersionResponse>, Status> {
        Ok(Response::new(self.node(info::version)?))
    }

    async fn hostname(&self, _: Request<()>) -> Result<Response<pb::HostnameResponse>, Status> {
        let hostname = pb::Hostname {
            metadata: None,
            hostname: self.hostname.clone(),
        };
        Ok(Response::new(pb::HostnameResponse {
            messages: vec![hostname],
        }))
    }

    async fn service_list(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::ServiceListResponse>, Status> {
        Ok(Response::new(self.node(info::services)?))
    }

    async fn memory(&self, _: Request<()>) -> Result<Response<pb::MemoryResponse>, Status> {
        Ok(Response::new(self.node(info::memory)?))
    }

    async fn system_stat(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::SystemStatResponse>, Status> {
        let now = self.shared.world.now();
        Ok(Response::new(
            self.node(|_, node| info::system_stat(node, now))?,
        ))
    }

    async fn etcd_member_list(
        &self,
        request: Request<pb::EtcdMemberListRequest>,
    ) -> Result<Response<pb::EtcdMemberListResponse>, Status> {
        let local = request.into_inner().query_local;
        self.node(|state, node| etcd::member_list(state, node, local))?
            .map(Response::new)
    }

    async fn etcd_status(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::EtcdStatusResponse>, Status> {
        let now = self.shared.world.now();
        self.node(|state, node| etcd::status(state, node, now))?
            .map(Response::new)
    }

    async fn etcd_alarm_list(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::EtcdAlarmListResponse>, Status> {
        self.node(etcd::alarm_list)?.map(Response::new)
    }

    async fn etcd_snapshot(
        &self,
        _: Request<pb::EtcdSnapshotRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        let database = self.node(snapshot::database)??;
        let fault = snapshot::Damage::of(&self.shared.faults, &self.hostname);
        Ok(Response::new(snapshot::stream(database, fault)))
    }

    async fn events(
        &self,
        request: Request<pb::EventsRequest>,
    ) -> Result<Response<BoxStream<pb::Event>>, Status> {
        events::follow(&self.shared, &self.hostname, &request.into_inner()).map(Response::new)
    }
}
