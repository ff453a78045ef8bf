//! As much of Kubernetes' objects as the checks read.

use serde::Deserialize;

/// A list of objects.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// What all objects have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) name: String,
}

/// Something that is the case, or not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    message: String,
}

/// A node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) metadata: Metadata,
    pub(super) spec: NodeSpec,
    pub(super) status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeSpec {
    pub(super) unschedulable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeStatus {
    addresses: Vec<Address>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    r#type: String,
    address: String,
}

impl NodeStatus {
    /// Whether one of these is its internal address.
    pub(super) fn has_any(&self, addresses: &[String]) -> bool {
        self.addresses
            .iter()
            .any(|a| a.r#type == "InternalIP" && addresses.contains(&a.address))
    }

    /// Why it is not ready, if it is not.
    pub(super) fn not_ready(&self) -> Option<String> {
        match self.conditions.iter().find(|c| c.r#type == "Ready") {
            Some(ready) if ready.status == "True" => None,
            Some(ready) => Some(ready.message.clone()),
            None => Some("it has not said so".to_owned()),
        }
    }
}

/// A pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) status: PodStatus,
}

impl Pod {
    /// Whether it is the static pod `name` of some node.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let rest = self.metadata.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('-'))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodStatus {
    conditions: Vec<Condition>,
}

impl PodStatus {
    pub(super) fn ready(&self) -> bool {
        let ready = self.conditions.iter().find(|c| c.r#type == "Ready");
        ready.is_some_and(|c| c.status == "True")
    }
}
