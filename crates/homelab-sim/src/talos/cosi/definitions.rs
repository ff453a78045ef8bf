//! Types and namespaces as resources of their own, in namespace `meta`: how
//! clients find the full name behind a short one.

use prost::Message;
use serde_json::json;
use talos_proto::cosi::resource as pb;
use talos_proto::cosi::resource::meta::resource_definition_spec::Sensitivity;
use talos_proto::cosi::resource::meta::{NamespaceSpec, ResourceDefinitionSpec};

use super::types::{META, TYPES, Type};
use super::yaml::to_yaml;

/// All resources of one of the two types that describe the others; none for
/// any other type.
pub(super) fn list(r#type: &Type) -> Option<Vec<pb::Resource>> {
    let mut all: Vec<_> = match r#type.name {
        "ResourceDefinitions.meta.cosi.dev" => META.iter().chain(TYPES).map(definition).collect(),
        "Namespaces.meta.cosi.dev" => namespaces(),
        _ => return None,
    };
    all.sort_by(|a, b| super::id(a).cmp(super::id(b)));
    Some(all)
}

fn definition(of: &Type) -> pb::Resource {
    let display = of.name.split('.').next().unwrap_or(of.name);
    let singular = display.strip_suffix('s').unwrap_or(display);
    let lower = of.name.to_ascii_lowercase();
    let explicit: Vec<String> = of.aliases.split_whitespace().map(str::to_owned).collect();
    let mut all_aliases = explicit.clone();
    // `members`, `members.cluster`, `members.cluster.talos`, …
    let dots = lower
        .match_indices('.')
        .map(|(at, _)| lower[..at].to_owned());
    for alias in dots {
        if !all_aliases.contains(&alias) {
            all_aliases.push(alias);
        }
    }
    let sensitivity = if of.sensitive {
        Sensitivity::Sensitive
    } else {
        Sensitivity::NonSensitive
    };
    let yaml = json!({
        "type": of.name,
        "displayType": singular,
        "aliases": explicit,
        "allAliases": all_aliases,
        "printColumns": [],
        "defaultNamespace": of.namespace,
        "sensitivity": if of.sensitive { "sensitive" } else { "" },
    });
    let proto = ResourceDefinitionSpec {
        resource_type: of.name.to_owned(),
        display_type: singular.to_owned(),
        default_namespace: of.namespace.to_owned(),
        aliases: explicit,
        all_aliases,
        print_columns: Vec::new(),
        sensitivity: sensitivity.into(),
    };
    resource("ResourceDefinitions.meta.cosi.dev", &lower, &proto, &yaml)
}

fn namespaces() -> Vec<pb::Resource> {
    let mut names: Vec<_> = META.iter().chain(TYPES).map(|t| t.namespace).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let proto = NamespaceSpec {
                description: String::new(),
            };
            resource(
                "Namespaces.meta.cosi.dev",
                name,
                &proto,
                &json!({"description": ""}),
            )
        })
        .collect()
}

fn resource(
    r#type: &str,
    id: &str,
    proto: &impl Message,
    yaml: &serde_json::Value,
) -> pb::Resource {
    pb::Resource {
        metadata: Some(pb::Metadata {
            namespace: "meta".to_owned(),
            r#type: r#type.to_owned(),
            id: id.to_owned(),
            version: "1".to_owned(),
            phase: "running".to_owned(),
            ..pb::Metadata::default()
        }),
        spec: Some(pb::Spec {
            proto_spec: proto.encode_to_vec().into(),
            yaml_spec: to_yaml(yaml),
        }),
    }
}
