//! Prints requests, and the tables over all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::emit::{field_type, is_collection, rust_type};
use super::rows::is_row;
use super::schema::{Item, Kind, Schema};
use super::{docs, find};

type Areas = [(String, Schema)];

/// One request struct with its `Endpoint`; `id` is its place in the table.
pub(crate) fn call(out: &mut String, item: &Item, id: usize, areas: &Areas) -> Result<(), String> {
    let Kind::Call {
        method,
        path,
        answer,
    } = &item.kind
    else {
        return Ok(());
    };
    let name = &item.name;
    for argument in path_arguments(path) {
        if !item.fields.iter().any(|f| f.wire == argument) {
            return Err(format!("the path's {{{argument}}} is not described"));
        }
    }
    let (mut fields, mut takes, mut sets, mut names) =
        (String::new(), String::new(), String::new(), String::new());
    for f in &item.fields {
        let rust = &f.rust;
        let base = rust_type(&f.ty, areas)?;
        let (ty, empty) = if f.families.is_empty() {
            (
                field_type(f, areas)?,
                if is_collection(&f.ty) {
                    "Vec::new()"
                } else {
                    "None"
                },
            )
        } else {
            (
                format!("std::collections::BTreeMap<u32, {base}>"),
                "std::collections::BTreeMap::new()",
            )
        };
        if f.optional {
            let _ = writeln!(sets, "{rust}: {empty},");
        } else if ty == "String" {
            let _ = write!(takes, "{rust}: impl Into<String>, ");
            let _ = writeln!(sets, "{rust}: {rust}.into(),");
        } else {
            let _ = write!(takes, "{rust}: {ty}, ");
            let _ = writeln!(sets, "{rust},");
        }
        docs(&mut fields, &f.docs);
        let _ = writeln!(fields, "pub {rust}: {ty},");
        let _ = write!(names, "{rust} ");
    }
    docs(out, &item.docs);
    let many = if item.fields.iter().filter(|f| !f.optional).count() > 7 {
        "#[allow(clippy::too_many_arguments, reason = \"what the server requires\")]\n"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "///\n/// `{method} {path}`\n#[derive(Clone, Debug)]\npub struct {name} {{ {fields} }}\n\
         impl {name} {{\n/// The request with what is required; the rest starts empty.\n\
         {many}pub fn new({takes}) -> Self {{ {name} {{ {sets} }} }}\n}}",
    );
    if takes.is_empty() {
        let _ = writeln!(
            out,
            "impl Default for {name} {{ fn default() -> Self {{ {name}::new() }} }}"
        );
    }
    let (response, absent) = response(answer, areas)?;
    let absent = absent.map_or(String::new(), |a| format!(", null {a}"));
    let reader = if is_list_of_rows(answer, areas) {
        ", by crate::row::decode_list"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "endpoint!({name} {id} {} {path:?} -> {response} {absent} {reader}; {names});",
        super::schema::pascal(&method.to_lowercase())
    );
    Ok(())
}

/// The names in braces.
pub(crate) fn path_arguments(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
}

/// The type of an answer that consists of lists, maps and scalars alone.
fn tolerant_type(ty: &str, areas: &Areas) -> Result<String, String> {
    let inside = |open, close| ty.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(inner) = inside('[', ']') {
        return Ok(format!("Vec<{}>", tolerant_type(inner, areas)?));
    }
    if let Some(inner) = inside('{', '}') {
        return Ok(format!(
            "std::collections::BTreeMap<String, {}>",
            tolerant_type(inner, areas)?
        ));
    }
    let rust = rust_type(ty, areas)?;
    Ok(match ty {
        "text" | "bool" | "u32" | "u64" | "i64" | "f64" => format!("Tolerant<{rust}>"),
        _ => rust,
    })
}

fn is_list_of_rows(answer: &str, areas: &Areas) -> bool {
    let item = answer.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    item.and_then(|name| find(areas, name))
        .is_some_and(|item| is_row(item, areas))
}

/// The answer's type, and what `null` means.
fn response(answer: &str, areas: &Areas) -> Result<(String, Option<&'static str>), String> {
    let ty = rust_type(answer, areas)?;
    Ok(match answer {
        "nothing" => (ty, Some("Nothing")),
        "any" => (ty, Some("serde_json::Value::Null")),
        "text?" => (ty, Some("None")),
        "text" | "bool" | "u32" | "u64" | "i64" | "f64" => (format!("Tolerant<{ty}>"), None),
        list if list.starts_with('[') => (tolerant_type(list, areas)?, Some("Vec::new()")),
        map if map.starts_with('{') => (
            tolerant_type(map, areas)?,
            Some("std::collections::BTreeMap::new()"),
        ),
        optional if optional.ends_with('?') => (ty, Some("None")),
        _ => (ty, None),
    })
}

/// `mod.rs`: the areas, a table of all calls, and the way from a path to a type.
///
/// `properties` are the formats of property strings and their types.
pub(crate) fn index(areas: &Areas, properties: &BTreeMap<String, String>) -> String {
    let mut out = String::from(
        "/// What generated code uses.\nmod prelude {\n\
         pub(super) use homelab_core::SecretString;\n\
         pub(super) use super::*;\n\
         pub(super) use crate::cells::columnar;\n\
         pub(super) use crate::config_keys::ConfigKeys;\n\
         pub(super) use crate::endpoint::endpoint;\n\
         pub(super) use crate::property::value::{List, Mac, Plain, Size};\n\
         pub(super) use crate::property::{KeyOrder, property};\n\
         pub(super) use crate::row::row;\n\
         pub(super) use crate::text_enum::impl_text_enum;\n\
         pub(super) use crate::tolerant::{self, Tolerant};\n\
         pub(super) use crate::{Arguments, Call, Endpoint, AgentReply, Nothing, TextEnum, Ticket, Upid, Visitor};\n}\n\
         use prelude::{Arguments, Call, Endpoint, Visitor};\n",
    );
    let with_code: Vec<&String> = areas
        .iter()
        .filter(|(_, schema)| super::has_code(schema))
        .map(|(name, _)| name)
        .collect();
    for name in &with_code {
        let _ = writeln!(out, "pub mod {name};");
    }
    for name in &with_code {
        let _ = writeln!(out, "#[doc(inline)] pub use {name}::*;");
    }
    let mut printers = String::new();
    for (format, name) in properties {
        let _ = writeln!(
            printers,
            "{format:?} => crate::property::parse::<{name}>(text).map(|p| p.to_string()),"
        );
    }
    let _ = writeln!(
        out,
        "/// Reads a property string of the named format and prints it again: keys in\n\
         /// their order, sizes and truth values in the server's way. Two of them mean\n\
         /// the same when their parts are the same after this. `None` when no property\n\
         /// string has this format.\n///\n/// # Errors\n\
         /// `InvalidArgument` in it, when the text is none.\n\
         #[allow(clippy::too_many_lines, reason = \"one for each format\")]\n\
         pub fn reprinted(format: &str, text: &str) -> Option<homelab_core::Result<String>> {{\n\
         Some(match format {{ {printers} _ => return None }})\n}}"
    );
    let mut arms = String::new();
    for (id, (area, item)) in all(areas).enumerate() {
        let _ = writeln!(
            arms,
            "{id} => visitor.visit({area}::{}::from_arguments(arguments)),",
            item.name
        );
    }
    let _ = writeln!(
        out,
        "/// Hands the request of type `call.name` that `arguments` describe to `visitor`;\n\
         /// gives the visitor back when there is no such type.\n\
         #[allow(clippy::too_many_lines, reason = \"one for each call\")]\n\
         pub fn visit<V: Visitor>(call: &Call, arguments: &mut Arguments, visitor: V) -> Result<V::Output, V> {{\n\
         Ok(match call.id {{ {arms} _ => return Err(visitor) }})\n}}"
    );
    out
}

/// Every call with its area, in the order of the table.
pub(crate) fn all(areas: &Areas) -> impl Iterator<Item = (&str, &Item)> {
    areas.iter().flat_map(|(area, schema)| {
        schema
            .items
            .iter()
            .filter(|item| matches!(item.kind, Kind::Call { .. }))
            .map(move |item| (area.as_str(), item))
    })
}
