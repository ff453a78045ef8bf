//! The services of one node, without TLS and without routing to others.

use http::{Request, Response};
use talos_proto::cluster::cluster_service_server::ClusterServiceServer;
use talos_proto::cosi::resource::state_server::StateServer;
use talos_proto::inspect::inspect_service_server::InspectServiceServer;
use talos_proto::machine::debug_service_server::DebugServiceServer;
use talos_proto::machine::image_service_server::ImageServiceServer;
use talos_proto::machine::lifecycle_service_server::LifecycleServiceServer;
use talos_proto::machine::lvm_service_server::LvmServiceServer;
use talos_proto::machine::machine_service_server::MachineServiceServer;
use talos_proto::machine::md_service_server::MdServiceServer;
use talos_proto::storage::storage_service_server::StorageServiceServer;
use talos_proto::time::time_service_server::TimeServiceServer;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt;

use super::cosi::Cosi;
use super::debug::Debug;
use super::health::Health;
use super::image::Images;
use super::lifecycle::Lifecycle;
use super::local::Local;
use super::machine::Machine;
use super::maintenance::Maintenance;
use super::rbac;
use super::small::Small;
use super::storage::Storage;
use super::volumes::Volumes;
use crate::shared::Shared;

/// What a node receives at most.
const MAX_MESSAGE: usize = 32 << 20;
/// The same in maintenance mode before v1.13.
const SMALL_MESSAGE: usize = 4 << 20;

/// Who calls: the roles of the client certificate. A request carries this in
/// its extensions.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) roles: Vec<String>,
}

/// The services of one node; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct NodeServices {
    local: Local,
    machine: MachineServiceServer<Machine>,
    state: StateServer<Cosi>,
    time: TimeServiceServer<Small>,
    inspect: InspectServiceServer<Small>,
    storage: StorageServiceServer<Storage>,
    cluster: ClusterServiceServer<Health>,
    image: ImageServiceServer<Images>,
    lifecycle: LifecycleServiceServer<Lifecycle>,
    debug: DebugServiceServer<Debug>,
    lvm: LvmServiceServer<Volumes>,
    md: MdServiceServer<Volumes>,
}

impl NodeServices {
    pub(super) fn new(shared: &Shared, name: &str) -> Self {
        let local = Local::new(shared, name);
        let small = Small::new(local.clone());
        let volumes = Volumes::new(local.clone());
        NodeServices {
            time: TimeServiceServer::new(small.clone()),
            inspect: InspectServiceServer::new(small),
            storage: StorageServiceServer::new(Storage::new(local.clone())),
            cluster: ClusterServiceServer::new(Health::new(local.clone())),
            image: ImageServiceServer::new(Images::new(local.clone()))
                .max_decoding_message_size(MAX_MESSAGE),
            lifecycle: LifecycleServiceServer::new(Lifecycle::new(local.clone())),
            debug: DebugServiceServer::new(Debug::new(local.clone())),
            lvm: LvmServiceServer::new(volumes.clone()),
            md: MdServiceServer::new(volumes),
            machine: MachineServiceServer::new(Machine::new(local.clone())),
            state: StateServer::new(Cosi::new(shared.clone(), name))
                .max_decoding_message_size(MAX_MESSAGE),
            local,
        }
    }

    /// Answers a call for which `caller` is responsible.
    pub(super) async fn call(&self, caller: &Caller, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let service = path.split('/').nth(1).unwrap_or_default();
        let known = self.local.node(|_, node| {
            let mode = (!node.configured()).then(|| Maintenance::of(node));
            (node.since(first_minor(&path)), mode)
        });
        let (known, mode) = match known {
            Ok(known) => known,
            Err(down) => return down.into_http(),
        };
        if !known {
            return unknown(service);
        }
        let caller = match mode {
            Some(mode) => match mode.admit(&path) {
                Ok(caller) => caller,
                Err(refused) => return refused.into_http(),
            },
            None if rbac::allowed(&path, &caller.roles) => caller.clone(),
            None => return Status::permission_denied("not authorized").into_http(),
        };
        request.extensions_mut().insert(caller);
        let small = mode == Some(Maintenance::Small);
        let answer = match service {
            "machine.MachineService" => {
                let machine = self.machine.clone();
                let most = if small { SMALL_MESSAGE } else { MAX_MESSAGE };
                machine
                    .max_decoding_message_size(most)
                    .oneshot(request)
                    .await
                    .map(|answer| too_large(answer, most))
            }
            "machine.ImageService" => self.image.clone().oneshot(request).await,
            "machine.LifecycleService" => self.lifecycle.clone().oneshot(request).await,
            "machine.DebugService" => self.debug.clone().oneshot(request).await,
            "machine.LVMService" => self.lvm.clone().oneshot(request).await,
            "machine.MDService" => self.md.clone().oneshot(request).await,
            "cluster.ClusterService" => self.cluster.clone().oneshot(request).await,
            "time.TimeService" => self.time.clone().oneshot(request).await,
            "storage.StorageService" => self.storage.clone().oneshot(request).await,
            "inspect.InspectService" => self.inspect.clone().oneshot(request).await,
            "cosi.resource.State" => self.state.clone().oneshot(request).await,
            service => return unknown(service),
        };
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A request that is too large has a status of its own on a real node.
fn too_large(answer: Response<Body>, most: usize) -> Response<Body> {
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            Status::resource_exhausted(format!("grpc: received message larger than max ({most})"))
                .into_http()
        }
        _ => answer,
    }
}

/// The minor release that brought a method, for those that are not old.
fn first_minor(path: &str) -> u32 {
    let mut parts = path.trim_start_matches('/').split('/');
    match (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    ) {
        ("machine.ImageService" | "machine.LifecycleService" | "machine.DebugService", _) => 13,
        ("machine.LVMService" | "machine.MDService", _) => 14,
        ("machine.MachineService", "CPUFreqStats") => 9,
        ("machine.MachineService", method) if method.starts_with("EtcdDowngrade") => 11,
        _ => 0,
    }
}

fn unknown(service: &str) -> Response<Body> {
    Status::unimplemented(format!("unknown service {service}")).into_http()
}
