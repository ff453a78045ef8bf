//! Types and rules of parameters, fields and keys.

use serde_json::Value;

use super::names::{Names, noun};
use super::words::{Words, push_default};
use crate::proxmox::schema::{Field, Item, Kind, Rules, Schema, pascal};

/// Where types are looked up and new ones are put.
pub(crate) struct Types<'a> {
    pub(crate) areas: &'a mut Vec<(String, Schema)>,
    pub(crate) names: &'a Names,
    pub(crate) words: &'a Words,
    /// The area that new types go to.
    pub(crate) area: String,
}

/// Names that say nothing without what they belong to.
const VAGUE: [&str; 22] = [
    "type", "mode", "status", "state", "format", "scope", "action", "command", "service",
    "content", "source", "name", "disk", "flag", "role", "key", "level", "default", "mark", "cmd",
    "user", "method",
];

/// A list with more words than this is checked, but has no type of its own.
const WORDS_OF_AN_ENUM: usize = 48;

impl Types<'_> {
    pub(crate) fn schema(&mut self, area: &str) -> &mut Schema {
        let at = self.areas.iter().position(|(name, _)| name == area);
        let at = at.unwrap_or_else(|| {
            let mut schema = Schema::default();
            let words = self
                .words
                .item(&format!("area {area}"), || format!("{}.", pascal(area)));
            schema.docs = words;
            self.areas.push((area.to_owned(), schema));
            self.areas.len() - 1
        });
        &mut self.areas[at].1
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Item> {
        super::super::find(self.areas, name)
    }

    /// Adds a type to the current area.
    pub(crate) fn add(&mut self, item: Item) {
        let area = self.area.clone();
        self.schema(&area).items.push(item);
    }

    /// A parameter of the request `item`.
    pub(crate) fn parameter(&mut self, item: &str, wire: &str, schema: &Value) -> Field {
        let mut field = self.field(item, wire, schema);
        // What only some types of the thing have cannot be demanded of all.
        let demanded = !schema.get("optional").is_some_and(super::facts::is_true)
            && schema.get("for_types").is_none();
        field.optional = !demanded && schema.get("in").is_none();
        if is_secret(item, wire) {
            field.ty = field.ty.replace("text", "secret");
        }
        if let Some(doc) = field.docs.first_mut() {
            if field.optional {
                push_default(doc, item, schema);
            }
            if let Some(since) = text(schema, "since") {
                // `9.2+` came after the release, with an update.
                let first = match since.strip_suffix('+') {
                    Some(release) => format!("updates of {release},"),
                    None => since,
                };
                doc.extend([" (", &first, " and later)"]);
            }
        }
        field
    }

    /// A field with its type, rules and words; optional.
    pub(crate) fn field(&mut self, item: &str, wire: &str, schema: &Value) -> Field {
        let (name, families) = match wire.strip_suffix("[n]") {
            Some(family) => {
                let max = schema.get("n_max").and_then(Value::as_u64).unwrap_or(255);
                let max = u32::try_from(max).unwrap_or(255);
                (format!("{family}[{max}]"), vec![(family.to_owned(), max)])
            }
            None => (wire.to_owned(), Vec::new()),
        };
        let (ty, rules) = self.ty(item, wire, schema);
        Field {
            wire: name,
            families,
            rust: self.names.field(wire),
            optional: true,
            default_key: false,
            ty,
            rules,
            docs: vec![self.words.field(&self.area, item, wire)],
        }
    }

    fn ty(&mut self, item: &str, wire: &str, schema: &Value) -> (String, Rules) {
        let mut rules = Rules::default();
        if let Some(since) = text(schema, "since") {
            rules.since = since;
        }
        if let Some(needs) = text(schema, "requires") {
            rules.needs = needs;
        }
        if let Some(types) = schema.get("for_types").and_then(Value::as_array) {
            let types: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
            rules.only_for = types.join(",");
        }
        let is_array = text(schema, "type").as_deref() == Some("array");
        // What differs by the type of the whole has no one rule.
        let empty = Value::Null;
        let one = match (is_array, schema.get("oneOf").is_some()) {
            (_, true) => &empty,
            (true, false) => schema.get("items").unwrap_or(&empty),
            (false, false) => schema,
        };
        let ty = self.scalar(item, wire, one, &mut rules);
        if is_array {
            (format!("[{ty}]"), rules)
        } else {
            (ty, rules)
        }
    }

    fn scalar(&mut self, item: &str, wire: &str, schema: &Value, rules: &mut Rules) -> String {
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        let shown = |key: &str| {
            schema
                .get(key)
                .filter(|v| v.is_number())
                .map_or(String::new(), ToString::to_string)
        };
        let format = text(schema, "props")
            .or_else(|| text(schema, "format"))
            .unwrap_or_default();
        if let Some(pattern) = text(schema, "pattern")
            && !pattern.contains(" | ")
            && !pattern.contains('\t')
        {
            // A line end behind it is no match here anyway.
            let pattern = pattern.strip_suffix("(?!\\n)").unwrap_or(&pattern);
            pattern.clone_into(&mut rules.pattern);
        }
        if schema.get("minLength").is_some() || schema.get("maxLength").is_some() {
            rules.length = format!("{}..{}", shown("minLength"), shown("maxLength"));
        }
        if schema.get("minimum").is_some() || schema.get("maximum").is_some() {
            rules.range = format!("{}..{}", shown("minimum"), shown("maximum"));
        }
        match text(schema, "type").as_deref() {
            Some("boolean") => "bool".to_owned(),
            Some("number") => "f64".to_owned(),
            Some("integer") if format == "pve-vmid" => {
                rules.range.clear();
                "vmid".to_owned()
            }
            Some("integer") => {
                let large = number("maximum").is_none_or(|max| max > f64::from(u32::MAX));
                match number("minimum") {
                    Some(min) if min >= 0.0 && !large => "u32",
                    Some(min) if min >= 0.0 => "u64",
                    _ => "i64",
                }
                .to_owned()
            }
            _ => {
                if let Some(words) = enum_words(schema) {
                    return self.words_type(item, wire, words, rules);
                }
                if format == "pve-node" && wire == "node" {
                    return "node".to_owned();
                }
                let is_property = schema.get("props").is_some() || format == "pve-startup-order";
                let property = self.names.property(&format);
                let known = is_property && self.find(&property).is_some();
                let list = format.ends_with("-list");
                rules.format = format;
                match (known, list) {
                    (true, _) => property,
                    (false, true) => "words".to_owned(),
                    (false, false) => "text".to_owned(),
                }
            }
        }
    }

    /// An enum with these words, or a text that is checked against them.
    fn words_type(
        &mut self,
        item: &str,
        wire: &str,
        words: Vec<String>,
        rules: &mut Rules,
    ) -> String {
        let plain = words
            .iter()
            .all(|w| !w.is_empty() && !w.contains([' ', ',', '\t', '|']));
        if !plain {
            return "text".to_owned();
        }
        if words.len() > WORDS_OF_AN_ENUM || words.len() == 1 {
            rules.words = words.join(",");
            return "text".to_owned();
        }
        let same = |item: &&Item| match &item.kind {
            Kind::Enum { words: known } => {
                known.len() == words.len() && words.iter().all(|w| known.contains(w))
            }
            _ => false,
        };
        let items = self.areas.iter().flat_map(|(_, schema)| &schema.items);
        if let Some(known) = items.clone().find(same) {
            return known.name.clone();
        }
        let short = pascal(wire.trim_end_matches("[n]"));
        let noun = noun(item).to_owned();
        let vague = VAGUE.contains(&wire);
        let candidates = [
            (!vague).then(|| short.clone()),
            Some(if short == "Type" {
                format!("{noun}Kind")
            } else {
                format!("{noun}{short}")
            }),
            Some(format!("{item}{short}")),
            Some(format!("{item}{short}Word")),
        ];
        let taken = |name: &String| items.clone().any(|item| item.name == *name);
        let name = candidates
            .into_iter()
            .flatten()
            .find(|name| !taken(name) && !is_reserved(name))
            .unwrap_or(short);
        let docs = self.words.item(&name, || {
            let meaning = self.words.field(&self.area, item, wire);
            if meaning.starts_with('`') {
                format!("Words of {meaning}")
            } else {
                meaning
            }
        });
        self.add(Item {
            kind: Kind::Enum { words },
            name: name.clone(),
            docs,
            fields: Vec::new(),
            marks: Vec::new(),
        });
        name
    }
}

/// Names that the crate has for other things.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "Method"
            | "Call"
            | "Param"
            | "Params"
            | "Answer"
            | "Nothing"
            | "Endpoint"
            | "Arguments"
            | "Upid"
            | "Ticket"
            | "Visitor"
            | "Result"
            | "Option"
            | "Vec"
            | "String"
            | "Violation"
            | "List"
            | "Mac"
            | "Plain"
            | "Size"
            | "Kind"
            | "Shape"
            | "Format"
            | "Tolerant"
            | "Lock"
    )
}

pub(crate) fn enum_words(schema: &Value) -> Option<Vec<String>> {
    let words = schema.get("enum")?.as_array()?;
    Some(
        words
            .iter()
            .map(|word| {
                word.as_str()
                    .map_or_else(|| word.to_string(), str::to_owned)
            })
            .collect(),
    )
}

pub(crate) fn text(schema: &Value, key: &str) -> Option<String> {
    schema.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// Whether a parameter must not be shown.
fn is_secret(item: &str, wire: &str) -> bool {
    match wire {
        "password"
        | "confirmation-password"
        | "cipassword"
        | "client-key"
        | "eab-hmac-key"
        | "encryption-key"
        | "keyring"
        | "secret"
        | "tfa-challenge"
        | "totp"
        | "vncticket"
        | "ticket" => true,
        "key" => matches!(
            item,
            "UploadCustomCertificate" | "CreateSdnDns" | "UpdateSdnDns"
        ),
        "value" => item == "CreateTfaEntry",
        "token" => {
            item.ends_with("MetricServer")
                || item.ends_with("GotifyEndpoint")
                || item.ends_with("SdnIpam")
        }
        _ => false,
    }
}
