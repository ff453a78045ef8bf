//! Strategic merge, as Talos does it.
//!
//! Mappings are merged key by key, scalars are replaced, lists are appended
//! to. Exceptions: some lists are merged item by item where a key agrees,
//! some are replaced as a whole; `$patch: delete` takes away.

use super::config::Document;
use crate::yaml::{Map, Value};

/// How the items of a list find each other.
enum ListRule {
    /// By the value of one of these keys.
    ByKey(&'static [&'static str]),
    /// Not at all: the patch's list is the list.
    Replace,
    /// Not at all: the patch's items come behind.
    Append,
}

/// The rule for the list at a path that begins with the document's kind. `*`
/// stands for any item.
fn rule(path: &[&str]) -> ListRule {
    match path {
        [MAIN, "machine", "network", "interfaces"] => {
            ListRule::ByKey(&["interface", "deviceSelector"])
        }
        [MAIN, "machine", "network", "interfaces", "*", "vlans"] => ListRule::ByKey(&["vlanId"]),
        [MAIN, "cluster", "apiServer", "admissionControl"] => ListRule::ByKey(&["name"]),
        ["ExtensionServiceConfig", "configFiles"] => ListRule::ByKey(&["mountPath"]),
        [MAIN, "cluster", "network", "podSubnets" | "serviceSubnets"]
        | ["NetworkRuleConfig", "ingress"]
        | ["NetworkRuleConfig", "portSelector", "ports"] => ListRule::Replace,
        _ => ListRule::Append,
    }
}

/// What the document without a kind is called in a path.
const MAIN: &str = "";

const PATCH: &str = "$patch";

/// Whether a mapping asks for its own deletion.
pub(super) fn is_deletion(value: &Value) -> bool {
    value.get(PATCH).and_then(Value::as_str) == Some("delete")
}

/// Merges a document of a patch into the document that it names.
pub(super) fn merge_documents(document: &mut Document, patch: &Document) {
    let mut path = vec![patch.kind().unwrap_or(MAIN)];
    merge(&mut document.value, &patch.value, &mut path);
}

fn merge<'p>(into: &mut Value, patch: &'p Value, path: &mut Vec<&'p str>) {
    match (into, patch) {
        (Value::Map(into), Value::Map(patch)) => merge_maps(into, patch, path),
        (Value::List(into), Value::List(patch)) => merge_lists(into, patch, path),
        // An empty value in a patch says nothing.
        (_, patch) if patch.is_null() => {}
        (into, patch) => *into = without_deletions(patch),
    }
}

fn merge_maps<'p>(into: &mut Map, patch: &'p Map, path: &mut Vec<&'p str>) {
    // The one mapping that is replaced as a whole.
    if let [MAIN, "cluster", "apiServer", "auditPolicy"] = path.as_slice() {
        *into = patch.clone();
        return;
    }
    for (key, value) in patch.iter() {
        if is_deletion(value) {
            match into.get_mut(key) {
                // In a list the deletion names its item.
                Some(Value::List(items)) => delete_item(items, value),
                _ => {
                    into.remove(key);
                }
            }
            continue;
        }
        path.push(key);
        match into.get_mut(key) {
            Some(there) => merge(there, value, path),
            None => into.insert(key, without_deletions(value)),
        }
        path.pop();
    }
}

fn merge_lists<'p>(into: &mut Vec<Value>, patch: &'p [Value], path: &mut Vec<&'p str>) {
    let keys = match rule(path) {
        ListRule::Replace => {
            *into = patch.iter().map(without_deletions).collect();
            return;
        }
        ListRule::ByKey(keys) => keys,
        ListRule::Append => &[],
    };
    for item in patch {
        if is_deletion(item) {
            delete_item(into, item);
            continue;
        }
        match into.iter_mut().find(|there| same_item(there, item, keys)) {
            Some(there) => {
                path.push("*");
                merge(there, item, path);
                path.pop();
            }
            None => into.push(without_deletions(item)),
        }
    }
}

/// Whether two items agree in the first key that both have.
fn same_item(a: &Value, b: &Value, keys: &[&str]) -> bool {
    keys.iter()
        .find_map(|key| Some(a.get(key)? == b.get(key)?))
        .unwrap_or(false)
}

/// Takes the items out that agree with a deletion in all that it says.
fn delete_item(items: &mut Vec<Value>, deletion: &Value) {
    let Value::Map(deletion) = deletion else {
        return;
    };
    let says = || deletion.iter().filter(|(key, _)| *key != PATCH);
    // A deletion that names nothing is one of the whole list.
    items.retain(|item| !says().all(|(key, value)| item.get(key) == Some(value)));
}

/// What a patch adds where there was nothing: deletions have nothing to delete.
fn without_deletions(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(
            map.iter()
                .filter(|(_, value)| !is_deletion(value))
                .map(|(key, value)| (key, without_deletions(value)))
                .collect(),
        ),
        Value::List(items) => Value::List(
            items
                .iter()
                .filter(|item| !is_deletion(item))
                .map(without_deletions)
                .collect(),
        ),
        scalar @ Value::Scalar(_) => scalar.clone(),
    }
}
