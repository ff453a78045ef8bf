//! The generated clients, for what this crate does not wrap.

use talos_proto::cluster::cluster_service_client::ClusterServiceClient;
use talos_proto::cosi::resource::state_client::StateClient;
use talos_proto::inspect::inspect_service_client::InspectServiceClient;
use talos_proto::machine::debug_service_client::DebugServiceClient;
use talos_proto::machine::image_service_client::ImageServiceClient;
use talos_proto::machine::lifecycle_service_client::LifecycleServiceClient;
use talos_proto::machine::lvm_service_client::LvmServiceClient;
use talos_proto::machine::machine_service_client::MachineServiceClient;
use talos_proto::machine::md_service_client::MdServiceClient;
use talos_proto::storage::storage_service_client::StorageServiceClient;
use talos_proto::time::time_service_client::TimeServiceClient;

use crate::transport::Transport;

/// What Talos sends and takes at most.
pub(crate) const MAX_MESSAGE: usize = 32 << 20;

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident,)+) => {
        /// The generated gRPC clients of `talos-proto`, ready to call.
        ///
        /// The escape hatch: the only place where types of tonic are public.
        #[derive(Clone, Debug)]
        pub struct RawClients {
            transport: Transport,
        }

        impl RawClients {
            pub(crate) fn new(transport: Transport) -> Self {
                RawClients { transport }
            }

            $($(#[$doc])*
            pub fn $name(&self) -> $client<Transport> {
                $client::new(self.transport.clone())
                    .max_decoding_message_size(MAX_MESSAGE)
                    .max_encoding_message_size(MAX_MESSAGE)
            })+
        }
    };
}

clients! {
    /// The machine: life cycle, services, logs, files, statistics, etcd.
    machine: MachineServiceClient,
    /// COSI resources.
    state: StateClient,
    /// Health of the cluster.
    cluster: ClusterServiceClient,
    /// The controller runtime.
    inspect: InspectServiceClient,
    /// Block devices.
    storage: StorageServiceClient,
    /// The clock.
    time: TimeServiceClient,
    /// Container images (since Talos v1.13).
    images: ImageServiceClient,
    /// Install and upgrade (since Talos v1.13).
    lifecycle: LifecycleServiceClient,
    /// Debug containers (since Talos v1.13).
    debug: DebugServiceClient,
    /// LVM volumes (since Talos v1.14).
    lvm: LvmServiceClient,
    /// Software RAID (since Talos v1.14).
    md: MdServiceClient,
}

pub use crate::machine::answer::Answer;
pub use crate::transport::{Fault, ResponseBody, Transport as RawTransport};
