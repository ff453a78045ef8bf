//! Puts what is new into the schema, and tells what has gone or changed.

use serde_json::Value;

use super::answers;
use super::facts::{Fact, Facts, is_true};
use super::names::Names;
use super::types::{Types, enum_words, text};
use super::words::{Words, capital, spoken, wrap};
use crate::proxmox::schema::{Field, Item, Kind, Rules, Schema};

pub(crate) fn merge(
    areas: &mut Vec<(String, Schema)>,
    facts: &Facts,
    names: &Names,
    words: &Words,
) -> Result<Vec<String>, String> {
    let mut report = Vec::new();
    let mut types = Types {
        areas,
        names,
        words,
        area: String::new(),
    };
    for (name, format) in &facts.formats {
        formats(&mut types, name, format);
    }
    for (name, format) in &facts.formats {
        if text(format, "kind").as_deref() == Some("property-string") {
            property(&mut types, name, format);
        }
    }
    if types.find("IndexEntry").is_none() {
        "cluster".clone_into(&mut types.area);
        types.add(index_entry());
    }
    for fact in &facts.endpoints {
        call(&mut types, fact, facts.has_history, &mut report)?;
    }
    for item in types.areas.iter().flat_map(|(_, schema)| &schema.items) {
        if let Kind::Call { method, path, .. } = &item.kind
            && !facts
                .endpoints
                .iter()
                .any(|f| f.method == *method && f.path == *path)
        {
            report.push(format!("gone: {method} {path} ({})", item.name));
        }
    }
    Ok(report)
}

fn formats(types: &mut Types<'_>, name: &str, format: &Value) {
    if types.find(name).is_some() {
        return;
    }
    "formats".clone_into(&mut types.area);
    let (kind, argument) = match text(format, "kind").as_deref() {
        Some("regex") => ("match", text(format, "regex").unwrap_or_default()),
        Some("list") => ("list", text(format, "of").unwrap_or_default()),
        Some("property-string") => ("property", String::new()),
        _ => match enum_words(format) {
            Some(words) => ("words", words.join(" ")),
            None => ("rule", String::new()),
        },
    };
    let mut fields = Vec::new();
    for (wire, key) in format
        .get("keys")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut field = Field {
            wire: wire.clone(),
            families: Vec::new(),
            rust: wire.clone(),
            optional: key.get("optional").is_some_and(is_true),
            default_key: key.get("default_key").is_some_and(is_true),
            ty: match text(key, "type").as_deref() {
                Some("integer") => "i64",
                Some("number") => "f64",
                Some("boolean") => "bool",
                _ => "text",
            }
            .to_owned(),
            rules: Rules::default(),
            docs: Vec::new(),
        };
        let bound = |name: &str| {
            key.get(name)
                .filter(|v| v.is_number())
                .map_or(String::new(), ToString::to_string)
        };
        let span = |from: &str, to: &str| {
            let (from, to) = (bound(from), bound(to));
            if from.is_empty() && to.is_empty() {
                String::new()
            } else {
                format!("{from}..{to}")
            }
        };
        let words = enum_words(key).unwrap_or_default();
        field.rules = Rules {
            range: span("minimum", "maximum"),
            length: span("minLength", "maxLength"),
            format: text(key, "format").unwrap_or_default(),
            pattern: text(key, "pattern").unwrap_or_default(),
            words: words.join(","),
            alias: text(key, "alias").unwrap_or_default(),
            name_to: text(key, "keyAlias").unwrap_or_default(),
            ..Rules::default()
        };
        fields.push(field);
    }
    types.add(Item {
        kind: Kind::Format {
            kind: kind.to_owned(),
            argument,
        },
        name: name.to_owned(),
        docs: Vec::new(),
        fields,
        marks: Vec::new(),
    });
}

/// The type for a format of property strings; several formats may share one.
fn property(types: &mut Types<'_>, format: &str, schema: &Value) {
    "properties".clone_into(&mut types.area);
    let name = types.names.property(format);
    let mut fields = Vec::new();
    let (mut aliases, mut pairs): (Vec<Vec<String>>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut name_to, mut value_to) = (String::new(), String::new());
    for (wire, key) in schema
        .get("keys")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(real) = text(key, "alias") {
            match text(key, "keyAlias") {
                Some(to) => {
                    (name_to, value_to) = (to, real);
                    pairs.push(wire.clone());
                }
                None => aliases.push(vec![wire.clone(), real]),
            }
            continue;
        }
        let mut field = types.field(&name, wire, key);
        field.optional = key.get("optional").is_some_and(is_true) || field.ty != "text";
        field.default_key = key.get("default_key").is_some_and(is_true);
        match text(key, "format").as_deref() {
            Some("disk-size") => "size".clone_into(&mut field.ty),
            Some("mac-addr") => "mac".clone_into(&mut field.ty),
            Some(list) if list.ends_with("-list") => {
                field.optional = false;
                "list".clone_into(&mut field.ty);
            }
            _ => {}
        }
        if matches!(wire.as_str(), "trunks" | "cpus" | "hostnodes") && field.ty == "text" {
            field.optional = false;
            "list".clone_into(&mut field.ty);
        }
        field.rules = Rules::default();
        fields.push(field);
    }
    if types.find(&name).is_none() {
        let docs = types.words.item(&name, || {
            format!("{}: a property string.", capital(&spoken(&name)))
        });
        types.add(Item {
            kind: Kind::Property {
                label: spoken(&name),
            },
            name: name.clone(),
            docs,
            fields: Vec::new(),
            marks: Vec::new(),
        });
    }
    let items = types
        .areas
        .iter_mut()
        .flat_map(|(_, schema)| &mut schema.items);
    let Some(item) = items.into_iter().find(|item| item.name == name) else {
        return;
    };
    let has_default = item.fields.iter().any(|f| f.default_key);
    for field in &mut fields {
        field.default_key &= !has_default;
    }
    // Types that several formats share cannot demand what only one of them has.
    let shared = !item.fields.is_empty();
    for field in &mut fields {
        if shared && field.ty == "text" && !item.fields.iter().any(|f| f.wire == field.wire) {
            field.optional = true;
        }
    }
    answers::extend(item, fields);
    for alias in aliases {
        let known = item
            .marks
            .iter()
            .any(|(mark, words)| mark == "alias" && words.first() == alias.first());
        if !known {
            item.marks.push(("alias".to_owned(), alias));
        }
    }
    if !pairs.is_empty() && item.mark("pair").is_none() {
        let mut words = vec![name_to, value_to];
        words.extend(pairs);
        item.marks.push(("pair".to_owned(), words));
    }
}

fn call(
    types: &mut Types<'_>,
    fact: &Fact,
    has_history: bool,
    report: &mut Vec<String>,
) -> Result<(), String> {
    let place = types.areas.iter().enumerate().find_map(|(area, (_, schema))| {
        let at = schema.items.iter().position(|item| {
            matches!(&item.kind, Kind::Call { method, path, .. } if *method == fact.method && *path == fact.path)
        })?;
        Some((area, at))
    });
    let name = if let Some((area, at)) = place {
        types.areas[area].0.clone_into(&mut types.area);
        types.areas[area].1.items[at].name.clone()
    } else {
        area_of(&fact.path).clone_into(&mut types.area);
        types.names.call(&fact.method, &fact.path)
    };
    let fields = parameters(types, fact, &name);
    let Some((area, at)) = place else {
        let answer = answers::answer(types, fact, &name)?;
        let docs = types.words.item(&name, || call_words(&name, &fact.path));
        let mut item = Item {
            kind: Kind::Call {
                method: fact.method.clone(),
                path: fact.path.clone(),
                answer,
            },
            name,
            docs,
            fields: Vec::new(),
            marks: marks(fact),
        };
        answers::extend(&mut item, fields);
        types.add(item);
        return Ok(());
    };
    let item = &mut types.areas[area].1.items[at];
    for (mark, words) in marks(fact) {
        if item.mark(&mark).is_none() && (has_history || mark != "since") {
            item.marks.push((mark, words));
        }
    }
    for known in &item.fields {
        if !fields.iter().any(|f| f.wire == known.wire) {
            report.push(format!("gone: parameter {} of {}", known.wire, item.name));
        }
    }
    for field in fields {
        if let Some(known) = item.fields.iter_mut().find(|f| f.wire == field.wire) {
            rules(known, &field, &item.name, report);
        } else {
            report.push(format!("new: parameter {} of {}", field.wire, item.name));
            answers::extend(item, vec![field]);
        }
    }
    Ok(())
}

/// Path arguments in the order of the path, then what is required, then the rest.
fn parameters(types: &mut Types<'_>, fact: &Fact, name: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = fact
        .params
        .iter()
        .map(|(wire, schema)| types.parameter(name, wire, schema))
        .collect();
    fields.sort_by_key(|f| {
        let place = fact.path.find(&format!("{{{}}}", f.wire));
        (place.is_none(), place, f.optional)
    });
    fields
}

/// Rules that the schema lacks, and rules that changed.
fn rules(known: &mut Field, new: &Field, item: &str, report: &mut Vec<String>) {
    let at = format!("{item}.{}", known.wire);
    if known.optional != new.optional {
        report.push(format!(
            "changed: {at} is {} now",
            if new.optional { "optional" } else { "required" }
        ));
        known.optional = new.optional;
    }
    let mut fill = |what: &str, known: &mut String, new: &String| {
        if known.is_empty() {
            new.clone_into(known);
        } else if !new.is_empty() && known != new {
            report.push(format!("changed: {what} of {at}: {known} is {new} now"));
            new.clone_into(known);
        }
    };
    if known.ty != "vmid" {
        fill("range", &mut known.rules.range, &new.rules.range);
    }
    fill("length", &mut known.rules.length, &new.rules.length);
    fill("format", &mut known.rules.format, &new.rules.format);
    fill("pattern", &mut known.rules.pattern, &new.rules.pattern);
    fill("release", &mut known.rules.since, &new.rules.since);
    fill("types", &mut known.rules.only_for, &new.rules.only_for);
    fill("need", &mut known.rules.needs, &new.rules.needs);
}

fn marks(fact: &Fact) -> Vec<(String, Vec<String>)> {
    let mut marks = Vec::new();
    let mut mark = |name: &str, words: Vec<String>| marks.push((name.to_owned(), words));
    if let Some(since) = &fact.since {
        mark("since", vec![since.clone()]);
    }
    if !fact.token {
        mark("no-token", Vec::new());
    }
    if fact.protected {
        mark("protected", Vec::new());
    }
    if let Some(argument) = &fact.proxy_to {
        mark("on", vec![argument.clone()]);
    }
    if fact.open {
        mark("open", Vec::new());
    }
    mark("perm", vec![fact.permission.clone()]);
    marks
}

/// What a call does, when the glossary has nothing to say.
fn call_words(name: &str, path: &str) -> String {
    let spoken = spoken(name);
    let (verb, rest) = spoken.split_once(' ').unwrap_or((&spoken, ""));
    let place = if path.starts_with("/nodes/{node}/qemu/{vmid}") {
        " of a virtual machine"
    } else if path.starts_with("/nodes/{node}/lxc/{vmid}") {
        " of a container"
    } else if path.starts_with("/nodes/{node}") {
        " of a node"
    } else {
        ""
    };
    let rest = rest
        .trim_start_matches("qemu ")
        .trim_start_matches("lxc ")
        .trim_start_matches("node ");
    let verb = match verb {
        "get" | "list" => "Reads",
        "create" => "Creates",
        "update" => "Changes",
        "delete" => "Deletes",
        "open" => "Opens",
        "connect" => "Connects to",
        "scan" => "Looks for",
        _ => return format!("{}{place}.", capital(&spoken)),
    };
    format!("{verb} {rest}{place}.")
}

fn index_entry() -> Item {
    let field = |wire: &str, doc: &str| Field {
        wire: wire.to_owned(),
        families: Vec::new(),
        rust: wire.to_owned(),
        optional: true,
        default_key: false,
        ty: "text".to_owned(),
        rules: Rules::default(),
        docs: vec![doc.to_owned()],
    };
    Item {
        kind: Kind::Struct,
        name: "IndexEntry".to_owned(),
        docs: wrap("An entry of an index: a part of the API that lies below a path."),
        fields: vec![
            field(
                "subdir",
                "The next segment of the path, under the name that most indexes use.",
            ),
            field(
                "name",
                "The next segment of the path, under the name that some indexes use.",
            ),
            field(
                "id",
                "The next segment of the path, under the name that a few indexes use.",
            ),
        ],
        marks: vec![("open".to_owned(), Vec::new())],
    }
}

/// The area that a path belongs to: a file of the schema and a module.
fn area_of(path: &str) -> &'static str {
    const AREAS: [(&str, &str); 33] = [
        ("/access", "access"),
        ("/cluster/acme", "certificates"),
        ("/cluster/backup", "backup"),
        ("/cluster/bulk-action", "bulk"),
        ("/cluster/ceph", "ceph"),
        ("/cluster/firewall", "firewall"),
        ("/cluster/ha", "ha"),
        ("/cluster/jobs", "jobs"),
        ("/cluster/mapping", "mapping"),
        ("/cluster/metrics", "metrics"),
        ("/cluster/notifications", "notifications"),
        ("/cluster/qemu", "capabilities"),
        ("/cluster/replication", "replication"),
        ("/cluster/sdn/vnets/{vnet}/firewall", "firewall"),
        ("/cluster/sdn", "sdn"),
        ("/cluster", "cluster"),
        ("/nodes/{node}/apt", "apt"),
        ("/nodes/{node}/capabilities", "capabilities"),
        ("/nodes/{node}/ceph", "ceph"),
        ("/nodes/{node}/certificates", "certificates"),
        ("/nodes/{node}/disks", "disks"),
        ("/nodes/{node}/firewall", "firewall"),
        ("/nodes/{node}/hardware", "hardware"),
        ("/nodes/{node}/network", "network"),
        ("/nodes/{node}/replication", "replication"),
        ("/nodes/{node}/sdn", "sdn"),
        ("/nodes/{node}/services", "services"),
        ("/nodes/{node}/tasks", "tasks"),
        ("/nodes/{node}/vzdump", "backup"),
        ("/pools", "pools"),
        ("/version", "access"),
        ("/storage", "storage"),
        ("/nodes", "nodes"),
    ];
    for guest in ["/nodes/{node}/qemu/{vmid}", "/nodes/{node}/lxc/{vmid}"] {
        if let Some(below) = path.strip_prefix(guest) {
            if below.starts_with("/firewall") {
                return "firewall";
            }
            if below.starts_with("/agent") {
                return "agent";
            }
        }
    }
    for (prefix, area) in [
        ("/nodes/{node}/qemu", "qemu"),
        ("/nodes/{node}/lxc", "lxc"),
        ("/nodes/{node}/storage", "storage"),
        ("/nodes/{node}/scan", "storage"),
        ("/nodes/{node}/aplinfo", "storage"),
        ("/nodes/{node}/query-", "storage"),
    ] {
        if path.starts_with(prefix) {
            return area;
        }
    }
    AREAS
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix))
        .map_or("cluster", |(_, area)| area)
}
