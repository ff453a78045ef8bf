//! Prints requests, and the tables over all of them.

use std::fmt::Write as _;

use super::docs;
use super::emit::{is_collection, rust_type};
use super::schema::{Field, Item, Kind, Schema};

type Areas = [(String, Schema)];

/// What a request's parameters add to its code.
#[derive(Default)]
struct Code {
    /// Fields of the struct.
    fields: String,
    /// Arguments of `new`.
    takes: String,
    /// The struct's expression in `new`.
    sets: String,
    /// The struct's expression in `from_arguments`.
    from: String,
    /// Checks of path arguments.
    checks: String,
    /// Parameters to send.
    pushes: String,
}

impl Code {
    fn add(&mut self, f: &Field, path: &str, areas: &Areas) -> Result<(), String> {
        let base = rust_type(&f.ty, areas)?;
        let rule = rule(f)?;
        let (wire, rust) = (&f.wire, &f.rust);
        let (set, from, push, ty) = if let Some((family, max)) = f.families.first() {
            (
                "std::collections::BTreeMap::new()",
                format!("arguments.indexed({family:?})?"),
                format!("params.indexed({family:?}, &self.{rust}, {max}, {rule})?;"),
                format!("std::collections::BTreeMap<u32, {base}>"),
            )
        } else if f.ty == "words" {
            (
                "Vec::new()",
                format!("arguments.optional({wire:?})?.unwrap_or_default()"),
                format!(
                    "if !self.{rust}.is_empty() {{ params.required({wire:?}, &self.{rust}, {rule})?; }}"
                ),
                base,
            )
        } else if is_collection(&f.ty) {
            (
                "Vec::new()",
                format!("arguments.repeated({wire:?})?"),
                format!("params.repeated({wire:?}, &self.{rust}, {rule})?;"),
                base,
            )
        } else if f.optional {
            (
                "None",
                format!("arguments.optional({wire:?})?"),
                format!("params.optional({wire:?}, self.{rust}.as_ref(), {rule})?;"),
                format!("Option<{base}>"),
            )
        } else {
            self.required(f, path, &base, &rule);
            return Ok(());
        };
        let _ = writeln!(self.sets, "{rust}: {set},");
        let _ = writeln!(self.from, "{rust}: {from},");
        let _ = writeln!(self.pushes, "{push}");
        self.field(f, &ty);
        Ok(())
    }

    fn required(&mut self, f: &Field, path: &str, base: &str, rule: &str) {
        let (wire, rust) = (&f.wire, &f.rust);
        if base == "String" {
            let _ = write!(self.takes, "{rust}: impl Into<String>, ");
            let _ = writeln!(self.sets, "{rust}: {rust}.into(),");
        } else {
            let _ = write!(self.takes, "{rust}: {base}, ");
            let _ = writeln!(self.sets, "{rust},");
        }
        let _ = writeln!(self.from, "{rust}: arguments.required({wire:?})?,");
        if in_path(path, f) {
            let _ = writeln!(
                self.checks,
                "Params::check_path({wire:?}, &self.{rust}, {rule})?;"
            );
        } else {
            let _ = writeln!(
                self.pushes,
                "params.required({wire:?}, &self.{rust}, {rule})?;"
            );
        }
        self.field(f, base);
    }

    fn field(&mut self, f: &Field, ty: &str) {
        docs(&mut self.fields, &f.docs);
        let _ = writeln!(self.fields, "pub {}: {ty},", f.rust);
    }
}

fn in_path(path: &str, f: &Field) -> bool {
    path.contains(&format!("{{{}}}", f.wire))
}

/// One request struct with its `Endpoint`.
pub(crate) fn call(out: &mut String, item: &Item, areas: &Areas) -> Result<(), String> {
    let Kind::Call {
        method,
        path,
        answer,
    } = &item.kind
    else {
        return Ok(());
    };
    let name = &item.name;
    for argument in path
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
    {
        if !item.fields.iter().any(|f| f.wire == argument) {
            return Err(format!("the path's {{{argument}}} is not described"));
        }
    }
    let mut code = Code::default();
    for field in &item.fields {
        code.add(field, path, areas)?;
    }

    docs(out, &item.docs);
    let _ = writeln!(
        out,
        "///\n/// `{method} {path}`\n#[derive(Clone, Debug)]\npub struct {name} {{ {} }}\n\
         impl {name} {{\n/// The request with what is required; the rest starts empty.\n\
         pub fn new({}) -> Self {{ {name} {{ {} }} }}\n}}",
        code.fields, code.takes, code.sets
    );
    if code.takes.is_empty() {
        let _ = writeln!(
            out,
            "impl Default for {name} {{ fn default() -> Self {{ {name}::new() }} }}"
        );
    }
    endpoint(out, item, (method, path, answer), &code, areas)
}

fn endpoint(
    out: &mut String,
    item: &Item,
    (method, path, answer): (&str, &str, &str),
    code: &Code,
    areas: &Areas,
) -> Result<(), String> {
    let name = &item.name;
    let (response, absent) = response(answer, areas)?;
    let _ = writeln!(
        out,
        "impl Endpoint for {name} {{\ntype Response = {response};\n\
         const METHOD: Method = Method::{};\nconst PATH: &'static str = {path:?};",
        super::schema::pascal(&method.to_lowercase())
    );
    if let Some([since]) = item.mark("since") {
        let _ = writeln!(out, "const SINCE: &'static str = {since:?};");
    }
    if item.mark("no-token").is_some() {
        out.push_str("const TOKEN: bool = false;\n");
    }
    let (checks, pushes) = (&code.checks, &code.pushes);
    let params = if pushes.is_empty() {
        format!("{checks} Ok(Params::new())")
    } else {
        format!("{checks} let mut params = Params::new(); {pushes} Ok(params)")
    };
    let _ = writeln!(
        out,
        "fn path(&self) -> String {{ {} }}\n\
         fn params(&self) -> Result<Params> {{ {params} }}\n\
         fn from_arguments(arguments: &mut Arguments) -> Result<Self> {{\n\
         let request = {name} {{ {} }}; arguments.finish()?; Ok(request) }}",
        path_code(path, item),
        code.from
    );
    if item
        .fields
        .iter()
        .any(|f| f.wire == "node" && in_path(path, f))
    {
        out.push_str("fn node(&self) -> Option<&str> { Some(&self.node) }\n");
    }
    if let Some(absent) = absent {
        let _ = writeln!(
            out,
            "fn absent() -> Option<Self::Response> {{ Some({absent}) }}"
        );
    }
    out.push_str("}\n");
    Ok(())
}

/// The answer's type, and what `null` means.
fn response(answer: &str, areas: &Areas) -> Result<(String, Option<&'static str>), String> {
    let ty = rust_type(answer, areas)?;
    Ok(match answer {
        "nothing" => (ty, Some("Nothing")),
        "text" | "bool" | "u32" | "u64" | "i64" | "f64" => (format!("Tolerant<{ty}>"), None),
        list if list.starts_with('[') => (ty, Some("Vec::new()")),
        map if map.starts_with('{') => (ty, Some("std::collections::BTreeMap::new()")),
        _ => (ty, None),
    })
}

fn path_code(path: &str, item: &Item) -> String {
    if !path.contains('{') {
        return format!("{path:?}.to_owned()");
    }
    let mut form = String::new();
    let mut arguments = String::new();
    for part in path.split('{') {
        match part.split_once('}') {
            None => form.push_str(part),
            Some((argument, rest)) => {
                form.push_str("{}");
                form.push_str(rest);
                let rust = item
                    .fields
                    .iter()
                    .find(|f| f.wire == argument)
                    .map(|f| &f.rust);
                let _ = write!(arguments, ", segment(&self.{})", rust.map_or("", |r| r));
            }
        }
    }
    format!("format!({form:?}{arguments})")
}

fn rule(field: &Field) -> Result<String, String> {
    let rule = field.rule.as_str();
    Ok(match field.ty.as_str() {
        "vmid" => "Rule::Range(100.0, 999_999_999.0)".to_owned(),
        "node" => "Rule::Node".to_owned(),
        "id" => "Rule::Id".to_owned(),
        _ if rule.is_empty() => "Rule::Any".to_owned(),
        _ => {
            let (kind, range) = match rule.strip_prefix("len ") {
                Some(range) => ("Length", range),
                None => ("Range", rule),
            };
            let (min, max) = range
                .split_once("..")
                .ok_or_else(|| format!("{}: rule `{rule}`", field.wire))?;
            if kind == "Length" {
                format!("Rule::Length({min}, {max})")
            } else {
                let number = |text: &str| match text {
                    "" => "f64::MAX".to_owned(),
                    t if t.contains('.') => t.to_owned(),
                    t => format!("{t}.0"),
                };
                format!("Rule::Range({}, {})", number(min), number(max))
            }
        }
    })
}

/// `mod.rs`: the areas, a table of all calls, and the way from a path to a type.
pub(crate) fn index(areas: &Areas) -> String {
    let mut out = String::from(
        "/// What generated code uses.\nmod prelude {\n\
         pub(super) use homelab_core::{Result, SecretString};\n\
         pub(super) use super::*;\n\
         pub(super) use crate::config_keys::ConfigKeys;\n\
         pub(super) use crate::params::{Rule, segment};\n\
         pub(super) use crate::property::value::{Codec as _, List, Mac, Plain, Size};\n\
         pub(super) use crate::property::{KeyOrder, Pairs, Property, impl_property};\n\
         pub(super) use crate::text_enum::impl_text_enum;\n\
         pub(super) use crate::tolerant::{self, Tolerant};\n\
         pub(super) use crate::{Arguments, Call, Endpoint, Method, Nothing, Params, TextEnum, Ticket, Upid, Visitor};\n}\n\
         use prelude::{Arguments, Call, Endpoint, Visitor};\n",
    );
    for (name, _) in areas {
        let _ = writeln!(out, "pub mod {name};");
    }
    for (name, _) in areas {
        let _ = writeln!(out, "#[doc(inline)] pub use {name}::*;");
    }
    let (mut table, mut arms) = (String::new(), String::new());
    for (area, schema) in areas {
        for item in &schema.items {
            if let Kind::Call { .. } = &item.kind {
                let ty = format!("{area}::{}", item.name);
                let name = &item.name;
                let _ = writeln!(
                    table,
                    "Call {{ name: {name:?}, method: {ty}::METHOD, path: {ty}::PATH, since: {ty}::SINCE, token: {ty}::TOKEN }},"
                );
                let _ = writeln!(
                    arms,
                    "{name:?} => visitor.visit({ty}::from_arguments(arguments)),"
                );
            }
        }
    }
    let _ = writeln!(
        out,
        "/// Every call there is a type for.\npub const CALLS: &[Call] = &[{table}];\n\
         /// Hands the request of type `call.name` that `arguments` describe to `visitor`;\n\
         /// gives the visitor back when there is no such type.\n\
         pub fn visit<V: Visitor>(call: &Call, arguments: &mut Arguments, visitor: V) -> Result<V::Output, V> {{\n\
         Ok(match call.name {{ {arms} _ => return Err(visitor) }})\n}}"
    );
    out
}
