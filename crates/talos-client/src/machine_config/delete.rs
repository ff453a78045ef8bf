//! Deletions of a patch: `$patch: delete`.
//!
//! | written in | takes away |
//! |---|---|
//! | a document of a kind | the document |
//! | a mapping | the value of the key that the mapping stands under |
//! | an item of a list | the first item that agrees in the first key beside `$patch` |
//!
//! They come before what else the document of the patch says.

use crate::yaml::{Map, Value};

const PATCH: &str = "$patch";

/// One deletion: where, and in a list which item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Deletion {
    path: Vec<String>,
    item: Option<(String, Value)>,
}

fn asks(value: &Value) -> bool {
    value.get(PATCH).and_then(Value::as_str) == Some("delete")
}

/// Whether a document asks for its own deletion.
pub(super) fn of_document(value: &Value) -> bool {
    asks(value)
}

/// Takes the deletions out of a document of a patch. Mappings and lists that
/// held nothing else go with them.
pub(super) fn take_out(value: &mut Value) -> Result<Vec<Deletion>, String> {
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), false, &mut found)?;
    Ok(found)
}

/// Whether anything is left of `value`.
fn walk(
    value: &mut Value,
    path: &mut Vec<String>,
    in_list: bool,
    found: &mut Vec<Deletion>,
) -> Result<bool, String> {
    let before = found.len();
    match value {
        Value::Map(map) => {
            let mut left = Map::default();
            for (key, mut value) in std::mem::take(map) {
                path.push(key.clone());
                let stays = if asks(&value) {
                    if in_list {
                        return Err(format!(
                            "{}: a deletion inside an item of a list has no place to name it; delete the item and add another",
                            shown(path)
                        ));
                    }
                    found.push(Deletion {
                        path: path.clone(),
                        item: None,
                    });
                    false
                } else {
                    walk(&mut value, path, in_list, found)?
                };
                path.pop();
                if stays {
                    left.push(key, value);
                }
            }
            *map = left;
            Ok(found.len() == before || !map.is_empty())
        }
        Value::List(items) => {
            let mut left = Vec::new();
            for mut item in std::mem::take(items) {
                if asks(&item) {
                    if in_list {
                        return Err(format!("{}: a list inside a list", shown(path)));
                    }
                    let key = item.as_map().and_then(|map| {
                        let (key, value) = map.iter().find(|(key, _)| *key != PATCH)?;
                        Some((key.to_owned(), value.clone()))
                    });
                    let Some(key) = key else {
                        return Err(format!(
                            "{}: a deletion in a list needs a key that finds its item",
                            shown(path)
                        ));
                    };
                    found.push(Deletion {
                        path: path.clone(),
                        item: Some(key),
                    });
                } else if walk(&mut item, path, true, found)? {
                    left.push(item);
                }
            }
            *items = left;
            Ok(found.len() == before || !items.is_empty())
        }
        Value::Scalar(_) => Ok(true),
    }
}

/// Deletes from a document of a configuration.
///
/// # Errors
/// When a mapping on the way, or the item of a list, is not there. The key
/// itself may be missing: then nothing is there to be deleted.
pub(super) fn apply(document: &mut Value, deletion: &Deletion) -> Result<(), String> {
    let missing =
        |path: &[String]| format!("{} is not there, nothing can be deleted in it", shown(path));
    let Some((last, parents)) = deletion.path.split_last() else {
        return Ok(());
    };
    let mut at = document;
    for (depth, key) in parents.iter().enumerate() {
        let Value::Map(map) = at else {
            return Err(missing(&deletion.path[..depth]));
        };
        at = map
            .get_mut(key)
            .filter(|value| !value.is_null())
            .ok_or_else(|| missing(&deletion.path[..=depth]))?;
    }
    let Value::Map(map) = at else {
        return Err(missing(parents));
    };
    let Some((key, wanted)) = &deletion.item else {
        map.remove(last);
        return Ok(());
    };
    let no_item = || {
        let value = wanted.as_str().unwrap_or("…");
        format!("{} has no item with {key}: {value}", shown(&deletion.path))
    };
    let Some(Value::List(items)) = map.get_mut(last) else {
        return Err(no_item());
    };
    let position = items
        .iter()
        .position(|item| item.get(key).is_some_and(|there| agrees(there, wanted)))
        .ok_or_else(no_item)?;
    items.remove(position);
    Ok(())
}

/// Scalars agree when they are spelled alike: `20` finds `"20"`.
fn agrees(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Scalar(a), Value::Scalar(b)) => a.text() == b.text(),
        (a, b) => a == b,
    }
}

fn shown(path: &[String]) -> String {
    if path.is_empty() {
        "the document".to_owned()
    } else {
        path.join(".")
    }
}
