//! Talos: configuration, client, one node, several nodes.
//!
//! The methods of a node are many: `node.rs` begins a chain of functions, each
//! with the methods of one topic and the next one as its last arm.

mod client;
mod config;
mod debug;
mod etcd;
mod flows;
mod images;
mod machine_config;
mod maintenance;
mod node;
mod nodes;
mod orders;
mod reads;
mod resources;
mod storage;
mod streams;

pub(crate) use client::client;
pub(crate) use config::{config, from_file, parse, search};
#[cfg(feature = "schema")]
pub(crate) use debug::DebugChunk;
pub(crate) use debug::{DebugSession, container};
#[cfg(feature = "schema")]
pub(crate) use machine_config::NewClusterFiles;
pub(crate) use machine_config::{
    generate, machine as machine_config, machine_config_from_file, machine_config_from_text,
    secrets, secrets_from_file, secrets_from_text,
};
pub(crate) use maintenance::{connect as maintenance_connect, machine, probe};
pub(crate) use node::node;
pub(crate) use nodes::nodes;
#[cfg(feature = "schema")]
pub(crate) use resources::{ResourceEvent, WatchedEvent};
pub(crate) use streams::{parse_filter, verify_snapshot};
