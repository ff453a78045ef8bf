//! `machine.MachineService` of one node. Methods that are not here answer
//! Unimplemented, as an older node would.

mod archive;
mod bytes;
mod capture;
mod etcd;
mod etcd_care;
mod events;
mod files;
mod images;
mod info;
mod lifecycle;
mod logs;
mod snapshot;
mod stats;

use talos_proto::machine::machine_service_server::MachineService;
use talos_proto::{common, machine as pb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use self::files::File;
use crate::faults::Fault;
use crate::talos::local::Local;
use crate::world::{State, TalosNode};

/// `machine.MachineService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    local: Local,
    meta: lifecycle::Meta,
}

impl Machine {
    pub(super) fn new(local: Local) -> Self {
        Machine {
            local,
            meta: lifecycle::Meta::default(),
        }
    }

    /// Looks at the node this is.
    fn node<T>(&self, look: impl FnOnce(&State, &TalosNode) -> T) -> Result<T, Status> {
        self.local.node(look)
    }

    /// The node's files.
    fn tree(&self) -> Result<Vec<File>, Status> {
        self.node(|state, node| files::tree(state.seed, node))
    }

    /// Whether streams of bytes end early with status OK.
    fn truncated(&self) -> bool {
        self.local
            .shared
            .faults
            .has(&self.local.hostname, Fault::TruncateStream)
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
            hostname: self.local.hostname.clone(),
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
        let now = self.local.shared.world.now();
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
        let now = self.local.shared.world.now();
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
        let fault = snapshot::Damage::of(&self.local.shared.faults, &self.local.hostname);
        Ok(Response::new(snapshot::stream(database, fault)))
    }

    async fn events(
        &self,
        request: Request<pb::EventsRequest>,
    ) -> Result<Response<BoxStream<pb::Event>>, Status> {
        events::follow(
            &self.local.shared,
            &self.local.hostname,
            &request.into_inner(),
        )
        .map(Response::new)
    }

    async fn logs(
        &self,
        request: Request<pb::LogsRequest>,
    ) -> Result<Response<BoxStream<common::Data>>, Status> {
        let request = request.into_inner();
        let cut = self.truncated();
        self.node(|_, node| logs::logs(&self.local.shared, node, &request, cut))?
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
        self.node(|_, node| logs::dmesg(&self.local.shared, node, request))
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
        let new = self.node(|_, node| node.since(14))?;
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
        capture::capture(&self.local.shared, request.get_ref()).map(Response::new)
    }

    async fn load_avg(&self, _: Request<()>) -> Result<Response<pb::LoadAvgResponse>, Status> {
        self.node(|_, node| stats::load(node)).map(Response::new)
    }

    async fn cpu_info(&self, _: Request<()>) -> Result<Response<pb::CpuInfoResponse>, Status> {
        self.node(|_, node| stats::cpu_info(node))
            .map(Response::new)
    }

    async fn cpu_freq_stats(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::CpuFreqStatsResponse>, Status> {
        self.node(|_, node| stats::cpu_frequencies(node))
            .map(Response::new)
    }

    async fn mounts(&self, _: Request<()>) -> Result<Response<pb::MountsResponse>, Status> {
        self.node(|_, node| stats::mounts(node)).map(Response::new)
    }

    async fn processes(&self, _: Request<()>) -> Result<Response<pb::ProcessesResponse>, Status> {
        self.node(|_, node| stats::processes(node))
            .map(Response::new)
    }

    async fn disk_stats(&self, _: Request<()>) -> Result<Response<pb::DiskStatsResponse>, Status> {
        let now = self.local.shared.world.now();
        self.node(|_, node| stats::disks(node, now))
            .map(Response::new)
    }

    async fn network_device_stats(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::NetworkDeviceStatsResponse>, Status> {
        let now = self.local.shared.world.now();
        self.node(|_, node| stats::network(node, now))
            .map(Response::new)
    }

    async fn netstat(
        &self,
        request: Request<pb::NetstatRequest>,
    ) -> Result<Response<pb::NetstatResponse>, Status> {
        self.node(|_, node| stats::netstat(node, request.get_ref()))
            .map(Response::new)
    }

    async fn containers(
        &self,
        request: Request<pb::ContainersRequest>,
    ) -> Result<Response<pb::ContainersResponse>, Status> {
        self.node(|_, node| stats::containers(node, request.get_ref()))?
            .map(Response::new)
    }

    async fn stats(
        &self,
        request: Request<pb::StatsRequest>,
    ) -> Result<Response<pb::StatsResponse>, Status> {
        self.node(|_, node| stats::container_stats(node, request.get_ref()))?
            .map(Response::new)
    }

    async fn image_list(
        &self,
        request: Request<pb::ImageListRequest>,
    ) -> Result<Response<BoxStream<pb::ImageListResponse>>, Status> {
        images::list(&self.local, request.into_inner()).map(Response::new)
    }

    async fn image_pull(
        &self,
        request: Request<pb::ImagePullRequest>,
    ) -> Result<Response<pb::ImagePullResponse>, Status> {
        images::pull(&self.local, request.get_ref())?;
        Ok(Response::new(pb::ImagePullResponse {
            messages: vec![pb::ImagePull::default()],
        }))
    }

    async fn etcd_remove_member_by_id(
        &self,
        request: Request<pb::EtcdRemoveMemberByIdRequest>,
    ) -> Result<Response<pb::EtcdRemoveMemberByIdResponse>, Status> {
        let member = request.get_ref().member_id;
        self.local
            .shared
            .world
            .change(|state| etcd_care::remove(state, &self.local.hostname, member))?;
        Ok(Response::new(pb::EtcdRemoveMemberByIdResponse {
            messages: vec![pb::EtcdRemoveMemberById::default()],
        }))
    }

    async fn etcd_leave_cluster(
        &self,
        _: Request<pb::EtcdLeaveClusterRequest>,
    ) -> Result<Response<pb::EtcdLeaveClusterResponse>, Status> {
        self.local
            .shared
            .world
            .change(|state| etcd_care::leave(state, &self.local.hostname))?;
        Ok(Response::new(pb::EtcdLeaveClusterResponse {
            messages: vec![pb::EtcdLeaveCluster::default()],
        }))
    }

    async fn etcd_forfeit_leadership(
        &self,
        _: Request<pb::EtcdForfeitLeadershipRequest>,
    ) -> Result<Response<pb::EtcdForfeitLeadershipResponse>, Status> {
        let member = self
            .local
            .shared
            .world
            .change(|state| etcd_care::forfeit(state, &self.local.hostname))?;
        Ok(Response::new(pb::EtcdForfeitLeadershipResponse {
            messages: vec![pb::EtcdForfeitLeadership {
                metadata: None,
                member,
            }],
        }))
    }

    async fn etcd_alarm_disarm(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::EtcdAlarmDisarmResponse>, Status> {
        self.node(etcd::alarm_list)??;
        Ok(Response::new(pb::EtcdAlarmDisarmResponse {
            messages: vec![pb::EtcdAlarmDisarm::default()],
        }))
    }

    async fn etcd_defragment(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::EtcdDefragmentResponse>, Status> {
        self.local
            .shared
            .world
            .change(|state| etcd_care::defragment(state, &self.local.hostname))?;
        Ok(Response::new(pb::EtcdDefragmentResponse {
            messages: vec![pb::EtcdDefragment::default()],
        }))
    }

    async fn etcd_downgrade_validate(
        &self,
        request: Request<pb::EtcdDowngradeValidateRequest>,
    ) -> Result<Response<pb::EtcdDowngradeValidateResponse>, Status> {
        let version = &request.get_ref().version;
        let downgrade = self
            .local
            .shared
            .world
            .change(|state| etcd_care::downgrade(state, &self.local.hostname, version))?;
        Ok(Response::new(pb::EtcdDowngradeValidateResponse {
            messages: vec![pb::EtcdDowngradeValidate {
                metadata: None,
                cluster_downgrade: Some(downgrade),
            }],
        }))
    }

    async fn etcd_downgrade_enable(
        &self,
        request: Request<pb::EtcdDowngradeEnableRequest>,
    ) -> Result<Response<pb::EtcdDowngradeEnableResponse>, Status> {
        let version = &request.get_ref().version;
        let downgrade = self
            .local
            .shared
            .world
            .change(|state| etcd_care::downgrade(state, &self.local.hostname, version))?;
        Ok(Response::new(pb::EtcdDowngradeEnableResponse {
            messages: vec![pb::EtcdDowngradeEnable {
                metadata: None,
                cluster_downgrade: Some(downgrade),
            }],
        }))
    }

    async fn etcd_downgrade_cancel(
        &self,
        _: Request<()>,
    ) -> Result<Response<pb::EtcdDowngradeCancelResponse>, Status> {
        let downgrade = self.node(|state, node| {
            etcd::local(state, node).map(|(etcd, _)| etcd_care::current(etcd))
        })??;
        Ok(Response::new(pb::EtcdDowngradeCancelResponse {
            messages: vec![pb::EtcdDowngradeCancel {
                metadata: None,
                cluster_downgrade: Some(downgrade),
            }],
        }))
    }

    /// Takes what comes; whether it is a snapshot, only the bootstrap finds out.
    async fn etcd_recover(
        &self,
        request: Request<tonic::Streaming<common::Data>>,
    ) -> Result<Response<pb::EtcdRecoverResponse>, Status> {
        if !self.node(|_, node| node.control_plane())? {
            return Err(Status::unimplemented("etcd does not run on worker nodes"));
        }
        let mut frames = request.into_inner();
        while frames.message().await?.is_some() {}
        Ok(Response::new(pb::EtcdRecoverResponse {
            messages: vec![pb::EtcdRecover::default()],
        }))
    }

    async fn reboot(
        &self,
        _: Request<pb::RebootRequest>,
    ) -> Result<Response<pb::RebootResponse>, Status> {
        let actor_id = lifecycle::power(&self.local.shared, &self.local.hostname, true)?;
        Ok(Response::new(pb::RebootResponse {
            messages: vec![pb::Reboot {
                metadata: None,
                actor_id,
            }],
        }))
    }

    async fn shutdown(
        &self,
        _: Request<pb::ShutdownRequest>,
    ) -> Result<Response<pb::ShutdownResponse>, Status> {
        let actor_id = lifecycle::power(&self.local.shared, &self.local.hostname, false)?;
        Ok(Response::new(pb::ShutdownResponse {
            messages: vec![pb::Shutdown {
                metadata: None,
                actor_id,
            }],
        }))
    }

    async fn service_start(
        &self,
        request: Request<pb::ServiceStartRequest>,
    ) -> Result<Response<pb::ServiceStartResponse>, Status> {
        let id = &request.get_ref().id;
        self.local
            .shared
            .world
            .change(|state| lifecycle::service(state, &self.local.hostname, id, true))?;
        let resp = format!("Service {id:?} started");
        Ok(Response::new(pb::ServiceStartResponse {
            messages: vec![pb::ServiceStart {
                metadata: None,
                resp,
            }],
        }))
    }

    async fn service_stop(
        &self,
        request: Request<pb::ServiceStopRequest>,
    ) -> Result<Response<pb::ServiceStopResponse>, Status> {
        let id = &request.get_ref().id;
        self.local
            .shared
            .world
            .change(|state| lifecycle::service(state, &self.local.hostname, id, false))?;
        let resp = format!("Service {id:?} stopped");
        Ok(Response::new(pb::ServiceStopResponse {
            messages: vec![pb::ServiceStop {
                metadata: None,
                resp,
            }],
        }))
    }

    async fn service_restart(
        &self,
        request: Request<pb::ServiceRestartRequest>,
    ) -> Result<Response<pb::ServiceRestartResponse>, Status> {
        let id = &request.get_ref().id;
        self.local
            .shared
            .world
            .change(|state| lifecycle::service(state, &self.local.hostname, id, true))?;
        let resp = format!("Service {id:?} restarted");
        Ok(Response::new(pb::ServiceRestartResponse {
            messages: vec![pb::ServiceRestart {
                metadata: None,
                resp,
            }],
        }))
    }

    async fn bootstrap(
        &self,
        _: Request<pb::BootstrapRequest>,
    ) -> Result<Response<pb::BootstrapResponse>, Status> {
        Err(self.node(lifecycle::bootstrap)?)
    }

    async fn meta_write(
        &self,
        request: Request<pb::MetaWriteRequest>,
    ) -> Result<Response<pb::MetaWriteResponse>, Status> {
        let request = request.into_inner();
        self.meta.write(request.key, request.value)?;
        Ok(Response::new(pb::MetaWriteResponse {
            messages: vec![pb::MetaWrite::default()],
        }))
    }

    async fn meta_delete(
        &self,
        request: Request<pb::MetaDeleteRequest>,
    ) -> Result<Response<pb::MetaDeleteResponse>, Status> {
        self.meta.delete(request.get_ref().key)?;
        Ok(Response::new(pb::MetaDeleteResponse {
            messages: vec![pb::MetaDelete::default()],
        }))
    }
}
