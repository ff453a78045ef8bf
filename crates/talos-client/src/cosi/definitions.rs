//! From what people call a type to its full name.

use std::collections::BTreeSet;

use homelab_core::{Error, ErrorKind, Result, Sent, nearest};
use serde::{Deserialize, Serialize};
use talos_proto::cosi::resource::meta::ResourceDefinitionSpec;
use talos_proto::cosi::resource::meta::resource_definition_spec::Sensitivity;

use super::query::ListOptions;
use super::resource::{Metadata, Resource, ResourceType, decode_spec};
use crate::node::NodeClient;

/// What a node says about one of its resource types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ResourceDefinition {
    /// Full canonical name: `LinkStatuses.net.talos.dev`.
    pub type_name: String,
    /// The name that people read: `LinkStatus`.
    pub display_name: String,
    /// The namespace where such resources usually live.
    pub default_namespace: String,
    /// Other names: `link`, `links`, `linkstatus`, …
    pub aliases: Vec<String>,
    /// Whether reading them needs the role `os:admin`.
    pub sensitive: bool,
}

impl ResourceType for ResourceDefinition {
    const TYPE: &'static str = "ResourceDefinitions.meta.cosi.dev";
    const NAMESPACE: &'static str = "meta";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: ResourceDefinitionSpec = decode_spec(spec)?;
        let all: BTreeSet<String> = spec.aliases.into_iter().chain(spec.all_aliases).collect();
        Ok(ResourceDefinition {
            type_name: spec.resource_type,
            display_name: spec.display_type,
            default_namespace: spec.default_namespace,
            aliases: all.into_iter().collect(),
            sensitive: spec.sensitivity == i32::from(Sensitivity::Sensitive),
        })
    }
}

impl ResourceDefinition {
    fn answers_to(&self, name: &str) -> bool {
        std::iter::once(&self.type_name)
            .chain(&self.aliases)
            .any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The one definition that `name` means.
fn resolve(definitions: &[ResourceDefinition], name: &str) -> Result<ResourceDefinition> {
    // A full name is meant, even if it were another type's alias.
    if let Some(exact) = definitions.iter().find(|d| d.type_name == name) {
        return Ok(exact.clone());
    }
    let mut matching = definitions.iter().filter(|d| d.answers_to(name));
    let refused = |kind, message: String| Err(Error::new(kind, message).sent(Sent::No));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => {
            let names = definitions
                .iter()
                .flat_map(|d| std::iter::once(&d.type_name).chain(&d.aliases));
            let hint = nearest(name, names.map(String::as_str))
                .map(|near| format!("; did you mean {near:?}?"));
            let message = format!("no resource type {name:?}{}", hint.unwrap_or_default());
            refused(ErrorKind::NotFound, message)
        }
        (Some(_), Some(_)) => {
            let candidates: Vec<_> = definitions
                .iter()
                .filter(|d| d.answers_to(name))
                .map(|d| d.type_name.as_str())
                .collect();
            let message = format!("{name:?} may mean {}", candidates.join(", "));
            refused(ErrorKind::InvalidArgument, message)
        }
    }
}

impl NodeClient {
    /// The resource types that the node knows, with their aliases and usual
    /// namespaces: one more or less with each release.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn resource_definitions(&self) -> Result<Vec<ResourceDefinition>> {
        let listed = self.list::<ResourceDefinition>().await?;
        Ok(listed.into_iter().map(|r| r.spec).collect())
    }

    /// The type that `name` means on this node: a full name or an alias such as
    /// `links`, in any case.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the candidates, when it means several;
    /// `NotFound`, naming the nearest, when it means none.
    pub async fn resolve_type(&self, name: &str) -> Result<ResourceDefinition> {
        let definitions = self.resource_definitions().await?;
        resolve(&definitions, name).map_err(|e| e.operation("Resolve").target(self.target()))
    }

    /// One resource by any name of its type (`members`, `LinkStatus`, …), as
    /// YAML, in the type's usual namespace. Asks the node for its types first.
    ///
    /// # Errors
    /// As [`resolve_type`](NodeClient::resolve_type) and
    /// [`get_dynamic`](NodeClient::get_dynamic).
    pub async fn get_by_alias(&self, name: &str, id: &str) -> Result<Resource> {
        let found = self.resolve_type(name).await?;
        self.get_dynamic(&found.default_namespace, &found.type_name, id)
            .await
    }

    /// All resources by any name of their type, as YAML, in the type's usual
    /// namespace. Asks the node for its types first.
    ///
    /// # Errors
    /// As [`resolve_type`](NodeClient::resolve_type) and
    /// [`list_dynamic`](NodeClient::list_dynamic).
    pub async fn list_by_alias(&self, name: &str, options: &ListOptions) -> Result<Vec<Resource>> {
        let found = self.resolve_type(name).await?;
        self.list_dynamic_with(&found.default_namespace, &found.type_name, options)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(type_name: &str, aliases: &[&str]) -> ResourceDefinition {
        ResourceDefinition {
            type_name: type_name.to_owned(),
            aliases: aliases.iter().map(|&a| a.to_owned()).collect(),
            ..ResourceDefinition::default()
        }
    }

    #[test]
    fn names_mean_one_type_or_are_refused() {
        let all = || {
            vec![
                definition("AddressSpecs.net.talos.dev", &["as", "addressspec"]),
                definition("AddressStatuses.net.talos.dev", &["as", "addresses"]),
            ]
        };
        for name in ["ADDRESSES", "addressstatuses.net.talos.dev", "addresses"] {
            let found = resolve(&all(), name).unwrap();
            assert_eq!(found.type_name, "AddressStatuses.net.talos.dev");
        }
        let error = resolve(&all(), "as").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            error.message(),
            "\"as\" may mean AddressSpecs.net.talos.dev, AddressStatuses.net.talos.dev"
        );
        let error = resolve(&all(), "adresses").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().ends_with("did you mean \"addresses\"?"));
    }
}
