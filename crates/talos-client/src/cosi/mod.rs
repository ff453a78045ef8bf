//! COSI resources: what a node knows and does, as typed data.
//!
//! | file | what |
//! |---|---|
//! | `resource.rs` | metadata, typed and untyped resources, [`ResourceType`] |
//! | `read.rs` | get and list |
//! | `watch.rs` | changes as they happen |
//! | `net_ip.rs` | addresses on the wire |
//! | `types/` | the resource types that this crate knows |
//!
//! Specifications are read from their protobuf form. A type that is not here
//! can be read as YAML ([`get_dynamic`](crate::NodeClient::get_dynamic)) or be
//! added by implementing [`ResourceType`].

mod net_ip;
mod read;
mod resource;
mod types;
mod watch;

pub use resource::{Metadata, Resource, ResourceType, Typed, decode_spec};
pub use types::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, LocalEtcdMember, MachineStage,
    MachineStatus, MachineType, Member, NodeAddress, Nodename, SecurityState, SystemInformation,
    UnmetCondition,
};
pub use watch::{WatchEvent, WatchEventKind, WatchOptions, WatchStream};
