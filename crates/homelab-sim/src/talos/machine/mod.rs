//! `machine.MachineService` of one node. Methods that are not here answer
//! Unimplemented, as an older node would.

mod apply;
mod archive;
mod bootstrap;
mod bpf;
mod bytes;
mod capture;
mod credentials;
mod etcd;
mod etcd_care;
mod events;
mod files;
mod images;
mod info;
mod kubeconfig;
mod lifecycle;
mod logs;
mod snapshot;
mod stats;

use talos_proto::machine::machine_service_server::MachineService;
use talos_proto::{common, machine as pb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use self::etcd_care::Downgrade;
use self::files::File;
use self::lifecycle::Act;
use crate::faults::Fault;
use crate::talos::local::Local;
use crate::world::{Order, State, TalosNode};

/// `machine.MachineService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    local: Local,
}

impl Machine {
    pub(super) fn new(local: Local) -> Self {
        Machine { local }
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
        let faults = &self.local.shared.faults;
        faults.has(&self.local.name, Fault::TruncateStream)
    }

    fn now(&self) -> std::time::SystemTime {
        self.local.shared.now_at(&self.local.name)
    }
}

/// Each method: its request, its response, and how it comes to it.
macro_rules! methods {
    ($self:ident; $($name:ident($request:pat_param in $from:ty) -> $to:ty $body:block)*) => {
        #[async_trait]
        impl MachineService for Machine {
            $(
                async fn $name(
                    &$self,
                    request: Request<$from>,
                ) -> Result<Response<$to>, Status> {
                    let $request = request.into_inner();
                    let answer: Result<$to, Status> = $body;
                    answer.map(Response::new)
                }
            )*
        }
    };
}

/// A response of one message with these fields.
macro_rules! one {
    ($response:ident, $message:ident $(, $field:ident: $value:expr)*) => {
        Ok(pb::$response {
            messages: vec![pb::$message { $($field: $value,)* ..pb::$message::default() }],
        })
    };
}

methods! { self;
    version(() in ()) -> pb::VersionResponse { self.node(info::version) }
    hostname(() in ()) -> pb::HostnameResponse {
        let hostname = self.node(|_, node| node.hostname.clone())?;
        one!(HostnameResponse, Hostname, hostname: hostname)
    }
    service_list(() in ()) -> pb::ServiceListResponse { self.node(info::services) }
    memory(() in ()) -> pb::MemoryResponse { self.node(info::memory) }
    system_stat(() in ()) -> pb::SystemStatResponse {
        let now = self.now();
        self.node(|_, node| info::system_stat(node, now))
    }
    load_avg(() in ()) -> pb::LoadAvgResponse { self.node(|_, node| stats::load(node)) }
    cpu_info(() in ()) -> pb::CpuInfoResponse { self.node(|_, node| stats::cpu_info(node)) }
    cpu_freq_stats(() in ()) -> pb::CpuFreqStatsResponse {
        self.node(|_, node| stats::cpu_frequencies(node))
    }
    mounts(() in ()) -> pb::MountsResponse { self.node(|_, node| stats::mounts(node)) }
    processes(() in ()) -> pb::ProcessesResponse { self.node(|_, node| stats::processes(node)) }
    disk_stats(() in ()) -> pb::DiskStatsResponse {
        let now = self.now();
        self.node(|_, node| stats::disks(node, now))
    }
    network_device_stats(() in ()) -> pb::NetworkDeviceStatsResponse {
        let now = self.now();
        self.node(|_, node| stats::network(node, now))
    }
    netstat(request in pb::NetstatRequest) -> pb::NetstatResponse {
        self.node(|_, node| stats::netstat(node, &request))
    }
    containers(request in pb::ContainersRequest) -> pb::ContainersResponse {
        self.node(|_, node| stats::containers(node, &request))?
    }
    stats(request in pb::StatsRequest) -> pb::StatsResponse {
        self.node(|_, node| stats::container_stats(node, &request))?
    }

    events(request in pb::EventsRequest) -> BoxStream<pb::Event> {
        events::follow(&self.local, &request)
    }
    logs(request in pb::LogsRequest) -> BoxStream<common::Data> {
        let cut = self.truncated();
        self.node(|_, node| logs::logs(&self.local.shared, node, &request, cut))?
    }
    logs_containers(() in ()) -> pb::LogsContainersResponse {
        let ids = self.node(|_, node| logs::ids(node))?;
        one!(LogsContainersResponse, LogsContainer, ids: ids)
    }
    dmesg(request in pb::DmesgRequest) -> BoxStream<common::Data> {
        self.node(|_, node| logs::dmesg(&self.local, node, request))
    }
    list(request in pb::ListRequest) -> BoxStream<pb::FileInfo> {
        let booted = self.node(|_, node| node.booted_at)?;
        files::list(&self.tree()?, &request, booted)
    }
    disk_usage(request in pb::DiskUsageRequest) -> BoxStream<pb::DiskUsageInfo> {
        files::disk_usage(&self.tree()?, &request)
    }
    read(request in pb::ReadRequest) -> BoxStream<common::Data> {
        files::read(&self.tree()?, &request.path, self.truncated())
    }
    copy(request in pb::CopyRequest) -> BoxStream<common::Data> {
        let new = self.node(|_, node| node.since(14))?;
        archive::copy(&self.tree()?, &request.root_path, new, self.truncated())
    }
    packet_capture(request in pb::PacketCaptureRequest) -> BoxStream<common::Data> {
        capture::capture(&self.local.shared, &request)
    }
    kubeconfig(() in ()) -> BoxStream<common::Data> {
        kubeconfig::kubeconfig(&self.local)
    }
    generate_client_configuration(
        request in pb::GenerateClientConfigurationRequest
    ) -> pb::GenerateClientConfigurationResponse {
        credentials::generate(&self.local, &request)
    }
    image_list(request in pb::ImageListRequest) -> BoxStream<pb::ImageListResponse> {
        images::list(&self.local, request)
    }
    image_pull(request in pb::ImagePullRequest) -> pb::ImagePullResponse {
        images::pull(&self.local, &request)?;
        one!(ImagePullResponse, ImagePull)
    }

    apply_configuration(
        request in pb::ApplyConfigurationRequest
    ) -> pb::ApplyConfigurationResponse {
        apply::apply(&self.local, &request)
    }
    bootstrap(request in pb::BootstrapRequest) -> pb::BootstrapResponse {
        bootstrap::bootstrap(&self.local, request)?;
        one!(BootstrapResponse, Bootstrap)
    }
    reboot(request in pb::RebootRequest) -> pb::RebootResponse {
        let actor_id = lifecycle::reboot(&self.local, request)?;
        one!(RebootResponse, Reboot, actor_id: actor_id)
    }
    shutdown(request in pb::ShutdownRequest) -> pb::ShutdownResponse {
        let order = Order::Shutdown { force: request.force };
        let actor_id = lifecycle::order(&self.local, order)?;
        one!(ShutdownResponse, Shutdown, actor_id: actor_id)
    }
    reset(request in pb::ResetRequest) -> pb::ResetResponse {
        let actor_id = lifecycle::reset(&self.local, &request)?;
        one!(ResetResponse, Reset, actor_id: actor_id)
    }
    upgrade(request in pb::UpgradeRequest) -> pb::UpgradeResponse {
        let actor_id = lifecycle::upgrade(&self.local, &request)?;
        let ack = "Upgrade request received".to_owned();
        one!(UpgradeResponse, Upgrade, actor_id: actor_id, ack: ack)
    }
    rollback(_ in pb::RollbackRequest) -> pb::RollbackResponse {
        lifecycle::rollback(&self.local)?;
        one!(RollbackResponse, Rollback)
    }
    restart(request in pb::RestartRequest) -> pb::RestartResponse {
        self.node(|_, node| stats::known_container(node, &request))??;
        one!(RestartResponse, Restart)
    }
    service_start(request in pb::ServiceStartRequest) -> pb::ServiceStartResponse {
        let resp = lifecycle::service(&self.local, &request.id, Act::Start)?;
        one!(ServiceStartResponse, ServiceStart, resp: resp)
    }
    service_stop(request in pb::ServiceStopRequest) -> pb::ServiceStopResponse {
        let resp = lifecycle::service(&self.local, &request.id, Act::Stop)?;
        one!(ServiceStopResponse, ServiceStop, resp: resp)
    }
    service_restart(request in pb::ServiceRestartRequest) -> pb::ServiceRestartResponse {
        let resp = lifecycle::service(&self.local, &request.id, Act::Restart)?;
        one!(ServiceRestartResponse, ServiceRestart, resp: resp)
    }
    meta_write(request in pb::MetaWriteRequest) -> pb::MetaWriteResponse {
        lifecycle::meta_write(&self.local, request.key, request.value)?;
        one!(MetaWriteResponse, MetaWrite)
    }
    meta_delete(request in pb::MetaDeleteRequest) -> pb::MetaDeleteResponse {
        lifecycle::meta_delete(&self.local, request.key)?;
        one!(MetaDeleteResponse, MetaDelete)
    }

    etcd_member_list(request in pb::EtcdMemberListRequest) -> pb::EtcdMemberListResponse {
        self.node(|state, node| etcd::member_list(state, node, request.query_local))?
    }
    etcd_status(() in ()) -> pb::EtcdStatusResponse {
        let now = self.now();
        self.node(|state, node| etcd::status(state, node, now))?
    }
    etcd_alarm_list(() in ()) -> pb::EtcdAlarmListResponse { self.node(etcd::alarm_list)? }
    etcd_snapshot(_ in pb::EtcdSnapshotRequest) -> BoxStream<common::Data> {
        let database = self.node(snapshot::database)??;
        let fault = snapshot::Damage::of(&self.local.shared.faults, &self.local.name);
        Ok(snapshot::stream(database, fault))
    }
    etcd_recover(frames in Streaming<common::Data>) -> pb::EtcdRecoverResponse {
        bootstrap::upload(&self.local, frames).await?;
        one!(EtcdRecoverResponse, EtcdRecover)
    }
    etcd_remove_member_by_id(
        request in pb::EtcdRemoveMemberByIdRequest
    ) -> pb::EtcdRemoveMemberByIdResponse {
        let name = &self.local.name;
        etcd_care::change(&self.local, |state| state.etcd_remove(name, request.member_id))?;
        one!(EtcdRemoveMemberByIdResponse, EtcdRemoveMemberById)
    }
    etcd_leave_cluster(_ in pb::EtcdLeaveClusterRequest) -> pb::EtcdLeaveClusterResponse {
        etcd_care::change(&self.local, |state| state.etcd_leave(&self.local.name))?;
        one!(EtcdLeaveClusterResponse, EtcdLeaveCluster)
    }
    etcd_forfeit_leadership(
        _ in pb::EtcdForfeitLeadershipRequest
    ) -> pb::EtcdForfeitLeadershipResponse {
        let name = &self.local.name;
        let member = etcd_care::change(&self.local, |state| state.etcd_forfeit(name))?;
        one!(EtcdForfeitLeadershipResponse, EtcdForfeitLeadership, member: member)
    }
    etcd_alarm_disarm(() in ()) -> pb::EtcdAlarmDisarmResponse {
        let alarms = etcd_care::disarm(&self.local)?;
        one!(EtcdAlarmDisarmResponse, EtcdAlarmDisarm, member_alarms: alarms)
    }
    etcd_defragment(() in ()) -> pb::EtcdDefragmentResponse {
        let name = &self.local.name;
        etcd_care::change(&self.local, |state| state.etcd_defragment(name))?;
        one!(EtcdDefragmentResponse, EtcdDefragment)
    }
    etcd_downgrade_validate(
        request in pb::EtcdDowngradeValidateRequest
    ) -> pb::EtcdDowngradeValidateResponse {
        let answer = etcd_care::downgrade(&self.local, Downgrade::Validate(&request.version))?;
        one!(EtcdDowngradeValidateResponse, EtcdDowngradeValidate, cluster_downgrade: Some(answer))
    }
    etcd_downgrade_enable(
        request in pb::EtcdDowngradeEnableRequest
    ) -> pb::EtcdDowngradeEnableResponse {
        let answer = etcd_care::downgrade(&self.local, Downgrade::Enable(&request.version))?;
        one!(EtcdDowngradeEnableResponse, EtcdDowngradeEnable, cluster_downgrade: Some(answer))
    }
    etcd_downgrade_cancel(() in ()) -> pb::EtcdDowngradeCancelResponse {
        let answer = etcd_care::downgrade(&self.local, Downgrade::Cancel)?;
        one!(EtcdDowngradeCancelResponse, EtcdDowngradeCancel, cluster_downgrade: Some(answer))
    }
}
