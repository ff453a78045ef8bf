//! Structs for answers: from the description, or from a shape that was seen.

use serde_json::Value;

use super::facts::Fact;
use super::names::singular;
use super::types::{Types, enum_words, is_reserved, text};
use super::words::{capital, spoken};
use crate::proxmox::schema::{Field, Item, Kind, Rules, pascal};

/// Calls that answer with a text which is no task.
const NOT_A_TASK: [&str; 12] = [
    "AcquireSdnLock",
    "AllocateVolume",
    "CreateBackup",
    "ExtractBackupConfig",
    "GetAcmeTermsOfService",
    "GetNodeReport",
    "GetOpenIdAuthUrl",
    "UnlockTfa",
    "WakeNode",
    "RunQemuMonitorCommand",
    "PruneBackups",
    "ScheduleReplicationNow",
];
/// Calls that answer with a task, or with nothing when they were quick.
const PERHAPS_A_TASK: [&str; 4] = [
    "ConfigureQemu",
    "DeleteVolume",
    "ResizeQemuDisk",
    "ResizeLxcDisk",
];

/// The type of the answer to `request`, in the words of the schema.
pub(crate) fn answer(types: &mut Types<'_>, fact: &Fact, request: &str) -> Result<String, String> {
    if let Some(shape) = types.names.shape(request) {
        let shape = shape.to_owned();
        let name = types.names.answer(request);
        let mut rest = shape.as_str();
        let ty =
            shaped(types, &name, &mut rest).map_err(|e| format!("{request}: {e} in `{shape}`"))?;
        if rest.is_empty() {
            return Ok(ty);
        }
        return Err(format!("{request}: `{rest}` is left over in `{shape}`"));
    }
    if fact.is_index || request.ends_with("Index") {
        return Ok("[IndexEntry]".to_owned());
    }
    if PERHAPS_A_TASK.contains(&request) {
        return Ok("upid?".to_owned());
    }
    let returns = &fact.returns;
    Ok(match text(returns, "type").as_deref() {
        None if returns.get("properties").is_none() => {
            if returns.is_null() || returns.as_object().is_some_and(serde_json::Map::is_empty) {
                "nothing".to_owned()
            } else {
                "any".to_owned()
            }
        }
        Some("null") => "nothing".to_owned(),
        Some("string")
            if fact.method != "GET" && fact.protected && !NOT_A_TASK.contains(&request) =>
        {
            "upid".to_owned()
        }
        _ => {
            let name = types.names.answer(request);
            value(types, &name, "", returns)
        }
    })
}

/// The type of a value; `name` is for the struct that it may need.
fn value(types: &mut Types<'_>, name: &str, wire: &str, schema: &Value) -> String {
    match text(schema, "type").as_deref() {
        Some("array") => match schema.get("items") {
            Some(items) => {
                let inner = value(types, name, wire, items);
                format!("[{inner}]")
            }
            None => "[any]".to_owned(),
        },
        _ if schema.get("properties").is_some() => structure(types, name, schema),
        Some("boolean") => "bool".to_owned(),
        Some("number") => "f64".to_owned(),
        Some("integer") => integer(wire).to_owned(),
        Some("string") => {
            let list = text(schema, "format").is_some_and(|f| f.ends_with("-list"));
            let closed = enum_words(schema).filter(|words| words.len() > 1);
            match closed {
                Some(_) if !list => types.field(name, wire, schema).ty,
                _ if list => "words".to_owned(),
                _ => "text".to_owned(),
            }
        }
        _ => "any".to_owned(),
    }
}

/// A number without a description: its name tells what it is.
fn integer(wire: &str) -> &'static str {
    match wire {
        "vmid" | "port" | "cpus" | "cores" | "sockets" | "maxcpu" => "u32",
        "size" | "used" | "avail" | "total" | "free" | "mem" | "maxmem" | "disk" | "maxdisk"
        | "netin" | "netout" | "diskread" | "diskwrite" | "uptime" | "memhost" | "maxswap"
        | "swap" | "available" => "u64",
        "ctime" | "snaptime" | "notbefore" | "notafter" | "timestamp" | "starttime" | "endtime"
        | "mtime" => "time",
        _ => "i64",
    }
}

/// A struct with these fields. When there is one of this name, it gets what it lacks.
pub(crate) fn structure(types: &mut Types<'_>, name: &str, schema: &Value) -> String {
    let name = if is_reserved(name) {
        format!("{name}Info")
    } else {
        name.to_owned()
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut fields = Vec::new();
    // Indexed keys make it a configuration: flat, its values as they are sent.
    let flat = types
        .find(&name)
        .is_some_and(|item| matches!(item.kind, Kind::Config))
        || properties.is_some_and(|all| all.keys().any(|wire| wire.ends_with("[n]")));
    for (wire, property) in properties.into_iter().flatten() {
        if flat {
            let mut field = types.field(&name, wire, property);
            field.rules = Rules::default();
            if field.ty.starts_with('[') || field.ty == "any" {
                "text".clone_into(&mut field.ty);
            }
            fields.push(field);
            continue;
        }
        let mut field = types.field(&name, wire, &Value::Null);
        field.rules = Rules::default();
        field.families.clear();
        wire.clone_into(&mut field.wire);
        let below = if text(property, "type").as_deref() == Some("array") {
            singular(&pascal(wire))
        } else {
            pascal(wire)
        };
        field.ty = value(types, &format!("{name}{below}"), wire, property);
        fields.push(field);
    }
    let kind = if flat { Kind::Config } else { Kind::Struct };
    put(types, name, kind, fields)
}

/// Adds the struct `name`, or what it lacks of `fields`.
fn put(types: &mut Types<'_>, name: String, kind: Kind, fields: Vec<Field>) -> String {
    // A name that something else has already.
    let name = match types
        .find(&name)
        .map(|item| matches!(item.kind, Kind::Struct | Kind::Config))
    {
        Some(false) => format!("{name}Info"),
        _ => name,
    };
    let existing = types
        .areas
        .iter_mut()
        .flat_map(|(_, schema)| &mut schema.items)
        .find(|item| item.name == name);
    if let Some(item) = existing {
        extend(item, fields);
        return name;
    }
    let docs = types.words.item(&name, || {
        format!("{}, as the server describes it.", capital(&spoken(&name)))
    });
    let mut item = Item {
        kind,
        name: name.clone(),
        docs,
        fields: Vec::new(),
        marks: Vec::new(),
    };
    extend(&mut item, fields);
    types.add(item);
    name
}

/// Adds the fields that are not there yet.
pub(crate) fn extend(item: &mut Item, fields: Vec<Field>) {
    for mut field in fields {
        let family = field
            .wire
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches("[n]")
            .to_owned();
        let indexed = field.wire != family;
        if let Some(known) = item.fields.iter_mut().find(|f| {
            f.wire == field.wire || indexed && f.families.iter().any(|(name, _)| *name == family)
        }) {
            merge_types(known, &field);
            continue;
        }
        while item
            .fields
            .iter()
            .any(|f| f.rust == field.rust || f.wire == field.rust || f.rust == field.wire)
        {
            field.rust.push('_');
            if item.fields.iter().any(|f| f.rust == field.wire) {
                break;
            }
        }
        item.fields.push(field);
    }
}

/// Two answers give one field different types: what can hold both.
fn merge_types(known: &mut Field, other: &Field) {
    let pair = [known.ty.as_str(), other.ty.as_str()];
    let either = |ty: &str| pair.contains(&ty);
    let merged = if known.ty == other.ty || !known.families.is_empty() {
        return;
    } else if either("words") && (either("[text]") || either("text"))
        || either("[text]") && either("text")
    {
        "words"
    } else if either("any") {
        if known.ty == "any" { &other.ty } else { return }
    } else {
        // What was there first stays; every reader is tolerant.
        return;
    };
    let merged = merged.to_owned();
    known.ty = merged;
}

/// A shape as it was seen: `[{name:s, size?:i, parts:{*:s}}]`.
fn shaped(types: &mut Types<'_>, name: &str, rest: &mut &str) -> Result<String, String> {
    let eat = |rest: &mut &str, token: &str| {
        let trimmed = rest.trim_start();
        let eaten = trimmed.strip_prefix(token);
        if let Some(after) = eaten {
            *rest = after.trim_start();
        }
        eaten.is_some()
    };
    if eat(rest, "[") {
        let inner = shaped(types, name, rest)?;
        return if eat(rest, "]") {
            Ok(format!("[{inner}]"))
        } else {
            Err("`]` is missing".to_owned())
        };
    }
    if eat(rest, "<") {
        let inner = shaped(types, name, rest)?;
        return if eat(rest, ">") {
            Ok(format!("<{inner}>"))
        } else {
            Err("`>` is missing".to_owned())
        };
    }
    if eat(rest, "{*:") {
        let inner = shaped(types, name, rest)?;
        return if eat(rest, "}") {
            Ok(format!("{{{inner}}}"))
        } else {
            Err("`}` is missing".to_owned())
        };
    }
    if !eat(rest, "{") {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '?' | '_')))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        *rest = after.trim_start();
        return Ok(match word {
            "s" => "text",
            "i" => "i64",
            "u" => "u64",
            "n" => "f64",
            "b" => "bool",
            "" => return Err("a type is missing".to_owned()),
            other => other,
        }
        .to_owned());
    }
    let mut fields = Vec::new();
    let mut open = false;
    while !eat(rest, "}") {
        if eat(rest, "...") {
            open = true;
            continue;
        }
        let (wire, after) = rest.split_once(':').ok_or("a field has no type")?;
        let wire = wire.trim().trim_end_matches('?').to_owned();
        *rest = after.trim_start();
        let mut field = types.field(name, &wire, &Value::Null);
        field.families.clear();
        field.rules = Rules::default();
        wire.clone_into(&mut field.wire);
        let below = if rest.starts_with(['[', '<']) {
            singular(&pascal(&wire))
        } else {
            pascal(&wire)
        };
        field.ty = shaped(types, &format!("{name}{below}"), rest)?;
        fields.push(field);
        eat(rest, ",");
    }
    let name = put(types, name.to_owned(), Kind::Struct, fields);
    if open {
        let items = types
            .areas
            .iter_mut()
            .flat_map(|(_, schema)| &mut schema.items);
        if let Some(item) = items.into_iter().find(|item| item.name == name)
            && item.mark("open").is_none()
        {
            item.marks.push(("open".to_owned(), Vec::new()));
        }
    }
    Ok(name)
}
