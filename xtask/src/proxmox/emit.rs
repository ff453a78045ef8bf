//! Prints structs, enums, configurations and property strings.

use std::fmt::Write as _;

use super::rows::{self, is_row, reader};
use super::schema::{Field, Item, Kind, Schema, pascal};
use super::{calls, docs, find};

type Areas = [(String, Schema)];

/// The source of one area.
///
/// `first` is the number of its first call in the table.
pub(crate) fn area(schema: &Schema, first: usize, areas: &Areas) -> Result<String, String> {
    let mut out = String::new();
    for line in &schema.docs {
        let _ = writeln!(out, "#![doc = {:?}]", format!(" {line}"));
    }
    out.push_str("#[allow(unused_imports, reason = \"not every area needs all of them\")]\nuse super::prelude::*;\n");
    let mut id = first;
    for item in &schema.items {
        let place = |e: String| format!("{}: {e}", item.name);
        match &item.kind {
            Kind::Call { .. } => {
                calls::call(&mut out, item, id, areas).map_err(place)?;
                id += 1;
            }
            Kind::Struct => structure(&mut out, item, areas).map_err(place)?,
            Kind::Config => config(&mut out, item, areas).map_err(place)?,
            Kind::Property { label } => property(&mut out, item, label, areas).map_err(place)?,
            Kind::Enum { words } => enumeration(&mut out, item, words),
            Kind::Format { .. } => {}
        }
    }
    Ok(out)
}

/// The Rust type of a schema type, without regard to optionality.
pub(crate) fn rust_type(ty: &str, areas: &Areas) -> Result<String, String> {
    if let Some(inner) = ty.strip_suffix('?') {
        return Ok(format!("Option<{}>", rust_type(inner, areas)?));
    }
    if let Some(inner) = ty.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return Ok(format!("Vec<{}>", rust_type(inner, areas)?));
    }
    if let Some(inner) = ty.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        return Ok(format!(
            "std::collections::BTreeMap<String, {}>",
            rust_type(inner, areas)?
        ));
    }
    if let Some(inner) = ty.strip_prefix('<').and_then(|t| t.strip_suffix('>')) {
        return Ok(format!("AgentReply<{}>", rust_type(inner, areas)?));
    }
    Ok(match ty {
        "text" | "time" | "node" | "id" | "mac" => "String",
        "bool" => "bool",
        "u32" | "vmid" => "u32",
        "u64" | "mib" | "size" => "u64",
        "i64" => "i64",
        "f64" => "f64",
        "secret" => "SecretString",
        "words" | "list" => "Vec<String>",
        "upid" => "Upid",
        "any" => "serde_json::Value",
        "nothing" => "Nothing",
        "Ticket" => "Ticket",
        name => {
            return find(areas, name)
                .map(|i| i.name.clone())
                .ok_or(format!("no type {name}"));
        }
    }
    .to_owned())
}

pub(crate) fn is_scalar(ty: &str, areas: &Areas) -> bool {
    matches!(
        ty,
        "text"
            | "bool"
            | "u32"
            | "u64"
            | "i64"
            | "f64"
            | "vmid"
            | "node"
            | "id"
            | "upid"
            | "mac"
            | "size"
    ) || find(areas, ty).is_some_and(|item| matches!(item.kind, Kind::Enum { .. }))
}

/// Whether the type is empty rather than absent when there is nothing.
pub(crate) fn is_collection(ty: &str) -> bool {
    ty.starts_with('[') || ty.starts_with('{') || matches!(ty, "words" | "list")
}

fn structure(out: &mut String, item: &Item, areas: &Areas) -> Result<(), String> {
    docs(out, &item.docs);
    let plain = is_row(item, areas);
    let derive = if plain {
        "Default"
    } else {
        "serde::Deserialize"
    };
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, PartialEq, serde::Serialize, {derive})]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[non_exhaustive]\n\
         pub struct {} {{",
        item.name
    );
    for field in &item.fields {
        docs(out, &field.docs);
        let mut marks = Vec::new();
        let reader = reader(field, areas);
        if !plain {
            if field.wire != field.rust {
                marks.push(format!("alias = {:?}", field.wire));
            }
            let with = match reader {
                "Words" => Some("words"),
                "Moment" => Some("opt_time"),
                "Opt" => Some("lenient"),
                "Req" if field.ty != "upid" => Some("req"),
                _ => None,
            };
            if let Some(with) = with {
                marks.push(format!("deserialize_with = \"tolerant::{with}\""));
            }
        }
        if is_collection(&field.ty) || (!plain && field.optional) {
            marks.push("default".to_owned());
        }
        if !marks.is_empty() {
            let _ = writeln!(out, "#[serde({})]", marks.join(", "));
        }
        let _ = writeln!(out, "pub {}: {},", field.rust, field_type(field, areas)?);
    }
    let open = item.mark("open").is_some();
    if open {
        out.push_str(
            "/// What the server sent beyond that.\n\
             pub other: std::collections::BTreeMap<String, serde_json::Value>,\n",
        );
    }
    out.push_str("}\n");
    if plain {
        rows::row(out, item, areas)?;
    }
    Ok(())
}

/// The Rust type of a field, optionality included.
pub(crate) fn field_type(field: &Field, areas: &Areas) -> Result<String, String> {
    let ty = rust_type(&field.ty, areas)?;
    Ok(if field.optional && !is_collection(&field.ty) {
        format!("Option<{ty}>")
    } else {
        ty
    })
}

fn config(out: &mut String, item: &Item, areas: &Areas) -> Result<(), String> {
    docs(out, &item.docs);
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, PartialEq, serde::Serialize, Default)]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[non_exhaustive]\n\
         pub struct {} {{",
        item.name
    );
    let mut takes = String::new();
    for field in &item.fields {
        docs(out, &field.docs);
        let ty = rust_type(&field.ty, areas)?;
        let wire = &field.wire;
        let (ty, take) = if field.families.is_empty() {
            match field.ty.as_str() {
                "words" => (ty, format!("keys.words({wire:?})")),
                "mib" => (format!("Option<{ty}>"), format!("keys.mebibytes({wire:?})")),
                t if is_scalar(t, areas) => {
                    (format!("Option<{ty}>"), format!("keys.scalar({wire:?})"))
                }
                _ => (format!("Option<{ty}>"), format!("keys.property({wire:?})")),
            }
        } else {
            let names = field.families.iter().map(|(f, _)| format!("{f:?}"));
            let names = names.collect::<Vec<_>>().join(", ");
            (
                format!("std::collections::BTreeMap<String, {ty}>"),
                format!("keys.indexed(&[{names}])"),
            )
        };
        let _ = writeln!(out, "pub {}: {ty},", field.rust);
        let _ = writeln!(takes, "{}: {take},", field.rust);
    }
    let _ = writeln!(
        out,
        "/// Keys without a field of their own, and values that could not be read, as text.\n\
         pub other: std::collections::BTreeMap<String, String>,\n}}\n\
         impl<'de> serde::Deserialize<'de> for {0} {{\n\
         fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {{\n\
         let mut keys: ConfigKeys = serde::Deserialize::deserialize(deserializer)?;\n\
         Ok({0} {{ {takes} other: keys.rest() }})\n}}\n}}",
        item.name
    );
    Ok(())
}

fn enumeration(out: &mut String, item: &Item, words: &[String]) {
    docs(out, &item.docs);
    let name = &item.name;
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, PartialEq, Eq, Hash)]\n#[non_exhaustive]\npub enum {name} {{"
    );
    let mut seen = std::collections::BTreeSet::new();
    let (mut known, mut to, mut from) = (String::new(), String::new(), String::new());
    for word in words {
        let mut variant = pascal(word);
        // `Other` is taken, and two words may differ in punctuation alone.
        if variant == "Other" {
            "OtherOne".clone_into(&mut variant);
        }
        while !seen.insert(variant.clone()) {
            variant.push('X');
        }
        let _ = writeln!(out, "#[doc = \" `{word}`\"]\n{variant},");
        let _ = write!(known, "{word:?}, ");
        let _ = writeln!(to, "{name}::{variant} => {word:?},");
        let _ = writeln!(from, "{word:?} => {name}::{variant},");
    }
    let _ = writeln!(
        out,
        "/// A word that was not known when this was written.\nOther(String),\n}}\n\
         impl TextEnum for {name} {{\nconst KNOWN: &'static [&'static str] = &[{known}];\n\
         fn as_str(&self) -> &str {{ match self {{ {to} {name}::Other(word) => word, }} }}\n\
         fn from_word(word: &str) -> Self {{ match word {{ {from} other => {name}::Other(other.to_owned()), }} }}\n}}\n\
         impl_text_enum!({name});"
    );
}

fn property(out: &mut String, item: &Item, label: &str, areas: &Areas) -> Result<(), String> {
    let name = &item.name;
    docs(out, &item.docs);
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, PartialEq, serde::Serialize, Default)]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[non_exhaustive]\n\
         pub struct {name} {{"
    );
    let mut keys = String::new();
    for field in canonical(&item.fields) {
        let codec = match field.ty.as_str() {
            "size" => "Size",
            "mac" => "Mac",
            "list" => "List",
            _ => "Plain",
        };
        let (wire, rust) = (&field.wire, &field.rust);
        let _ = writeln!(keys, "{wire:?} => {rust} {codec},");
        docs(out, &field.docs);
        out.push_str("#[serde(default)]\n");
        let _ = writeln!(out, "pub {rust}: {},", property_type(field, areas)?);
    }
    let _ = writeln!(
        out,
        "/// Keys that this version does not know.\n#[serde(default)]\n\
         pub other: std::collections::BTreeMap<String, String>,\n\
         #[serde(skip)]\n#[cfg_attr(feature = \"schemars\", schemars(skip))]\nkey_order: KeyOrder,\n}}\n\
         property!({name} {label:?} {{ {keys} }}"
    );
    if let Some(default) = item.fields.iter().find(|f| f.default_key) {
        let _ = writeln!(out, "default {:?}", default.wire);
    }
    let list = |words: Vec<String>| words.join(", ");
    let required: Vec<String> = item
        .fields
        .iter()
        .filter(|f| !f.optional && !is_collection(&f.ty))
        .map(|f| format!("{:?}", f.wire))
        .collect();
    if !required.is_empty() {
        let _ = writeln!(out, "required [{}]", list(required));
    }
    let aliases = item
        .marks
        .iter()
        .filter(|(mark, _)| mark == "alias")
        .map(|(_, words)| match words.as_slice() {
            [alias, real] => Ok(format!("({alias:?}, {real:?})")),
            _ => Err("@alias needs two names".to_owned()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if !aliases.is_empty() {
        let _ = writeln!(out, "aliases [{}]", list(aliases));
    }
    if let Some([name_to, value_to, names @ ..]) = item.mark("pair") {
        let names = list(names.iter().map(|n| format!("{n:?}")).collect());
        let _ = writeln!(out, "pairs {name_to:?} {value_to:?} [{names}]");
    }
    out.push_str(");\n");
    // From JSON it comes as a text, or already taken apart.
    let mut arms = String::from("\"other\" => other Whole 0,");
    for (number, field) in (1..).zip(&item.fields) {
        let keys = if field.wire == field.rust {
            format!("{:?}", field.wire)
        } else {
            format!("{:?} | {:?}", field.wire, field.rust)
        };
        let reader = match property_type(field, areas)?.as_str() {
            "String" => "Req",
            t if t.starts_with("Vec") => "Words",
            _ => "Opt",
        };
        let _ = writeln!(arms, "{keys} => {} {reader} {number},", field.rust);
    }
    let _ = writeln!(out, "row!({name} [] {{ {arms} }} from parse);");
    Ok(())
}

/// Only a text can be there without being optional: what else is required is
/// checked when the whole is read.
fn property_type(field: &Field, areas: &Areas) -> Result<String, String> {
    let ty = rust_type(&field.ty, areas)?;
    Ok(
        if is_collection(&field.ty) || (ty == "String" && !field.optional) {
            ty
        } else {
            format!("Option<{ty}>")
        },
    )
}

/// The server's order: the default key, required keys, the rest, each by name.
fn canonical(fields: &[Field]) -> Vec<&Field> {
    let mut fields: Vec<&Field> = fields.iter().collect();
    fields.sort_by_key(|f| {
        (
            !f.default_key,
            f.optional || is_collection(&f.ty),
            f.wire.clone(),
        )
    });
    fields
}
