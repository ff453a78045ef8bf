//! Do the definitions agree with what is known about the API?

use std::collections::BTreeSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto};
use serde_json::Value;

use super::*;

/// Compares the compiled definitions with a table of the API's facts, when there is one:
/// a JSON file named by `TALOS_API_FACTS`.
#[test]
fn definitions_agree_with_the_facts() {
    let path = std::env::var_os("TALOS_API_FACTS").map_or_else(
        || crate::root().join("../shared/facts/talos/talos-api.json"),
        PathBuf::from,
    );
    let Ok(text) = fs::read_to_string(&path) else {
        println!("SKIPPED: no facts to compare with; set TALOS_API_FACTS to a talos-api.json");
        return;
    };
    let facts: Value = serde_json::from_str(&text).unwrap();
    let expected = from_facts(&facts["packages"]);
    let actual = from_descriptors(&compile(&crate::root().join(PROTO)).unwrap());
    assert!(expected.len() > 3000, "only {} facts read", expected.len());
    let missing: Vec<_> = expected.difference(&actual).collect();
    let surplus: Vec<_> = actual.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "missing: {missing:#?}\nnot in the facts: {surplus:#?}"
    );
}

/// One line per method, field and enum value; both sides are brought to this form.
type Lines = BTreeSet<String>;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_default()
}

fn deprecated(value: &Value) -> bool {
    flag(value, "deprecated") || value.get("deprecated_since").is_some()
}

fn from_facts(packages: &Value) -> Lines {
    let mut lines = Lines::new();
    for (package, content) in packages.as_object().unwrap() {
        for (service, methods) in content["services"].as_object().unwrap() {
            for (name, m) in methods.as_object().unwrap() {
                if m.is_object() {
                    lines.insert(format!(
                        "rpc {package}.{service}/{name} {}{} -> {}{}{}",
                        if flag(m, "client_streaming") {
                            "stream "
                        } else {
                            ""
                        },
                        text(m, "request"),
                        if flag(m, "server_streaming") {
                            "stream "
                        } else {
                            ""
                        },
                        text(m, "response"),
                        if deprecated(m) { " deprecated" } else { "" },
                    ));
                }
            }
        }
        for (name, message) in content["messages"].as_object().unwrap() {
            lines.insert(format!(
                "message {package}.{name}{}",
                if deprecated(message) {
                    " deprecated"
                } else {
                    ""
                }
            ));
            for number in message["reserved"].as_array().into_iter().flatten() {
                lines.insert(format!("reserved {package}.{name} {number}"));
            }
            for reserved in message["reserved_names"].as_array().into_iter().flatten() {
                lines.insert(format!(
                    "reserved {package}.{name} {}",
                    reserved.as_str().unwrap()
                ));
            }
            for f in message["fields"].as_array().unwrap() {
                let label = text(f, "label");
                let label = if label == "map" { "" } else { label };
                let oneof = f["oneof"].as_str().map(|o| format!(" in {o}"));
                lines.insert(format!(
                    "field {package}.{name}.{} = {} {label} {}{}{}",
                    text(f, "name"),
                    f["number"],
                    text(f, "type").replace(", ", ","),
                    oneof.unwrap_or_default(),
                    if deprecated(f) { " deprecated" } else { "" },
                ));
            }
        }
        for (name, content) in content["enums"].as_object().unwrap() {
            let listed = |key: &str, value: &str| {
                content[key]
                    .as_array()
                    .is_some_and(|l| l.iter().any(|v| v == value))
            };
            let added = content["added_in_v1.14"].as_object();
            for (value, number) in content["values"]
                .as_object()
                .unwrap()
                .iter()
                .chain(added.into_iter().flatten())
            {
                let old =
                    listed("deprecated_values", value) || listed("deprecated_values_v1.14", value);
                lines.insert(format!(
                    "value {package}.{name}.{value} = {number}{}",
                    if old { " deprecated" } else { "" }
                ));
            }
        }
    }
    lines
}

fn from_descriptors(descriptors: &FileDescriptorSet) -> Lines {
    let mut lines = Lines::new();
    for file in &descriptors.file {
        if file.package() == "google.protobuf" {
            continue;
        }
        for service in &file.service {
            for m in &service.method {
                lines.insert(format!(
                    "rpc {}.{}/{} {}{} -> {}{}{}",
                    file.package(),
                    service.name(),
                    m.name(),
                    if m.client_streaming() { "stream " } else { "" },
                    m.input_type().trim_start_matches('.'),
                    if m.server_streaming() { "stream " } else { "" },
                    m.output_type().trim_start_matches('.'),
                    if m.options
                        .as_ref()
                        .is_some_and(|o| o.deprecated.unwrap_or_default())
                    {
                        " deprecated"
                    } else {
                        ""
                    },
                ));
            }
        }
        for message in &file.message_type {
            message_lines(file.package(), message, &mut lines);
        }
        for e in &file.enum_type {
            enum_lines(file.package(), e, &mut lines);
        }
    }
    lines
}

fn message_lines(scope: &str, message: &DescriptorProto, lines: &mut Lines) {
    let name = format!("{scope}.{}", message.name());
    let options = message.options.as_ref();
    lines.insert(format!(
        "message {name}{}",
        if options.is_some_and(|o| o.deprecated.unwrap_or_default()) {
            " deprecated"
        } else {
            ""
        }
    ));
    for range in &message.reserved_range {
        for number in range.start()..range.end() {
            lines.insert(format!("reserved {name} {number}"));
        }
    }
    for reserved in &message.reserved_name {
        lines.insert(format!("reserved {name} {reserved}"));
    }
    for field in &message.field {
        let label = match field.label() {
            _ if map_entry(message, field).is_some() => "",
            Label::Repeated => "repeated",
            _ if field.proto3_optional() => "optional",
            _ => "",
        };
        let oneof = field
            .oneof_index
            .filter(|_| !field.proto3_optional())
            .map(|i| {
                format!(
                    " in {}",
                    message.oneof_decl[usize::try_from(i).unwrap()].name()
                )
            });
        lines.insert(format!(
            "field {name}.{} = {} {label} {}{}{}",
            field.name(),
            field.number(),
            type_name(message, field),
            oneof.unwrap_or_default(),
            if field
                .options
                .as_ref()
                .is_some_and(|o| o.deprecated.unwrap_or_default())
            {
                " deprecated"
            } else {
                ""
            },
        ));
    }
    for nested in &message.nested_type {
        if !nested
            .options
            .as_ref()
            .is_some_and(|o| o.map_entry.unwrap_or_default())
        {
            message_lines(&name, nested, lines);
        }
    }
    for e in &message.enum_type {
        enum_lines(&name, e, lines);
    }
}

fn enum_lines(scope: &str, e: &EnumDescriptorProto, lines: &mut Lines) {
    for value in &e.value {
        lines.insert(format!(
            "value {scope}.{}.{} = {}{}",
            e.name(),
            value.name(),
            value.number(),
            if value
                .options
                .as_ref()
                .is_some_and(|o| o.deprecated.unwrap_or_default())
            {
                " deprecated"
            } else {
                ""
            }
        ));
    }
}

fn map_entry<'a>(
    message: &'a DescriptorProto,
    field: &FieldDescriptorProto,
) -> Option<&'a DescriptorProto> {
    let last = field.type_name().rsplit('.').next()?;
    message.nested_type.iter().find(|n| {
        n.name() == last
            && n.options
                .as_ref()
                .is_some_and(|o| o.map_entry.unwrap_or_default())
    })
}

fn type_name(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    if let Some(entry) = map_entry(message, field) {
        let (key, value) = (&entry.field[0], &entry.field[1]);
        return format!("map<{},{}>", type_name(entry, key), type_name(entry, value));
    }
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    }
}
