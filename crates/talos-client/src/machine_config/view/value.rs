//! Values at paths of a document.

use std::collections::BTreeMap;

use crate::yaml::{Map, Value};

pub(super) fn text(value: &Value, path: &[&str]) -> Option<String> {
    value.path(path)?.as_str().map(str::to_owned)
}

/// A switch. Talos' reader takes the words of YAML 1.1 too, where a truth value
/// is expected.
pub(super) fn flag(value: &Value, path: &[&str]) -> Option<bool> {
    let value = value.path(path)?;
    value
        .as_bool()
        .or_else(|| match value.as_str()?.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some(true),
            "no" | "off" | "n" => Some(false),
            _ => None,
        })
}

pub(super) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    value.path(path).map_or(&[], Value::items)
}

pub(super) fn texts(value: &Value, path: &[&str]) -> Vec<String> {
    let items = items(value, path).iter();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn pairs<'a>(
    value: &'a Value,
    path: &[&str],
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let map = value.path(path).and_then(Value::as_map);
    map.into_iter().flat_map(Map::iter)
}

/// Texts by name, as selectors are.
pub(super) fn by_name(value: &Value, path: &[&str]) -> BTreeMap<String, String> {
    pairs(value, path)
        .filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned())))
        .collect()
}
