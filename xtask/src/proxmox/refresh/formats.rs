//! Named forms of texts, and the types of property strings.

use serde_json::Value;

use super::answers;
use super::facts::is_true;
use super::types::{Types, enum_words, text};
use super::words::{capital, spoken};
use crate::proxmox::schema::{Field, Item, Kind, Rules};

/// A named form of texts, with the rules of its keys.
pub(super) fn named(types: &mut Types<'_>, name: &str, format: &Value) {
    if types.find(name).is_some() {
        return;
    }
    "formats".clone_into(&mut types.area);
    let (kind, argument) = match text(format, "kind").as_deref() {
        Some("regex") => ("match", text(format, "regex").unwrap_or_default()),
        Some("list") => ("list", text(format, "of").unwrap_or_default()),
        Some("property-string") => ("property", String::new()),
        _ => match enum_words(format) {
            Some(words) => ("words", words.join(" ")),
            None => ("rule", String::new()),
        },
    };
    let mut fields = Vec::new();
    for (wire, key) in format
        .get("keys")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut field = Field {
            wire: wire.clone(),
            families: Vec::new(),
            rust: wire.clone(),
            optional: key.get("optional").is_some_and(is_true),
            default_key: key.get("default_key").is_some_and(is_true),
            ty: match text(key, "type").as_deref() {
                Some("integer") => "i64",
                Some("number") => "f64",
                Some("boolean") => "bool",
                _ => "text",
            }
            .to_owned(),
            rules: Rules::default(),
            docs: Vec::new(),
        };
        let bound = |name: &str| {
            key.get(name)
                .filter(|v| v.is_number())
                .map_or(String::new(), ToString::to_string)
        };
        let span = |from: &str, to: &str| {
            let (from, to) = (bound(from), bound(to));
            if from.is_empty() && to.is_empty() {
                String::new()
            } else {
                format!("{from}..{to}")
            }
        };
        let words = enum_words(key).unwrap_or_default();
        field.rules = Rules {
            range: span("minimum", "maximum"),
            length: span("minLength", "maxLength"),
            format: text(key, "format").unwrap_or_default(),
            pattern: text(key, "pattern").unwrap_or_default(),
            words: words.join(","),
            alias: text(key, "alias").unwrap_or_default(),
            name_to: text(key, "keyAlias").unwrap_or_default(),
            ..Rules::default()
        };
        fields.push(field);
    }
    types.add(Item {
        kind: Kind::Format {
            kind: kind.to_owned(),
            argument,
        },
        name: name.to_owned(),
        docs: Vec::new(),
        fields,
        marks: Vec::new(),
    });
}

/// The type for a format of property strings; several formats may share one.
pub(super) fn property(types: &mut Types<'_>, format: &str, schema: &Value) {
    "properties".clone_into(&mut types.area);
    let name = types.names.property(format);
    let mut fields = Vec::new();
    let (mut aliases, mut pairs): (Vec<Vec<String>>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut name_to, mut value_to) = (String::new(), String::new());
    for (wire, key) in schema
        .get("keys")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(real) = text(key, "alias") {
            match text(key, "keyAlias") {
                Some(to) => {
                    (name_to, value_to) = (to, real);
                    pairs.push(wire.clone());
                }
                None => aliases.push(vec![wire.clone(), real]),
            }
            continue;
        }
        let mut field = types.field(&name, wire, key);
        field.optional = key.get("optional").is_some_and(is_true) || field.ty != "text";
        field.default_key = key.get("default_key").is_some_and(is_true);
        match text(key, "format").as_deref() {
            Some("disk-size") => "size".clone_into(&mut field.ty),
            Some("mac-addr") => "mac".clone_into(&mut field.ty),
            Some(list) if list.ends_with("-list") => {
                field.optional = false;
                "list".clone_into(&mut field.ty);
            }
            _ => {}
        }
        if matches!(wire.as_str(), "trunks" | "cpus" | "hostnodes") && field.ty == "text" {
            field.optional = false;
            "list".clone_into(&mut field.ty);
        }
        field.rules = Rules::default();
        fields.push(field);
    }
    if types.find(&name).is_none() {
        let docs = types.words.item(&name, || {
            format!("{}: a property string.", capital(&spoken(&name)))
        });
        types.add(Item {
            kind: Kind::Property {
                label: spoken(&name),
            },
            name: name.clone(),
            docs,
            fields: Vec::new(),
            marks: Vec::new(),
        });
    }
    let items = types
        .areas
        .iter_mut()
        .flat_map(|(_, schema)| &mut schema.items);
    let Some(item) = items.into_iter().find(|item| item.name == name) else {
        return;
    };
    let has_default = item.fields.iter().any(|f| f.default_key);
    for field in &mut fields {
        field.default_key &= !has_default;
    }
    // Types that several formats share cannot demand what only one of them has.
    let shared = !item.fields.is_empty();
    for field in &mut fields {
        if shared && field.ty == "text" && !item.fields.iter().any(|f| f.wire == field.wire) {
            field.optional = true;
        }
    }
    answers::extend(item, fields);
    for alias in aliases {
        let known = item
            .marks
            .iter()
            .any(|(mark, words)| mark == "alias" && words.first() == alias.first());
        if !known {
            item.marks.push(("alias".to_owned(), alias));
        }
    }
    if !pairs.is_empty() && item.mark("pair").is_none() {
        let mut words = vec![name_to, value_to];
        words.extend(pairs);
        item.marks.push(("pair".to_owned(), words));
    }
}
