//! The resources of a node, made from the world: each in both encodings.

mod cluster;
mod hardware;
mod machine;
mod network;
mod system;
mod volumes;

use prost::Message;
use serde_json::Value;

use super::yaml::to_yaml;
use crate::world::{State, TalosNode};

/// A resource without its metadata's versions and times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) r#type: &'static str,
    pub(super) id: String,
    pub(super) owner: &'static str,
    pub(super) proto: Vec<u8>,
    pub(super) yaml: String,
    /// The YAML is a text that holds another one, and says so.
    pub(super) text_in_text: bool,
}

impl Draft {
    /// `proto` and `yaml` are the same spec twice.
    fn new(
        r#type: &'static str,
        id: impl Into<String>,
        owner: &'static str,
        proto: &impl Message,
        yaml: &Value,
    ) -> Self {
        Draft {
            r#type,
            id: id.into(),
            owner,
            proto: proto.encode_to_vec(),
            yaml: to_yaml(yaml),
            text_in_text: false,
        }
    }
}

/// All resources of a node that depend on the world.
pub(super) fn of(state: &State, node: &TalosNode) -> Vec<Draft> {
    let mut all = machine::resources(state, node);
    all.extend(network::resources(state, node));
    all.extend(hardware::resources(state, node));
    all.extend(system::resources(state, node));
    all.extend(volumes::resources(state, node));
    all.extend(cluster::resources(state, node));
    all
}
