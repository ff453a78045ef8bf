//! Prints the table of calls, parameters and formats that the crate reads at run time.

use std::fmt::Write as _;

use super::calls::{all, path_arguments};
use super::find;
use super::schema::{Field, Item, Kind, Schema};

type Areas = [(String, Schema)];

/// `calls.txt`; its form is described where it is read, in `src/describe.rs`.
pub(crate) fn print(areas: &Areas) -> String {
    let mut out = String::new();
    for item in areas.iter().flat_map(|(_, schema)| &schema.items) {
        if let Kind::Format { kind, argument } = &item.kind {
            let _ = writeln!(out, "F\t{}\t{kind}\t{argument}", item.name);
            for key in &item.fields {
                let default = if key.default_key { "*" } else { "" };
                let (alias, name_to) = (&key.rules.alias, &key.rules.name_to);
                let _ = write!(out, "k\t{default}\t{alias}\t{name_to}");
                param(&mut out, key, "", areas);
            }
        }
    }
    for (_, item) in all(areas) {
        call(&mut out, item, areas);
    }
    out
}

fn call(out: &mut String, item: &Item, areas: &Areas) {
    let Kind::Call {
        method,
        path,
        answer,
    } = &item.kind
    else {
        return;
    };
    let mark = |name: &str| item.mark(name).map(|words| words.join(" "));
    let mut flags = String::new();
    for (name, flag) in [("no-token", 't'), ("protected", 'p'), ("open", 'x')] {
        if item.mark(name).is_some() {
            flags.push(flag);
        }
    }
    let _ = writeln!(
        out,
        "C\t{}\t{method}\t{path}\t{}\t{flags}\t{}\t{}\t{answer}",
        item.name,
        mark("since").unwrap_or_else(|| "7.0".to_owned()),
        mark("on").unwrap_or_default(),
        mark("perm").unwrap_or_else(|| "in-code".to_owned()),
    );
    for field in &item.fields {
        out.push('p');
        param(out, field, path, areas);
    }
}

/// The name of a parameter or key, and its rules.
fn param(out: &mut String, field: &Field, path: &str, areas: &Areas) {
    let name = field.families.first().map_or(&field.wire, |(name, _)| name);
    let _ = write!(out, "\t{name}");
    let mut put = |text: String| {
        let _ = write!(out, "\t{text}");
    };
    if !field.optional {
        put("!".to_owned());
    }
    if path_arguments(path).any(|argument| argument == field.wire) {
        put("/".to_owned());
    }
    if let Some((_, max)) = field.families.first() {
        put(format!("x{max}"));
    }
    let mut base = field.ty.as_str();
    if let Some(inner) = base.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        put("a".to_owned());
        base = inner;
    }
    let rules = &field.rules;
    let mut format = rules.format.as_str();
    match base {
        "u32" | "u64" | "i64" => put("i".to_owned()),
        "f64" => put("n".to_owned()),
        "bool" => put("b".to_owned()),
        "words" | "list" => put("l".to_owned()),
        "secret" => put("h".to_owned()),
        "vmid" => {
            put("i".to_owned());
            put("r100..999999999".to_owned());
        }
        "node" if format.is_empty() => format = "pve-node",
        "size" if format.is_empty() => format = "disk-size",
        name => {
            if let Some(Kind::Enum { words }) = find(areas, name).map(|item| &item.kind) {
                put(format!("e{}", words.join(" ")));
            }
        }
    }
    for (key, value) in [
        ("r", &rules.range),
        ("z", &rules.length),
        ("s", &rules.since),
        ("q", &rules.needs),
    ] {
        if !(value.is_empty() || key == "r" && base == "vmid") {
            put(format!("{key}{value}"));
        }
    }
    if !format.is_empty() {
        put(format!("f{format}"));
    }
    if !rules.words.is_empty() {
        put(format!("e{}", rules.words.replace(',', " ")));
    }
    if !rules.only_for.is_empty() {
        put(format!("o{}", rules.only_for.replace(',', " ")));
    }
    if !rules.pattern.is_empty() {
        put(format!("m{}", rules.pattern));
    }
    out.push('\n');
}
