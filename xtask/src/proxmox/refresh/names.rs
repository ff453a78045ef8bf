//! Names: of requests from `schema/names.txt`, of the rest by rule.

use std::collections::BTreeMap;
use std::path::Path;

use crate::proxmox::schema::{is_keyword, pascal, snake};

/// The names that were chosen by hand.
#[derive(Debug, Default)]
pub(crate) struct Names {
    calls: BTreeMap<(String, String), String>,
    answers: BTreeMap<String, String>,
    pub(super) properties: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    shapes: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let mut names = Names::default();
        for (file, text) in [
            ("names.txt", read(folder, "names.txt")?),
            ("shapes.txt", read(folder, "shapes.txt")?),
        ] {
            for (at, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let words: Vec<&str> = line.split_whitespace().collect();
                match words.as_slice() {
                    [request, _, ..] if file == "shapes.txt" => {
                        let shape = line.split_once(' ').map_or("", |(_, shape)| shape).trim();
                        names.shapes.insert((*request).to_owned(), shape.to_owned());
                    }
                    [method @ ("GET" | "POST" | "PUT" | "DELETE"), path, name] => {
                        names.calls.insert(
                            ((*method).to_owned(), (*path).to_owned()),
                            (*name).to_owned(),
                        );
                    }
                    ["answer", request, name] => {
                        names
                            .answers
                            .insert((*request).to_owned(), (*name).to_owned());
                    }
                    ["property", format, name] => {
                        names
                            .properties
                            .insert((*format).to_owned(), (*name).to_owned());
                    }
                    ["field", wire, name] => {
                        names.fields.insert((*wire).to_owned(), (*name).to_owned());
                    }
                    _ => return Err(format!("{file}:{}: `{line}`", at + 1)),
                }
            }
        }
        Ok(names)
    }

    /// The name of a request.
    pub(crate) fn call(&self, method: &str, path: &str) -> String {
        self.calls
            .get(&(method.to_owned(), path.to_owned()))
            .cloned()
            .unwrap_or_else(|| guess(method, path))
    }

    /// The name of the struct that a request's answer consists of.
    pub(crate) fn answer(&self, request: &str) -> String {
        self.answers
            .get(request)
            .cloned()
            .unwrap_or_else(|| answer(request))
    }

    /// The name of the type for a format of property strings.
    pub(crate) fn property(&self, format: &str) -> String {
        self.properties
            .get(format)
            .cloned()
            .unwrap_or_else(|| pascal(format))
    }

    /// What is known about an answer that no description describes.
    pub(crate) fn shape(&self, request: &str) -> Option<&str> {
        self.shapes.get(request).map(String::as_str)
    }

    /// The Rust name of a parameter, family (`net[n]`) or field.
    pub(crate) fn field(&self, wire: &str) -> String {
        if let Some(name) = self.fields.get(wire) {
            return name.clone();
        }
        let name = wire
            .strip_suffix("[n]")
            .map_or_else(|| snake(wire), |family| format!("{}s", snake(family)));
        if is_keyword(&name) {
            format!("{name}_")
        } else {
            name
        }
    }
}

fn read(folder: &Path, file: &str) -> Result<String, String> {
    let path = folder.join(file);
    std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A name for a call that is not in the list yet.
fn guess(method: &str, path: &str) -> String {
    let nouns: String = path
        .split('/')
        .filter(|part| !part.starts_with('{') && *part != "nodes" && *part != "cluster")
        .map(pascal)
        .filter(|part| part != "None")
        .collect();
    let verb = match (method, path.ends_with('}')) {
        ("GET", true) => "Get",
        ("GET", false) => "List",
        ("POST", _) => "Create",
        ("PUT", _) => "Update",
        _ => "Delete",
    };
    format!("{verb}{nouns}")
}

/// `GetUser` and `ListUsers` -> `User`; `OpenQemuVnc` -> `OpenQemuVncAnswer`.
fn answer(request: &str) -> String {
    let scopes = [
        "ClusterFirewall",
        "NodeFirewall",
        "QemuFirewall",
        "LxcFirewall",
        "VnetFirewall",
    ];
    let name = if let Some(noun) = request.strip_prefix("Get") {
        noun.to_owned()
    } else if let Some(nouns) = request
        .strip_prefix("List")
        .or_else(|| request.strip_prefix("Scan"))
    {
        singular(nouns)
    } else {
        return format!("{request}Answer");
    };
    // A rule is a rule, whatever it guards; options differ.
    match scopes.iter().find_map(|scope| name.strip_prefix(scope)) {
        Some("Options") => match name
            .strip_prefix("Qemu")
            .or_else(|| name.strip_prefix("Lxc"))
        {
            Some(rest) => format!("Guest{rest}"),
            None => name,
        },
        Some(rest) => format!("Firewall{rest}"),
        None => name,
    }
}

/// `Entries` -> `Entry`, `Aliases` -> `Alias`, `Rules` -> `Rule`.
pub(crate) fn singular(plural: &str) -> String {
    for (many, one) in [
        ("hildren", "hild"),
        ("ies", "y"),
        ("iases", "ias"),
        ("sses", "ss"),
        ("us", "us"),
        ("ss", "ss"),
        ("s", ""),
    ] {
        if let Some(stem) = plural.strip_suffix(many) {
            return format!("{stem}{one}");
        }
    }
    plural.to_owned()
}

/// What a request is about: its name without the verb.
pub(crate) fn noun(request: &str) -> &str {
    const VERBS: [&str; 8] = [
        "Get",
        "List",
        "Create",
        "Update",
        "Delete",
        "Configure",
        "Scan",
        "Open",
    ];
    VERBS
        .iter()
        .find_map(|verb| request.strip_prefix(verb))
        .filter(|noun| !noun.is_empty())
        .unwrap_or(request)
}
