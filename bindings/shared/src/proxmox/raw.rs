//! Calls by method and path, with parameters as JSON.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_client::{Method, Params};
use serde_json::{Map, Value};

pub(super) fn verb_of(verb: &str) -> Result<Method> {
    Ok(match verb {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("no method {other}: there are GET, POST, PUT, DELETE"),
            ));
        }
    })
}

/// Parameters as the server takes them: text, numbers, 1 and 0 for truth, lists repeated.
pub(super) fn params(given: Option<Map<String, Value>>) -> Result<Params> {
    let mut params = Params::new();
    for (name, value) in given.unwrap_or_default() {
        for text in texts(&name, value)? {
            params.push(name.clone(), text);
        }
    }
    Ok(params)
}

/// A value as the texts that stand for it on the wire; null is none.
pub(super) fn texts(name: &str, value: Value) -> Result<Vec<String>> {
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    let text = |value| match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Ok(u8::from(truth).to_string())),
        Value::Number(number) => Some(Ok(number.to_string())),
        Value::String(text) => Some(Ok(text)),
        Value::Array(_) | Value::Object(_) => Some(Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("argument {name}: no text, number or truth value"),
        ))),
    };
    values.into_iter().filter_map(text).collect()
}
