//! Prints a schema in its compact form.

use std::fmt::Write as _;

use crate::proxmox::schema::{Field, Item, Kind, Schema, snake};

pub(crate) fn print(schema: &Schema) -> String {
    let mut out = String::new();
    for line in &schema.docs {
        let _ = writeln!(out, "# {line}");
    }
    for item in &schema.items {
        if !matches!(item.kind, Kind::Format { .. })
            || !item.fields.is_empty()
            || out.ends_with("# ")
        {
            out.push('\n');
        }
        print_item(&mut out, item);
    }
    out
}

fn print_item(out: &mut String, item: &Item) {
    let name = &item.name;
    let head = match &item.kind {
        Kind::Call {
            method,
            path,
            answer,
        } => format!("{method} {path} {name} -> {answer}"),
        Kind::Struct => format!("struct {name}"),
        Kind::Config => format!("config {name}"),
        Kind::Property { label } => format!("property {name} {label}"),
        Kind::Enum { words } => format!("enum {name} {}", words.join(" ")),
        Kind::Format { kind, argument } => format!("format {name} {kind} {argument}")
            .trim_end()
            .to_owned(),
    };
    let _ = writeln!(out, "{head}");
    for line in &item.docs {
        let _ = writeln!(out, "  | {line}");
    }
    for (mark, words) in &item.marks {
        let _ = writeln!(
            out,
            "  @{}",
            [std::slice::from_ref(mark), words.as_slice()]
                .concat()
                .join(" ")
        );
    }
    for field in &item.fields {
        print_field(out, field);
    }
}

fn print_field(out: &mut String, field: &Field) {
    let default = if field.default_key { "*" } else { "" };
    let optional = if field.optional { "?" } else { "" };
    let rename = if snake(&field.wire) == field.rust {
        String::new()
    } else {
        format!(" as {}", field.rust)
    };
    let _ = write!(
        out,
        "  {default}{}{optional}{rename}: {}{}",
        field.wire, field.ty, field.rules
    );
    let mut docs = field.docs.iter().filter(|line| !line.is_empty());
    if let Some(first) = docs.next() {
        let _ = write!(out, " | {first}");
    }
    out.push('\n');
    for line in docs {
        let _ = writeln!(out, "  | {line}");
    }
}
