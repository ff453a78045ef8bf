//! JSON patch (RFC 6902), with JSON pointers (RFC 6901).

use crate::yaml::Value;

/// One operation. Paths are split and unescaped.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Add(Vec<String>, Value),
    Remove(Vec<String>),
    Replace(Vec<String>, Value),
    Move { from: Vec<String>, to: Vec<String> },
    Copy { from: Vec<String>, to: Vec<String> },
    Test(Vec<String>, Value),
}

/// Reads a list of operations; an error names the operation.
pub(super) fn operations(items: &[Value]) -> Result<Vec<Operation>, String> {
    items
        .iter()
        .enumerate()
        .map(|(n, item)| operation(item).map_err(|m| format!("operation {}: {m}", n + 1)))
        .collect()
}

fn operation(item: &Value) -> Result<Operation, String> {
    let text = |key: &str| {
        let value = item.get(key).and_then(Value::as_str);
        value.ok_or_else(|| format!("`{key}` is missing"))
    };
    let path = |key: &str| pointer(text_or_empty(item, key)?);
    let value = || item.get("value").cloned().ok_or("`value` is missing");
    match text("op")? {
        "add" => Ok(Operation::Add(path("path")?, value()?)),
        "remove" => Ok(Operation::Remove(path("path")?)),
        "replace" => Ok(Operation::Replace(path("path")?, value()?)),
        "test" => Ok(Operation::Test(path("path")?, value()?)),
        "move" => {
            let (from, to) = (path("from")?, path("path")?);
            if to.len() > from.len() && to.starts_with(&from) {
                return Err("a value cannot move into itself".to_owned());
            }
            Ok(Operation::Move { from, to })
        }
        "copy" => Ok(Operation::Copy {
            from: path("from")?,
            to: path("path")?,
        }),
        other => Err(format!("`op` is {other:?}, not one of RFC 6902")),
    }
}

/// The whole document has the empty path.
fn text_or_empty<'a>(item: &'a Value, key: &str) -> Result<&'a str, String> {
    match item.get(key) {
        Some(Value::Scalar(scalar)) => Ok(scalar.text()),
        _ => Err(format!("`{key}` is missing")),
    }
}

fn pointer(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!("the path {text:?} does not begin with `/`"));
    };
    Ok(rest
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect())
}

/// Applies all operations, or fails at one of them.
pub(super) fn apply(root: &mut Value, operations: &[Operation]) -> Result<(), String> {
    operations
        .iter()
        .enumerate()
        .try_for_each(|(n, operation)| {
            one(root, operation).map_err(|m| format!("operation {}: {m}", n + 1))
        })
}

fn one(root: &mut Value, operation: &Operation) -> Result<(), String> {
    match operation {
        Operation::Add(path, value) => add(root, path, value.clone()),
        Operation::Remove(path) => remove(root, path).map(drop),
        Operation::Replace(path, value) => {
            let there = find_mut(root, path).ok_or_else(|| missing(path))?;
            *there = value.clone();
            Ok(())
        }
        Operation::Move { from, to } => {
            let value = remove(root, from)?;
            add(root, to, value)
        }
        Operation::Copy { from, to } => {
            let value = find_mut(root, from).ok_or_else(|| missing(from))?.clone();
            add(root, to, value)
        }
        Operation::Test(path, value) => {
            let there = find_mut(root, path).ok_or_else(|| missing(path))?;
            // Not what is there: it may be a secret.
            let differs = || format!("/{} is not what the test expects", path.join("/"));
            (there == value).then_some(()).ok_or_else(differs)
        }
    }
}

fn missing(path: &[String]) -> String {
    format!("there is no /{}", path.join("/"))
}

fn find_mut<'a>(root: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(root, |value, part| match value {
        Value::Map(map) => map.get_mut(part),
        Value::List(items) => items.get_mut(index(part)?),
        Value::Scalar(_) => None,
    })
}

/// Digits without leading zeros.
fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| part.parse().ok()).flatten()
}

fn add(root: &mut Value, path: &[String], value: Value) -> Result<(), String> {
    let Some((last, parents)) = path.split_last() else {
        *root = value;
        return Ok(());
    };
    match find_mut(root, parents) {
        Some(Value::Map(map)) => {
            map.insert(last, value);
            Ok(())
        }
        Some(Value::List(items)) => {
            let at = if last == "-" {
                items.len()
            } else {
                index(last)
                    .filter(|at| *at <= items.len())
                    .ok_or_else(|| missing(path))?
            };
            items.insert(at, value);
            Ok(())
        }
        _ => Err(missing(parents)),
    }
}

fn remove(root: &mut Value, path: &[String]) -> Result<Value, String> {
    let Some((last, parents)) = path.split_last() else {
        return Err("the whole document cannot be removed".to_owned());
    };
    match find_mut(root, parents) {
        Some(Value::Map(map)) => map.remove(last).ok_or_else(|| missing(path)),
        Some(Value::List(items)) => match index(last).filter(|at| *at < items.len()) {
            Some(at) => Ok(items.remove(at)),
            None => Err(missing(path)),
        },
        _ => Err(missing(path)),
    }
}
