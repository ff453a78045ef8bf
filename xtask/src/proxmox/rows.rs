//! Prints how structs are read: key by key, and as columns.

use std::fmt::Write as _;

use super::emit::{is_collection, is_scalar};
use super::find;
use super::schema::{Field, Item, Kind, Schema};

type Areas = [(String, Schema)];

fn required(item: &Item) -> impl Iterator<Item = &Field> {
    let fields = item.fields.iter();
    fields.filter(|f| !f.optional && !is_collection(&f.ty))
}

/// Whether a struct is decoded as a row; what no default can be made up for is
/// left to serde's own derive.
pub(crate) fn is_row(item: &Item, areas: &Areas) -> bool {
    matches!(item.kind, Kind::Struct)
        && required(item).all(|f| f.ty != "upid" && is_scalar(&f.ty, areas))
}

/// The way of reading a field: a type in `row.rs`.
pub(crate) fn reader(field: &Field, areas: &Areas) -> &'static str {
    let inner = field.ty.trim_matches(['[', ']', '{', '}']);
    let nested =
        field.ty.starts_with("[[") || field.ty.starts_with("[{") || field.ty.starts_with("{[");
    match field.ty.as_str() {
        "words" | "list" => "Words",
        "time" if field.optional => "Moment",
        t if nested && t.starts_with('{') => "Map",
        _ if nested => "List",
        t if t.starts_with('[') && is_scalar(inner, areas) => "Scalars",
        t if t.starts_with('[') => "List",
        t if t.starts_with('{') && is_scalar(inner, areas) => "ScalarMap",
        t if t.starts_with('{') => "Map",
        t if is_scalar(t, areas) && field.optional => "Opt",
        t if is_scalar(t, areas) => "Req",
        t if field.optional
            && find(areas, t).is_some_and(|item| {
                matches!(item.kind, Kind::Property { .. }) || is_row(item, areas)
            }) =>
        {
            "Below"
        }
        _ => "Whole",
    }
}

/// `row!` for a struct, and `columnar!` where the schema says `@columns`.
pub(crate) fn row(out: &mut String, item: &Item, areas: &Areas) -> Result<(), String> {
    if item.fields.len() > 64 {
        return Err(format!("{}: a row has at most 64 fields", item.name));
    }
    let mut required = Vec::new();
    let mut arms = String::new();
    for (number, field) in item.fields.iter().enumerate() {
        let keys = if field.wire == field.rust {
            format!("{:?}", field.wire)
        } else {
            format!("{:?} | {:?}", field.wire, field.rust)
        };
        if !field.optional && !is_collection(&field.ty) {
            required.push(format!("{:?} {number}", field.wire));
        }
        let _ = writeln!(
            arms,
            "{keys} => {} {} {number},",
            field.rust,
            reader(field, areas)
        );
    }
    let name = &item.name;
    let required = required.join(", ");
    let rest = item.mark("open").map_or("", |_| "rest other");
    let _ = writeln!(out, "row!({name} [{required}] {{ {arms} }} {rest});");
    if item.mark("columns").is_some() {
        let _ = writeln!(out, "columnar!({name} {{ {arms} }});");
    }
    Ok(())
}
