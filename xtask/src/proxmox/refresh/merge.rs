//! Puts what is new into the schema, and tells what has gone or changed.

use super::areas::area_of;
use super::facts::{Fact, Facts};
use super::names::Names;
use super::types::{Types, text};
use super::words::{Words, capital, spoken, wrap};
use super::{answers, formats};
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
        formats::named(&mut types, name, format);
    }
    for (name, format) in &facts.formats {
        if text(format, "kind").as_deref() == Some("property-string") {
            formats::property(&mut types, name, format);
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
