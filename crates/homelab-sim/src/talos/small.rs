//! The small services of a node: the clock, the controllers.

use talos_proto::inspect::inspect_service_server::InspectService;
use talos_proto::inspect::{
    ControllerDependencyEdge, ControllerRuntimeDependenciesResponse, ControllerRuntimeDependency,
    DependencyEdgeType,
};
use talos_proto::time::time_service_server::TimeService;
use talos_proto::time::{Time, TimeRequest, TimeResponse};
use tonic::{Request, Response, Status, async_trait};

use super::local::Local;
use super::timestamp;

/// The small services of one node.
#[derive(Clone, Debug)]
pub(super) struct Small(Local);

impl Small {
    pub(super) fn new(local: Local) -> Self {
        Small(local)
    }

    fn clock(&self, server: &str) -> Response<TimeResponse> {
        let local = timestamp(self.0.shared.now_at(&self.0.name));
        let remote = timestamp(self.0.shared.world.now());
        let messages = vec![Time {
            metadata: None,
            server: server.to_owned(),
            localtime: Some(local),
            remotetime: Some(remote),
        }];
        Response::new(TimeResponse { messages })
    }
}

#[async_trait]
impl TimeService for Small {
    async fn time(&self, _: Request<()>) -> Result<Response<TimeResponse>, Status> {
        Ok(self.clock("time.cloudflare.com"))
    }

    async fn time_check(
        &self,
        request: Request<TimeRequest>,
    ) -> Result<Response<TimeResponse>, Status> {
        match request.get_ref().server.as_str() {
            "" => Err(Status::unknown("error querying NTP server: no such host")),
            server => Ok(self.clock(server)),
        }
    }
}

#[async_trait]
impl InspectService for Small {
    async fn controller_runtime_dependencies(
        &self,
        _: Request<()>,
    ) -> Result<Response<ControllerRuntimeDependenciesResponse>, Status> {
        let edge = |edge_type: DependencyEdgeType, resource_type: &str| ControllerDependencyEdge {
            controller_name: "network.HostnameConfigController".into(),
            edge_type: edge_type.into(),
            resource_type: resource_type.to_owned(),
            ..ControllerDependencyEdge::default()
        };
        let messages = vec![ControllerRuntimeDependency {
            metadata: None,
            edges: vec![
                edge(
                    DependencyEdgeType::InputWeak,
                    "MachineConfigs.config.talos.dev",
                ),
                edge(
                    DependencyEdgeType::OutputShared,
                    "HostnameSpecs.net.talos.dev",
                ),
            ],
        }];
        Ok(Response::new(ControllerRuntimeDependenciesResponse {
            messages,
        }))
    }
}
