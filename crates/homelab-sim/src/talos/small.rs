//! The small services of a node: the clock, the block devices, the controllers.

use talos_proto::inspect::inspect_service_server::InspectService;
use talos_proto::inspect::{
    ControllerDependencyEdge, ControllerRuntimeDependenciesResponse, ControllerRuntimeDependency,
    DependencyEdgeType,
};
use talos_proto::storage::storage_service_server::StorageService;
use talos_proto::storage::{self, Disk, Disks, DisksResponse};
use talos_proto::time::time_service_server::TimeService;
use talos_proto::time::{Time, TimeRequest, TimeResponse};
use tonic::{Request, Response, Status, async_trait};

use super::timestamp;
use crate::shared::Shared;

/// The small services of one node.
#[derive(Clone, Debug)]
pub(super) struct Small {
    shared: Shared,
    hostname: String,
}

impl Small {
    pub(super) fn new(shared: Shared, hostname: &str) -> Self {
        Small {
            shared,
            hostname: hostname.to_owned(),
        }
    }

    fn clock(&self, server: &str) -> Response<TimeResponse> {
        let now = timestamp(self.shared.world.now());
        let messages = vec![Time {
            metadata: None,
            server: server.to_owned(),
            localtime: Some(now),
            remotetime: Some(now),
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
impl StorageService for Small {
    async fn disks(&self, _: Request<()>) -> Result<Response<DisksResponse>, Status> {
        let disk = self.shared.world.read(|state| {
            state.node(&self.hostname).map(|node| Disk {
                size: 50 << 30,
                model: "QEMU HARDDISK".into(),
                device_name: node.install_disk.clone(),
                name: node.install_disk.trim_start_matches("/dev/").to_owned(),
                r#type: storage::disk::DiskType::Ssd.into(),
                system_disk: true,
                ..Disk::default()
            })
        });
        let messages = vec![Disks {
            metadata: None,
            disks: disk.into_iter().collect(),
        }];
        Ok(Response::new(DisksResponse { messages }))
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
