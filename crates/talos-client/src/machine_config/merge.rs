//! Strategic merge, as Talos does it.
//!
//! Mappings are merged key by key, scalars are replaced, lists are appended
//! to. Exceptions: some lists are merged item by item where a key agrees,
//! some are replaced as a whole. A value that is nothing in Talos' own types
//! (null, an empty text, the number 0 in the `v1alpha1` document) changes
//! nothing; `false` does. Deletions are `delete.rs`.
//!
//! The rules are those of the official implementation's types; the test
//! `go_peer` compares both, as far as v1.13 knows the documents.

use super::config::Document;
use crate::yaml::{Map, Value};

/// How the items of a list find each other.
enum ListRule {
    /// By the value of the first of these keys that the patch's item has, and
    /// are then merged.
    Merge(&'static [&'static str]),
    /// By the value of this key, and the patch's item takes the other's place.
    Swap(&'static str),
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
            ListRule::Merge(&["interface", "deviceSelector"])
        }
        [MAIN, "machine", "network", "interfaces", "*", "vlans"] => ListRule::Merge(&["vlanId"]),
        [MAIN, "cluster", "apiServer", "admissionControl"] => ListRule::Merge(&["name"]),
        ["ExtensionServiceConfig", "configFiles"] => ListRule::Merge(&["mountPath"]),
        ["ImageVerificationConfig", "rules"] => ListRule::Swap("image"),
        // An argument that is given several times.
        [.., "extraArgs", _]
        | [MAIN, "cluster", "network", "podSubnets" | "serviceSubnets"]
        | ["KubeNetworkConfig", "podSubnets" | "serviceSubnets"]
        | ["BGPInstanceConfig", "advertise"]
        | ["NetworkRuleConfig", "ingress"]
        | ["NetworkRuleConfig", "portSelector", "ports"] => ListRule::Replace,
        _ => ListRule::Append,
    }
}

/// What the document without a kind is called in a path.
const MAIN: &str = "";

/// Merges a document of a patch, without its deletions, into the document that
/// it names.
pub(super) fn merge_documents(document: &mut Document, patch: &Document) {
    let mut path = vec![patch.kind().unwrap_or(MAIN)];
    merge(&mut document.value, &patch.value, &mut path);
}

fn merge<'p>(into: &mut Value, patch: &'p Value, path: &mut Vec<&'p str>) {
    match (into, patch) {
        (Value::Map(into), Value::Map(patch)) => merge_maps(into, patch, path),
        (Value::List(into), Value::List(patch)) => merge_lists(into, patch, path),
        (_, patch) if says_nothing(patch, path) => {}
        (into, patch) => *into = patch.clone(),
    }
}

/// Whether a value is what Talos' types have when nothing is written.
fn says_nothing(value: &Value, path: &[&str]) -> bool {
    match value {
        Value::Scalar(scalar) if scalar.text().is_empty() => true,
        // Numbers of other documents are optional there, and 0 is one.
        Value::Scalar(_) => value.is_null() || (path.first() == Some(&MAIN) && value.is_zero()),
        Value::Map(_) | Value::List(_) => false,
    }
}

fn merge_maps<'p>(into: &mut Map, patch: &'p Map, path: &mut Vec<&'p str>) {
    // Mappings that are replaced as a whole.
    if let [MAIN, "cluster", "apiServer", "auditPolicy"]
    | ["KubeAuditPolicyConfig", "configuration"]
    | ["CRIBaseRuntimeSpecConfig", "overrides"] = path.as_slice()
    {
        if !patch.is_empty() {
            *into = patch.clone();
        }
        return;
    }
    for (key, value) in patch.iter() {
        path.push(key);
        match into.get_mut(key) {
            Some(there) => merge(there, value, path),
            None => into.insert(key, value.clone()),
        }
        path.pop();
    }
}

fn merge_lists<'p>(into: &mut Vec<Value>, patch: &'p [Value], path: &mut Vec<&'p str>) {
    match rule(path) {
        ListRule::Replace => *into = patch.to_vec(),
        ListRule::Append => into.extend_from_slice(patch),
        ListRule::Swap(key) => {
            for item in patch {
                match partner(into, item, &[key]) {
                    Some(there) => *there = item.clone(),
                    None => into.push(item.clone()),
                }
            }
        }
        ListRule::Merge(keys) => {
            for item in patch {
                match partner(into, item, keys) {
                    Some(there) => {
                        path.push("*");
                        merge(there, item, path);
                        path.pop();
                    }
                    None => into.push(item.clone()),
                }
            }
        }
    }
}

/// The item that agrees with `item` in the first key that `item` has.
fn partner<'a>(items: &'a mut [Value], item: &Value, keys: &[&str]) -> Option<&'a mut Value> {
    let (key, value) = keys
        .iter()
        .find_map(|key| Some((key, item.get(key).filter(|value| !value.is_null())?)))?;
    items.iter_mut().find(|there| there.get(key) == Some(value))
}
