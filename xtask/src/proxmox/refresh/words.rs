//! Words of explanation, all of them ours: `schema/words.txt`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::facts::is_true;

/// The glossary: a name on the wire, or `Item.name`, to one line of meaning.
/// `Item Item.name` gives several items the same.
#[derive(Debug, Default)]
pub(crate) struct Words(BTreeMap<String, String>);

impl Words {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("words.txt");
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut words = Words::default();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, meaning) = line
                .split_once(" = ")
                .ok_or_else(|| format!("{}:{}: `{line}`", path.display(), at + 1))?;
            for name in names(name.trim()) {
                if words
                    .0
                    .insert(name.clone(), meaning.trim().to_owned())
                    .is_some()
                {
                    return Err(format!("{}:{}: {name} again", path.display(), at + 1));
                }
            }
        }
        Ok(words)
    }

    /// What a parameter, field or key means: the most special entry there is.
    pub(crate) fn field(&self, area: &str, item: &str, wire: &str) -> String {
        self.0
            .get(&format!("{item}.{wire}"))
            .or_else(|| self.0.get(&format!("{area}/{wire}")))
            .or_else(|| self.0.get(wire))
            .cloned()
            .unwrap_or_else(|| format!("`{wire}`."))
    }

    /// What a call does, or what a type is.
    pub(crate) fn item(&self, name: &str, otherwise: impl FnOnce() -> String) -> Vec<String> {
        let text = self.0.get(name).cloned().unwrap_or_else(otherwise);
        wrap(&text)
    }
}

/// What an entry is for: `Item Item.name` is for the name in each of the items.
fn names(entry: &str) -> Vec<String> {
    match entry.rsplit_once('.') {
        Some((items, name)) => items
            .split_whitespace()
            .map(|item| format!("{item}.{name}"))
            .collect(),
        None => vec![entry.to_owned()],
    }
}

/// Adds what is assumed when a parameter of the request `item` is absent.
pub(crate) fn push_default(doc: &mut String, item: &str, schema: &Value) {
    const ABSENT: &str = " when absent.";
    // The glossary tells the defaults that the description leaves out.
    if !doc.ends_with(ABSENT) {
        doc.push_str(&when_absent(schema));
    }
    // A change leaves alone what it does not name; the default holds until it is set.
    let is_change = item.starts_with("Configure")
        || item.starts_with("Update") && !matches!(item, "UpdateAcl" | "UpdateAptDatabase");
    if is_change && let Some(start) = doc.strip_suffix(ABSENT) {
        *doc = format!("{start} while it is not set.");
    }
}

fn when_absent(schema: &Value) -> String {
    let Some(default) = schema.get("default") else {
        return String::new();
    };
    let text = match default {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) | Value::Null => return String::new(),
        other => other.to_string(),
    };
    if schema.get("type").and_then(Value::as_str) == Some("boolean") {
        return if is_true(default) {
            " Yes when absent."
        } else {
            ""
        }
        .to_owned();
    }
    if text.is_empty() || text.len() > 40 || text.contains('`') {
        return String::new();
    }
    format!(" `{text}` when absent.")
}

/// `CreateBackupJob` -> `create backup job`
pub(crate) fn spoken(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// With a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}

/// Lines of at most 90 characters.
pub(crate) fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if let Some(line) = lines.get_mut(last) {
            if !line.is_empty() && line.len() + word.len() > 89 {
                lines.push(word.to_owned());
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
