//! `machine.MachineService` of one node. Methods that are not here answer
//! Unimplemented, as an older node would.

mod archive;
mod bytes;
mod capture;
mod etcd;
mod events;
mod files;
mod info;
mod logs;
mod snapshot;

use talos_proto::machine::machine_service_server::MachineService;
use talos_proto::{common, machine as pb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use self::files::File;
use crate::faults::Fault;
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

    /// The node's files.
    fn tree(&self) -> Result<Vec<File>, Status> {
        self.node(|state, node| files::tree(state.seed, node))
    }

    /// Whether streams of bytes end early with status OK.
    fn truncated(&self) -> bool {
        self.shared
            .faults
            .has(&self.hostname, Fault::TruncateStream)
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

    async fn logs(
        &self,
        request: Request<pb::LogsRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        let request = request.into_inner();
        let cut = self.truncated();
        self.node(|_, node| logs::logs(&self.shared, node, &request, cut))?
            .map(Response::new)
    }

    async fn logs_containers(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::LogsContainersResponse>, Status> {
        let ids = self.node(|_, node| logs::ids(node))?;
        let messages = vec![pb::LogsContainer {
            metadata: None,
            ids,
        }];
        Ok(Response::new(pb::LogsContainersResponse { messages }))
    }

    async fn dmesg(
        &self,
        request: Request<pb::DmesgRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        let request = request.into_inner();
        self.node(|_, node| logs::dmesg(&self.shared, node, request))
            .map(Response::new)
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<BoxStream<pb::FileInfo>>, Status> {
        let booted = self.node(|_, node| node.booted_at)?;
        files::list(&self.tree()?, request.get_ref(), booted).map(Response::new)
    }

    async fn disk_usage(
        &self,
        request: Request<pb::DiskUsageRequest>,
    ) -> Result<Response<BoxStream<pb::DiskUsageInfo>>, Status> {
        files::disk_usage(&self.tree()?, request.get_ref()).map(Response::new)
    }

    async fn read(
        &self,
        request: Request<pb::ReadRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        files::read(&self.tree()?, &request.get_ref().path, self.truncated()).map(Response::new)
    }

    async fn copy(
        &self,
        request: Request<pb::CopyRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        let new = self.node(|_, node| since(&node.talos_version, 14))?;
        let root = &request.get_ref().root_path;
        archive::copy(&self.tree()?, root, new, self.truncated()).map(Response::new)
    }

    async fn kubeconfig(
        &self,
        _: Request<()>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        self.node(|_, node| archive::kubeconfig(node))?
            .map(Response::new)
    }

    async fn packet_capture(
        &self,
        request: Request<pb::PacketCaptureRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        capture::capture(&self.shared, request.get_ref()).map(Response::new)
    }
}

/// Whether a node of `version` (`v1.13.9`) behaves as 1.`minor` and later do.
fn since(version: &str, minor: u32) -> bool {
    let mut parts = version.trim_start_matches('v').split(['.', '-']);
    let mut part = || {
        parts
            .next()
            .and_then(|p| p.parse::<u32>().ok())
            .unwrap_or(0)
    };
    (part(), part()) >= (1, minor)
}
