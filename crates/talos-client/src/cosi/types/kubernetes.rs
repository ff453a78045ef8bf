use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::k8s::NodenameSpec;

use crate::cosi::{Metadata, ResourceType, decode_spec};

/// The node's name in Kubernetes (`Nodenames.kubernetes.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Nodename {
    /// The name.
    pub nodename: String,
    /// Whether the node keeps out of Kubernetes.
    pub skip_node_registration: bool,
}

impl ResourceType for Nodename {
    const TYPE: &'static str = "Nodenames.kubernetes.talos.dev";
    const NAMESPACE: &'static str = "k8s";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: NodenameSpec = decode_spec(spec)?;
        Ok(Nodename {
            nodename: spec.nodename,
            skip_node_registration: spec.skip_node_registration,
        })
    }
}
