//! COSI resources: what a node knows and does, as typed data.
//!
//! | file | what |
//! |---|---|
//! | `resource.rs` | metadata, typed and untyped resources, [`ResourceType`] |
//! | `definitions.rs` | aliases of types |
//! | `query.rs` | which resources: by label, by id |
//! | `read.rs` | get and list |
//! | `watch.rs` | changes as they happen |
//! | `watch_options.rs` | what to watch, and from where on |
//! | `reconnect.rs` | a watch that outlives its connection |
//! | `net_ip.rs` | addresses on the wire |
//! | `types/` | the resource types that this crate knows |
//!
//! Specifications are read from their protobuf form. The types that people
//! want most have a value type of ours ([`Member`], [`LinkStatus`], …); every
//! other one is in [`types`] with the generated message. A type that is in
//! neither can be read as YAML and as data ([`get_dynamic`](crate::NodeClient::get_dynamic))
//! or be added by implementing [`ResourceType`].

mod definitions;
mod net_ip;
mod query;
mod read;
mod reconnect;
mod resource;
pub mod types;
mod watch;
mod watch_options;

pub use definitions::ResourceDefinition;
pub use query::{LabelQuery, ListOptions};
pub use reconnect::{Reconnect, ReconnectingWatch};
pub use resource::{Metadata, Resource, ResourceType, Typed, decode_spec};
pub use types::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, LocalEtcdMember, MachineStage,
    MachineStatus, MachineType, Member, NodeAddress, Nodename, SecurityState, SystemInformation,
    UnmetCondition,
};
pub use watch::{WatchEvent, WatchEventKind, WatchStream};
pub use watch_options::WatchOptions;
