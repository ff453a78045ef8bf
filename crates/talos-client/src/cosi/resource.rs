//! Resources: metadata and specification.

use std::collections::BTreeMap;
use std::fmt;

use homelab_core::{Error, ErrorKind, Result};
use prost::Message;
use serde::{Deserialize, Serialize};
use talos_proto::cosi::resource as proto;

use crate::timestamp::rfc3339;
use crate::yaml;

/// Who a resource is and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Metadata {
    /// Namespace: `runtime`, `network`, …
    pub namespace: String,
    /// Full canonical type: `LinkStatuses.net.talos.dev`.
    pub type_name: String,
    /// Id, unique in namespace and type.
    pub id: String,
    /// Counts changes: a decimal number, or `undefined`.
    pub version: String,
    /// The controller that owns it.
    pub owner: String,
    /// `running` or `tearingDown`.
    pub phase: String,
    /// When it came to be, RFC 3339.
    pub created: Option<String>,
    /// When it last changed, RFC 3339.
    pub updated: Option<String>,
    /// Who must agree before it goes.
    pub finalizers: Vec<String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Metadata {
    /// Whether the resource is on its way out.
    pub fn is_tearing_down(&self) -> bool {
        self.phase == "tearingDown"
    }
}

/// A resource of any type, as text and as data. Specifications of sensitive types
/// are keys and tokens.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Resource {
    /// Who it is.
    pub metadata: Metadata,
    /// Its specification as YAML, as the node wrote it.
    pub yaml: String,
    /// The same as data; nothing when it is no YAML. The keys are those of
    /// Talos' documentation.
    pub spec: serde_json::Value,
}

/// Names it and leaves out what it says, which may be secret.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// A resource of a known type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Typed<R> {
    /// Who it is.
    pub metadata: Metadata,
    /// Its specification.
    pub spec: R,
}

/// A type of resources.
///
/// ```
/// use homelab_core::Result;
/// use talos_client::cosi::{Metadata, ResourceType, decode_spec};
/// use talos_proto::definitions::runtime::VersionSpec;
///
/// /// The release a node runs (since Talos v1.10).
/// struct RunningVersion(String);
///
/// impl ResourceType for RunningVersion {
///     const TYPE: &'static str = "Versions.runtime.talos.dev";
///     const NAMESPACE: &'static str = "runtime";
///
///     fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
///         Ok(RunningVersion(decode_spec::<VersionSpec>(spec)?.version))
///     }
/// }
/// # assert_eq!(RunningVersion::decode(&Metadata::default(), b"\x0a\x02v1").unwrap().0, "v1");
/// ```
pub trait ResourceType: Sized + Send + 'static {
    /// Full canonical name, case-sensitive.
    const TYPE: &'static str;
    /// The namespace where resources of this type live.
    const NAMESPACE: &'static str;

    /// From the protobuf form of a specification.
    ///
    /// # Errors
    /// `Protocol` when the bytes are not one.
    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self>;
}

/// Decodes the protobuf form of a specification.
///
/// # Errors
/// `Protocol` when the bytes are not an `M`.
pub fn decode_spec<M: Message + Default>(spec: &[u8]) -> Result<M> {
    M::decode(spec).map_err(|e| {
        Error::new(
            ErrorKind::Protocol,
            format!("the specification cannot be decoded: {e}"),
        )
    })
}

impl From<proto::Metadata> for Metadata {
    fn from(m: proto::Metadata) -> Self {
        Metadata {
            namespace: m.namespace,
            type_name: m.r#type,
            id: m.id,
            version: m.version,
            owner: m.owner,
            phase: m.phase,
            created: m.created.as_ref().and_then(rfc3339),
            updated: m.updated.as_ref().and_then(rfc3339),
            finalizers: m.finalizers,
            annotations: m.annotations,
            labels: m.labels,
        }
    }
}

impl From<proto::Resource> for Resource {
    fn from(resource: proto::Resource) -> Self {
        let yaml = resource.spec.unwrap_or_default().yaml_spec;
        Resource {
            metadata: resource.metadata.unwrap_or_default().into(),
            spec: yaml::to_json(&yaml).unwrap_or_default(),
            yaml,
        }
    }
}

impl<R: ResourceType> Typed<R> {
    pub(crate) fn from_proto(resource: proto::Resource) -> Result<Self> {
        let metadata = Metadata::from(resource.metadata.unwrap_or_default());
        let spec = resource.spec.unwrap_or_default().proto_spec;
        let spec = R::decode(&metadata, &spec).map_err(|e| {
            let sentence = format!("{} {:?}: {}", R::TYPE, metadata.id, e.message());
            Error::new(e.kind(), sentence).source(e)
        })?;
        Ok(Typed { metadata, spec })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_data_too_and_is_not_shown() {
        let of = |yaml: &str| {
            Resource::from(proto::Resource {
                metadata: Some(proto::Metadata {
                    id: "eth0".into(),
                    ..proto::Metadata::default()
                }),
                spec: Some(proto::Spec {
                    yaml_spec: yaml.into(),
                    ..proto::Spec::default()
                }),
            })
        };
        let link = of("mtu: 1500\nup: true\nalias: ''\ntoken: hush\n");
        assert_eq!(
            link.spec,
            serde_json::json!({"mtu": 1500, "up": true, "alias": "", "token": "hush"})
        );
        let shown = format!("{link:?}");
        assert!(shown.contains("eth0") && !shown.contains("hush"), "{shown}");
        // A tombstone has no specification, and what is no YAML is still text.
        assert_eq!(of("").spec, serde_json::Value::Null);
        let strange = of("a: [");
        assert_eq!(
            (strange.yaml.as_str(), strange.spec),
            ("a: [", serde_json::Value::Null)
        );
    }
}
