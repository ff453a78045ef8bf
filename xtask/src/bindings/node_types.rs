//! JavaScript's value types and errors: the decoders, and their declarations.

use std::fmt::Write;

use super::Api;
use super::node::HEADER;
use super::text::{camel, decoder, tsdoc};
use super::types::{Field, Shape, Type, ValueType};

/// The declared type of one that is no class. `param` asks for what a caller may pass.
pub(super) fn annotation(ty: &Type, param: bool) -> String {
    match ty {
        Type::Nothing => "void".into(),
        Type::String | Type::Path => "string".into(),
        Type::Bool => "boolean".into(),
        Type::Int | Type::Float => "number".into(),
        Type::Json => "Json".into(),
        Type::Error => "HomelabError".into(),
        Type::OneOf(words) => union(words.iter().map(String::as_str)),
        Type::Named(name) => name.clone(),
        Type::List(item) => {
            let item_type = annotation(item, param);
            let item_type = if matches!(**item, Type::Option(_) | Type::OneOf(_)) {
                format!("({item_type})")
            } else {
                item_type
            };
            if param {
                format!("readonly {item_type}[]")
            } else {
                format!("{item_type}[]")
            }
        }
        Type::Map(item) if param => format!(
            "Readonly<Record<string, {} | undefined>>",
            annotation(item, param)
        ),
        Type::Map(item) => format!("Record<string, {}>", annotation(item, param)),
        Type::Option(some) if param => annotation(some, param),
        Type::Option(some) => format!("{} | null", annotation(some, param)),
        Type::PerNode(item) => format!("PerNode<{}>", annotation(item, param)),
    }
}

fn union<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words
        .map(|w| format!("'{w}'"))
        .collect::<Vec<_>>()
        .join(" | ")
}

impl Api {
    /// The JavaScript expression that decodes `from`.
    pub(super) fn js_decode(&self, ty: &Type, from: &str) -> String {
        match ty {
            _ if self.is_plain(ty) => from.to_owned(),
            Type::Error => format!("decodeError({from})"),
            Type::Named(name) => match self.values.get(name).map(|v| &v.shape) {
                Some(Shape::Alias(ty)) => self.js_decode(ty, from),
                _ => format!("{}({from})", decoder(name, false)),
            },
            Type::List(item) => format!("{from}.map({})", self.js_decoder(item)),
            Type::Map(item) => format!(
                "Object.fromEntries(Object.entries({from}).map(([k, v]) => [k, {}]))",
                self.js_decode(item, "v")
            ),
            Type::Option(some) => {
                format!("{from} === null ? null : {}", self.js_decode(some, from))
            }
            Type::PerNode(item) => format!("perNode({from}, {})", self.js_decoder(item)),
            _ => from.to_owned(),
        }
    }

    /// The JavaScript function that decodes.
    pub(super) fn js_decoder(&self, ty: &Type) -> String {
        match ty {
            Type::Error => "decodeError".into(),
            Type::Named(name) if matches!(self.values.get(name), Some(v) if matches!(v.shape, Shape::Struct(_))) => {
                decoder(name, false)
            }
            _ => format!("(v) => {}", self.js_decode(ty, "v")),
        }
    }
}

/// `lib/types.js`.
pub(super) fn values(api: &Api) -> String {
    let mut out = format!(
        "{HEADER}// Decoders: JSON as Rust writes it becomes plain objects in camelCase.\n\nimport {{ decodeError }} from './errors.js'\n"
    );
    for (name, value) in &api.values {
        let Shape::Struct(fields) = &value.shape else {
            continue;
        };
        let argument = if fields.is_empty() { "()" } else { "(d)" };
        let _ = writeln!(
            out,
            "\nexport const {} = {argument} => ({{",
            decoder(name, false)
        );
        for field in fields {
            let _ = writeln!(
                out,
                "  {}: {},",
                camel(&field.name),
                decode_field(api, field)
            );
        }
        out.push_str("})\n");
    }
    out + &builders(api)
}

/// The function that makes rows of a type from columns.
pub(super) fn row_builder(name: &str) -> String {
    format!("build{name}Rows")
}

/// Objects with all fields in their literal: the engine gives them one shape,
/// which is what makes ten thousand of them cheap.
fn builders(api: &Api) -> String {
    let mut out = String::new();
    for (name, fields) in api.row_types() {
        let _ = writeln!(
            out,
            "\nexport const {} = (length, columns) => {{",
            row_builder(name)
        );
        for (at, field) in fields.iter().enumerate() {
            let _ = if is_number(&field.ty) {
                writeln!(out, "  const n{at} = columns.numbers('{}')", field.name)
            } else {
                let entries = format!("{{ entries: e{at}, index: i{at} }}");
                writeln!(out, "  const {entries} = columns.entries('{}')", field.name)
            };
        }
        out.push_str(
            "  const rows = new Array(length)\n  for (let i = 0; i < length; i++) {\n    rows[i] = {\n",
        );
        for (at, field) in fields.iter().enumerate() {
            let name = camel(&field.name);
            let _ = if is_number(&field.ty) {
                // NaN alone is not itself.
                writeln!(
                    out,
                    "      {name}: n{at}[i] === n{at}[i] ? n{at}[i] : null,"
                )
            } else {
                writeln!(out, "      {name}: e{at}[i{at}[i]],")
            };
        }
        out.push_str("    }\n  }\n  return rows\n}\n");
    }
    out
}

fn is_number(ty: &Type) -> bool {
    match ty {
        Type::Int | Type::Float => true,
        Type::Option(some) => is_number(some),
        _ => false,
    }
}

fn decode_field(api: &Api, field: &Field) -> String {
    let from = format!("d.{}", field.name);
    match (&field.ty, field.required) {
        (_, true) => api.js_decode(&field.ty, &from),
        (Type::Option(some), false) if !api.is_plain(some) => {
            format!("{from} == null ? null : {}", api.js_decode(some, &from))
        }
        (ty, false) => {
            let absent = match ty {
                Type::List(_) => "[]",
                Type::Map(_) => "{}",
                Type::Bool => "false",
                Type::Int | Type::Float => "0",
                Type::String => "''",
                _ => "null",
            };
            api.js_decode(
                ty,
                &if api.is_plain(ty) {
                    format!("{from} ?? {absent}")
                } else {
                    format!("({from} ?? {absent})")
                },
            )
        }
    }
}

/// The declarations of the value types.
pub(super) fn declarations(api: &Api) -> String {
    let mut out = String::new();
    for (name, value) in &api.values {
        out.push('\n');
        declare(&mut out, name, value);
    }
    out
}

fn declare(out: &mut String, name: &str, value: &ValueType) {
    match &value.shape {
        Shape::Struct(fields) => {
            let _ = writeln!(out, "{}export interface {name} {{", tsdoc(&value.doc, 0));
            for field in fields {
                let _ = writeln!(
                    out,
                    "{}  readonly {}: {}",
                    tsdoc(&field.doc, 2),
                    camel(&field.name),
                    readonly(&field.ty)
                );
            }
            out.push_str("}\n");
        }
        Shape::Words { words, open } => {
            let mut doc = value.doc.clone();
            for (word, meaning) in words.iter().filter(|(_, m)| !m.is_empty()) {
                let _ = write!(doc, "\n- `{word}`: {meaning}");
            }
            let known = union(words.iter().map(|(w, _)| w.as_str()));
            // Keeps the completion of the known words beside any other string.
            let other = if *open { " | (string & {})" } else { "" };
            let _ = writeln!(out, "{}export type {name} = {known}{other}", tsdoc(&doc, 0));
        }
        Shape::Alias(ty) => {
            let _ = writeln!(
                out,
                "{}export type {name} = {}",
                tsdoc(&value.doc, 0),
                readonly(ty)
            );
        }
    }
}

/// As a field has it: nothing in a value can be changed.
fn readonly(ty: &Type) -> String {
    match ty {
        Type::List(_) => format!("readonly {}", annotation(ty, false)),
        Type::Map(_) => format!("Readonly<{}>", annotation(ty, false)),
        Type::Option(some) => format!("{} | null", readonly(some)),
        _ => annotation(ty, false),
    }
}

/// `lib/errors.js`.
pub(super) fn errors(api: &Api) -> String {
    let mut out = format!(
        "{HEADER}\nimport {{ HomelabError }} from './error.js'\nimport {{ decodeFailure, decodeLocation }} from './types.js'\n\nexport {{ HomelabError }}\n"
    );
    for (code, _) in &api.kinds {
        let _ = writeln!(
            out,
            "\nexport class {code}Error extends HomelabError {{\n  static code = '{code}'\n}}"
        );
    }
    out.push_str("\nconst BY_CODE = {\n");
    for (code, _) in &api.kinds {
        let _ = writeln!(out, "  {code}: {code}Error,");
    }
    out.push_str(
        "}\n\n/** The error for an `ErrorData`. */\nexport function decodeError(data) {\n  \
         const Kind = BY_CODE[data.code] ?? HomelabError\n  \
         return new Kind(data.message, {\n    code: data.code,\n    sent: data.sent,\n    retryable: data.retryable,\n    \
         operation: data.operation,\n    target: data.target,\n    requestRef: data.request_ref,\n    status: data.status,\n    \
         location: data.location && decodeLocation(data.location),\n    failures: data.failures.map(decodeFailure),\n  })\n}\n",
    );
    out
}

/// The declarations of the errors.
pub(super) fn error_declarations(api: &Api) -> String {
    let mut out = String::new();
    for (code, doc) in &api.kinds {
        let _ = writeln!(
            out,
            "\n{}export class {code}Error extends HomelabError {{\n  readonly code: '{code}'\n}}",
            tsdoc(doc, 0)
        );
    }
    out
}
