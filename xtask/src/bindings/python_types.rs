//! Python's value types and exceptions.

use std::fmt::Write;

use super::text::{decoder, docstring};
use super::types::{Field, Shape, Type, ValueType};
use super::{Api, python_modules::HEADER};

/// Words that cannot name an attribute; they get an underscore.
const KEYWORDS: &[&str] = &[
    "as", "async", "class", "def", "from", "global", "import", "in", "is", "pass", "with",
];

/// Where a type stands: it decides between list, tuple and sequence.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Param,
    Return,
    Field,
}

pub(super) fn attribute(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

/// The annotation of a type that is no class.
pub(super) fn annotation(ty: &Type, place: Place) -> String {
    match ty {
        Type::Nothing => "None".into(),
        Type::String => "str".into(),
        Type::Path => "str | os.PathLike[str]".into(),
        Type::Bool => "bool".into(),
        Type::Int => "int".into(),
        Type::Float => "float".into(),
        Type::Json => "Json".into(),
        Type::Error => "HomelabError".into(),
        Type::OneOf(words) => literal(words.iter().map(String::as_str)),
        Type::Named(name) => name.clone(),
        Type::List(item) => {
            let item = annotation(item, place);
            match place {
                Place::Param => format!("Sequence[{item}]"),
                Place::Return => format!("list[{item}]"),
                Place::Field => format!("tuple[{item}, ...]"),
            }
        }
        Type::Map(item) => format!("Mapping[str, {}]", annotation(item, place)),
        Type::Option(some) => format!("{} | None", annotation(some, place)),
        Type::PerNode(item) => format!("PerNode[{}]", annotation(item, place)),
    }
}

fn literal<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|w| format!("{w:?}")).collect();
    format!("Literal[{}]", words.join(", "))
}

impl Api {
    /// Whether JSON already is the value.
    pub(super) fn is_plain(&self, ty: &Type) -> bool {
        match ty {
            Type::Error | Type::PerNode(_) => false,
            Type::Named(name) => match self.values.get(name).map(|v| &v.shape) {
                Some(Shape::Words { .. }) => true,
                Some(Shape::Alias(ty)) => self.is_plain(ty),
                _ => false,
            },
            Type::List(t) | Type::Map(t) | Type::Option(t) => self.is_plain(t),
            _ => true,
        }
    }

    /// The Python expression that decodes `from`.
    pub(super) fn python_decode(&self, ty: &Type, from: &str, place: Place) -> String {
        match ty {
            Type::List(item) if place == Place::Field && self.is_plain(item) => {
                format!("tuple({from})")
            }
            _ if self.is_plain(ty) => from.to_owned(),
            Type::Error => format!("decode_error({from})"),
            Type::Named(name) => match self.values.get(name).map(|v| &v.shape) {
                Some(Shape::Alias(ty)) => self.python_decode(ty, from, place),
                _ => format!("{}({from})", decoder(name, true)),
            },
            Type::List(item) => {
                let item = self.python_decode(item, "v", place);
                if place == Place::Field {
                    format!("tuple({item} for v in {from})")
                } else {
                    format!("[{item} for v in {from}]")
                }
            }
            Type::Map(item) => {
                let item = self.python_decode(item, "v", place);
                format!("{{k: {item} for k, v in {from}.items()}}")
            }
            Type::Option(some) => {
                let value = self.python_decode(some, from, place);
                format!("None if {from} is None else {value}")
            }
            Type::PerNode(item) => {
                format!("per_node({from}, {})", self.python_decoder(item))
            }
            _ => from.to_owned(),
        }
    }

    /// The Python function that decodes.
    pub(super) fn python_decoder(&self, ty: &Type) -> String {
        match ty {
            Type::Named(name) if matches!(self.values.get(name), Some(v) if matches!(v.shape, Shape::Struct(_))) => {
                decoder(name, true)
            }
            _ => format!("lambda v: {}", self.python_decode(ty, "v", Place::Return)),
        }
    }
}

/// `types.py`.
pub(super) fn values(api: &Api) -> String {
    let mut out = String::from(HEADER);
    out.push_str(
        "\"\"\"The value types: frozen data, named and documented as in Rust.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from collections.abc import Mapping\n\
         from dataclasses import dataclass\n\
         from typing import Any, Literal\n\n\
         from ._error import HomelabError, decode_error\n\
         from ._runtime import Json\n\n",
    );
    let names: Vec<_> = api.values.keys().map(|n| format!("    {n:?},\n")).collect();
    let _ = writeln!(out, "__all__ = [\n{}]", names.concat());
    // A name that Python has too must be ours before another type mentions it.
    let (shadows, others): (Vec<_>, Vec<_>) =
        api.values.iter().partition(|(name, _)| *name == "Warning");
    for (name, value) in shadows.into_iter().chain(others) {
        out.push('\n');
        write_value(api, &mut out, name, value);
    }
    out
}

fn write_value(api: &Api, out: &mut String, name: &str, value: &ValueType) {
    match &value.shape {
        Shape::Struct(fields) => write_struct(api, out, name, &value.doc, fields),
        Shape::Words { words, open } => {
            let known = literal(words.iter().map(|(w, _)| w.as_str()));
            let open_type = if *open { " | str" } else { "" };
            let mut doc = value.doc.clone();
            for (word, meaning) in words.iter().filter(|(_, m)| !m.is_empty()) {
                let _ = write!(doc, "\n- ``{word}``: {meaning}");
            }
            let _ = write!(out, "{name} = {known}{open_type}\n{}", docstring(&doc, 0));
        }
        Shape::Alias(ty) => {
            let _ = write!(
                out,
                "{name} = {}\n{}",
                annotation(ty, Place::Field),
                docstring(&value.doc, 0)
            );
        }
    }
}

fn write_struct(api: &Api, out: &mut String, name: &str, doc: &str, fields: &[Field]) {
    let _ = write!(
        out,
        "\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}:\n{}",
        docstring(doc, 4)
    );
    for field in fields {
        let default = match (&field.ty, field.required) {
            (Type::Option(_), _) => " = None",
            (Type::List(_), false) => " = ()",
            _ => "",
        };
        let ty = annotation(&field.ty, Place::Field);
        let _ = writeln!(out, "\n    {}: {ty}{default}", attribute(&field.name));
        if !field.doc.is_empty() {
            out.push_str(&docstring(&field.doc, 4));
        }
    }
    let argument = if fields.is_empty() { "_data" } else { "data" };
    let _ = write!(
        out,
        "\n\ndef {}({argument}: Any) -> {name}:\n    return {name}(",
        decoder(name, true)
    );
    for field in fields {
        let from = match (&field.ty, field.required) {
            (_, true) => format!("data[{:?}]", field.name),
            (Type::List(_), false) => format!("data.get({:?}, ())", field.name),
            (Type::Map(_), false) => format!("data.get({:?}, {{}})", field.name),
            (Type::Bool, false) => format!("data.get({:?}, False)", field.name),
            (Type::Int | Type::Float, false) => format!("data.get({:?}, 0)", field.name),
            (Type::String, false) => format!("data.get({:?}, \"\")", field.name),
            _ => format!("data.get({:?})", field.name),
        };
        let value = api.python_decode(&field.ty, &from, Place::Field);
        let _ = write!(out, "\n        {}={value},", attribute(&field.name));
    }
    out.push_str(if fields.is_empty() {
        ")\n"
    } else {
        "\n    )\n"
    });
}

/// `errors.py`.
pub(super) fn errors(api: &Api) -> String {
    let mut out = String::from(HEADER);
    out.push_str("\"\"\"The exceptions: one class for each kind of failure, all of them `HomelabError`.\"\"\"\n\nfrom ._error import HomelabError\n\n");
    let mut names: Vec<_> = api.kinds.iter().map(|(c, _)| format!("{c}Error")).collect();
    names.push("HomelabError".into());
    names.sort();
    let list: Vec<_> = names.iter().map(|n| format!("    {n:?},\n")).collect();
    let _ = writeln!(out, "__all__ = [\n{}]", list.concat());
    for (code, doc) in &api.kinds {
        let _ = writeln!(
            out,
            "\n\nclass {code}Error(HomelabError):\n{}\n    code = {code:?}",
            docstring(doc, 4)
        );
    }
    out.push_str("\n\nBY_CODE: dict[str, type[HomelabError]] = {\n");
    for (code, _) in &api.kinds {
        let _ = writeln!(out, "    {code:?}: {code}Error,");
    }
    out.push_str("}\n");
    out
}
