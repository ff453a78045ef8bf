//! Prints structs, enums, configurations and property strings.

use std::fmt::Write as _;

use super::schema::{Field, Item, Kind, Schema, pascal};
use super::{calls, docs, find};

type Areas = [(String, Schema)];

/// The source of one area.
pub(crate) fn area(schema: &Schema, areas: &Areas) -> Result<String, String> {
    let mut out = String::new();
    for line in &schema.docs {
        let _ = writeln!(out, "#![doc = {:?}]", format!(" {line}"));
    }
    out.push_str("#[allow(unused_imports, reason = \"not every area needs all of them\")]\nuse super::prelude::*;\n");
    for item in &schema.items {
        let place = |e: String| format!("{}: {e}", item.name);
        match &item.kind {
            Kind::Call { .. } => calls::call(&mut out, item, areas).map_err(place)?,
            Kind::Struct => structure(&mut out, item, areas).map_err(place)?,
            Kind::Config => config(&mut out, item, areas).map_err(place)?,
            Kind::Property { label } => property(&mut out, item, label, areas).map_err(place)?,
            Kind::Enum { words } => enumeration(&mut out, item, words),
        }
    }
    Ok(out)
}

/// The Rust type of a schema type, without regard to optionality.
pub(crate) fn rust_type(ty: &str, areas: &Areas) -> Result<String, String> {
    if let Some(inner) = ty.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return Ok(format!("Vec<{}>", rust_type(inner, areas)?));
    }
    if let Some(inner) = ty.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        return Ok(format!(
            "std::collections::BTreeMap<String, {}>",
            rust_type(inner, areas)?
        ));
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
        "text" | "bool" | "u32" | "u64" | "i64" | "f64" | "vmid" | "node" | "id"
    ) || find(areas, ty).is_some_and(|item| matches!(item.kind, Kind::Enum { .. }))
}

/// Whether the type is empty rather than absent when there is nothing.
pub(crate) fn is_collection(ty: &str) -> bool {
    ty.starts_with('[') || ty.starts_with('{') || matches!(ty, "words" | "list")
}

fn derives(out: &mut String, default: bool) {
    let default = if default { ", Default" } else { "" };
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize{default})]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[non_exhaustive]"
    );
}

fn structure(out: &mut String, item: &Item, areas: &Areas) -> Result<(), String> {
    docs(out, &item.docs);
    // A row that a name or an unknown word cannot be made up for has no default.
    let default = item.fields.iter().all(|f| {
        f.optional || is_collection(&f.ty) || matches!(f.ty.as_str(), "text" | "bool" | "u32")
    });
    derives(out, default);
    let _ = writeln!(out, "pub struct {} {{", item.name);
    for field in &item.fields {
        docs(out, &field.docs);
        let mut marks = Vec::new();
        if field.wire != field.rust {
            marks.push(format!("alias = {:?}", field.wire));
        }
        let mut ty = rust_type(&field.ty, areas)?;
        let inner = field.ty.trim_matches(['[', ']', '{', '}']);
        let with = match field.ty.as_str() {
            "words" => Some("words"),
            "time" if field.optional => Some("opt_time"),
            t if t.starts_with('[') && is_scalar(inner, areas) => Some("scalars"),
            t if t.starts_with('[') => Some("list"),
            t if t.starts_with('{') && is_scalar(inner, areas) => Some("scalar_map"),
            t if t.starts_with('{') => Some("map"),
            t if is_scalar(t, areas) && field.optional => Some("opt"),
            t if is_scalar(t, areas) => Some("req"),
            _ => None,
        };
        if is_collection(&field.ty) || field.optional {
            marks.push("default".to_owned());
        }
        if let Some(with) = with {
            marks.push(format!("deserialize_with = \"tolerant::{with}\""));
        }
        if field.optional {
            ty = format!("Option<{ty}>");
        }
        if !marks.is_empty() {
            let _ = writeln!(out, "#[serde({})]", marks.join(", "));
        }
        let _ = writeln!(out, "pub {}: {ty},", field.rust);
    }
    out.push_str("}\n");
    Ok(())
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
    let (mut known, mut to, mut from) = (String::new(), String::new(), String::new());
    for word in words {
        let variant = pascal(word);
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
    derives(out, true);
    let _ = writeln!(out, "pub struct {name} {{");
    let (mut set, mut entries) = (String::new(), String::new());
    for field in canonical(&item.fields) {
        let ty = rust_type(&field.ty, areas)?;
        let codec = match field.ty.as_str() {
            "size" => "Size",
            "mac" => "Mac",
            "list" => "List",
            _ => "Plain",
        };
        let (wire, rust) = (&field.wire, &field.rust);
        let wrapped = field.optional;
        let value = if wrapped { "Some(v)" } else { "v" };
        let _ = writeln!(
            set,
            "{wire:?} => {codec}::read(value).map(|v| self.{rust} = {value}).is_some(),"
        );
        let _ = if wrapped {
            writeln!(
                entries,
                "if let Some(v) = &self.{rust} {{ entries.push(({wire:?}, {codec}::write(v))); }}"
            )
        } else {
            writeln!(
                entries,
                "if !self.{rust}.is_empty() {{ entries.push(({wire:?}, {codec}::write(&self.{rust}))); }}"
            )
        };
        docs(out, &field.docs);
        out.push_str("#[serde(default)]\n");
        let ty = if wrapped { format!("Option<{ty}>") } else { ty };
        let _ = writeln!(out, "pub {rust}: {ty},");
    }
    let _ = writeln!(
        out,
        "/// Keys that this version does not know.\n#[serde(default)]\n\
         pub other: std::collections::BTreeMap<String, String>,\n\
         #[serde(skip)]\n#[cfg_attr(feature = \"schemars\", schemars(skip))]\norder: KeyOrder,\n}}\n\
         impl Property for {name} {{\nconst NAME: &'static str = {label:?};"
    );
    if let Some(default) = item.fields.iter().find(|f| f.default_key) {
        let _ = writeln!(
            out,
            "const DEFAULT_KEY: Option<&'static str> = Some({:?});",
            default.wire
        );
    }
    let list = |words: Vec<String>| words.join(", ");
    let required = item
        .fields
        .iter()
        .filter(|f| !f.optional && !is_collection(&f.ty))
        .map(|f| format!("{:?}", f.wire))
        .collect();
    let _ = writeln!(
        out,
        "const REQUIRED: &'static [&'static str] = &[{}];",
        list(required)
    );
    let aliases = item
        .marks
        .iter()
        .filter(|(mark, _)| mark == "alias")
        .map(|(_, words)| match words.as_slice() {
            [alias, real] => Ok(format!("({alias:?}, {real:?})")),
            _ => Err("@alias needs two names".to_owned()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let _ = writeln!(
        out,
        "const ALIASES: &'static [(&'static str, &'static str)] = &[{}];",
        list(aliases)
    );
    if let Some([name_to, value_to, names @ ..]) = item.mark("pair") {
        let names = list(names.iter().map(|n| format!("{n:?}")).collect());
        let _ = writeln!(
            out,
            "const PAIRS: Option<Pairs> = Some(Pairs {{ name_to: {name_to:?}, value_to: {value_to:?}, names: &[{names}] }});"
        );
    }
    let _ = writeln!(
        out,
        "fn set(&mut self, key: &str, value: &str) -> Option<bool> {{ Some(match key {{ {set} _ => return None }}) }}\n\
         fn entries(&self) -> Vec<(&'static str, String)> {{ let mut entries = Vec::new(); {entries} entries }}\n\
         fn other(&self) -> &std::collections::BTreeMap<String, String> {{ &self.other }}\n\
         fn other_mut(&mut self) -> &mut std::collections::BTreeMap<String, String> {{ &mut self.other }}\n\
         fn order(&self) -> &KeyOrder {{ &self.order }}\n\
         fn order_mut(&mut self) -> &mut KeyOrder {{ &mut self.order }}\n}}\n\
         impl_property!({name});"
    );
    Ok(())
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
