//! What differs between two configurations.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::config::{Document, MachineConfig};
use crate::yaml::Value;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Change {
    /// The document: `v1alpha1`, `HostnameConfig`, `LinkConfig/eth0`.
    pub document: String,
    /// Where in it: `machine.network.interfaces[0].mtu`. Empty for a whole document.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What was there; absent when added. A mapping or a list is written as JSON in
    /// one line. `***` stands for secrets.
    pub old: Option<String>,
    /// What is there now, written likewise; absent when removed.
    pub new: Option<String>,
}

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// It is another.
    Changed,
}

const MASK: &str = "***";

pub(super) fn diff(old: &MachineConfig, new: &MachineConfig) -> Vec<Change> {
    let mut changes = Vec::new();
    let partner = |of: &MachineConfig, document: &Document| {
        of.documents().iter().find(|d| d.is(document)).cloned()
    };
    for document in old.documents() {
        let new = partner(new, document);
        let mut walk = Walk::new(document, &mut changes);
        walk.compare(Some(&document.value), new.as_ref().map(|d| &d.value));
    }
    for document in new.documents() {
        if partner(old, document).is_none() {
            Walk::new(document, &mut changes).compare(None, Some(&document.value));
        }
    }
    changes
}

struct Walk<'a> {
    document: String,
    path: String,
    secret: bool,
    changes: &'a mut Vec<Change>,
}

impl<'a> Walk<'a> {
    fn new(document: &Document, changes: &'a mut Vec<Change>) -> Self {
        Walk {
            document: document.id(),
            path: String::new(),
            secret: false,
            changes,
        }
    }

    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Value::Map(a)), Some(Value::Map(b))) => {
                for (key, value) in a.iter() {
                    self.down(key, Some(value), b.get(key));
                }
                for (key, value) in b.iter().filter(|(key, _)| !a.contains(key)) {
                    self.down(key, None, Some(value));
                }
            }
            (Some(Value::List(a)), Some(Value::List(b))) => self.lists(a, b),
            (None, None) => {}
            (old, new) => self.changes.push(Change {
                document: self.document.clone(),
                path: self.path.clone(),
                kind: match (old, new) {
                    (None, _) => ChangeKind::Added,
                    (_, None) => ChangeKind::Removed,
                    _ => ChangeKind::Changed,
                },
                old: self.shown(old),
                new: self.shown(new),
            }),
        }
    }

    fn down(&mut self, key: &str, old: Option<&Value>, new: Option<&Value>) {
        let (length, was) = (self.path.len(), self.secret);
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        self.secret |= is_secret(key);
        self.compare(old, new);
        self.path.truncate(length);
        self.secret = was;
    }

    /// Items that both have tell nothing; the others are paired in their order.
    fn lists(&mut self, old: &[Value], new: &[Value]) {
        let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old_rest, new_rest) = (old.get(same..), new.get(same..));
        let (old_rest, new_rest) = (old_rest.unwrap_or_default(), new_rest.unwrap_or_default());
        let end = old_rest
            .iter()
            .rev()
            .zip(new_rest.iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        let longest = old_rest.len().max(new_rest.len()).saturating_sub(end);
        let olds = old_rest.len().saturating_sub(end);
        let news = new_rest.len().saturating_sub(end);
        for at in 0..longest {
            let length = self.path.len();
            self.path.push_str(&format_index(same + at));
            let old = old_rest.get(at).filter(|_| at < olds);
            let new = new_rest.get(at).filter(|_| at < news);
            self.compare(old, new);
            self.path.truncate(length);
        }
    }

    fn shown(&self, value: Option<&Value>) -> Option<String> {
        Some(match masked(value?, self.secret) {
            Json::String(text) => text,
            data => data.to_string(),
        })
    }
}

/// A value as data, of which secrets are masked.
fn masked(value: &Value, secret: bool) -> Json {
    match value {
        Value::Scalar(scalar) if secret || scalar.text().contains("PRIVATE KEY") => MASK.into(),
        // As it is spelled: what is compared is the spelling.
        Value::Scalar(scalar) => scalar.text().into(),
        Value::List(items) => items.iter().map(|item| masked(item, secret)).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.to_owned(), masked(value, secret || is_secret(key))))
            .collect(),
    }
}

fn format_index(at: usize) -> String {
    format!("[{at}]")
}

/// Keys whose values, or everything below, nobody shall read in a report. Also
/// files, manifests, headers and environments of services: people keep credentials
/// in them. `apiUrl` is `SideroLink`'s, which carries its token.
pub(super) fn is_secret(key: &str) -> bool {
    const PARTS: &[&str] = &["token", "secret", "password", "passphrase", "privatekey"];
    const WHOLE: &[&str] = &[
        "key",
        "auth",
        "content",
        "contents",
        "psk",
        "presharedkey",
        "apiurl",
        "environment",
        "extramanifestheaders",
        "headers",
    ];
    let key = key.to_ascii_lowercase();
    WHOLE.contains(&key.as_str()) || PARTS.iter().any(|part| key.contains(part))
}
