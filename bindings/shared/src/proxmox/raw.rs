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
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Value::Null => continue,
                Value::Bool(truth) => u8::from(truth).to_string(),
                Value::Number(number) => number.to_string(),
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => {
                    return Err(Error::new(
                        ErrorKind::InvalidArgument,
                        format!("argument params: {name} is no text, number or truth value"),
                    ));
                }
            };
            params.push(name.clone(), text);
        }
    }
    Ok(params)
}
