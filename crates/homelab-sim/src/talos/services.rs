//! The services of one node, without TLS and without routing to others.

use http::{Request, Response};
use talos_proto::cosi::resource::state_server::StateServer;
use talos_proto::inspect::inspect_service_server::InspectServiceServer;
use talos_proto::machine::machine_service_server::MachineServiceServer;
use talos_proto::storage::storage_service_server::StorageServiceServer;
use talos_proto::time::time_service_server::TimeServiceServer;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;

use super::cosi::Cosi;
use super::machine::Machine;
use super::rbac;
use super::small::Small;
use crate::shared::Shared;

/// What a node receives at most.
const MAX_MESSAGE: usize = 32 << 20;

/// Who calls: the roles of the client certificate. A request carries this in
/// its extensions.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) roles: Vec<String>,
}

/// The services of one node; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct NodeServices {
    machine: MachineServiceServer<Machine>,
    state: StateServer<Cosi>,
    time: TimeServiceServer<Small>,
    storage: StorageServiceServer<Small>,
    inspect: InspectServiceServer<Small>,
}

impl NodeServices {
    pub(super) fn new(shared: &Shared, hostname: &str) -> Self {
        let small = Small::new(shared.clone(), hostname);
        NodeServices {
            time: TimeServiceServer::new(small.clone()),
            storage: StorageServiceServer::new(small.clone()),
            inspect: InspectServiceServer::new(small),
            machine: MachineServiceServer::new(Machine::new(shared.clone(), hostname))
                .max_decoding_message_size(MAX_MESSAGE),
            state: StateServer::new(Cosi::new(shared.clone(), hostname))
                .max_decoding_message_size(MAX_MESSAGE),
        }
    }

    /// Answers a call for which `caller` is responsible.
    pub(super) async fn call(&self, caller: &Caller, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if !rbac::allowed(&path, &caller.roles) {
            return Status::permission_denied("not authorized").into_http();
        }
        request.extensions_mut().insert(caller.clone());
        let answer = match path.split('/').nth(1) {
            Some("machine.MachineService") => self.machine.clone().oneshot(request).await,
            Some("time.TimeService") => self.time.clone().oneshot(request).await,
            Some("storage.StorageService") => self.storage.clone().oneshot(request).await,
            Some("inspect.InspectService") => self.inspect.clone().oneshot(request).await,
            Some("cosi.resource.State") => self.state.clone().oneshot(request).await,
            service => Ok(Status::unimplemented(format!(
                "unknown service {}",
                service.unwrap_or_default()
            ))
            .into_http()),
        };
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
