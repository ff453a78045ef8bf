//! Parameters of a call: query, form or JSON, with the server's own quirks.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::answer::{ApiError, Result};

/// Parameters by name. Form values are strings, repeated keys arrays.
pub(super) type Params = Map<String, Value>;

/// Decodes `application/x-www-form-urlencoded` text as PVE does: pairs are
/// split at `&` **and** `;`, a value ends at its second `=`, and `+` is a space.
pub(super) fn form(text: &str) -> Params {
    let mut params = Params::new();
    for pair in text.split(['&', ';']).filter(|p| !p.is_empty()) {
        let mut parts = pair.split('=');
        let key = decode(parts.next().unwrap_or_default());
        // `GET /x?key` without a value is as good as not given.
        let Some(value) = parts.next().map(decode).map(Value::String) else {
            continue;
        };
        match params.get_mut(&key) {
            None => {
                params.insert(key, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    params
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Decodes a JSON body. The top level must be an object; `null` is "not given".
pub(super) fn json(text: &[u8]) -> Result<Params> {
    let line = "at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.\n";
    match serde_json::from_slice(text) {
        Ok(Value::Object(mut params)) => {
            params.retain(|_, value| !value.is_null());
            Ok(params)
        }
        Ok(_) => Err(ApiError::http(500, format!("Not a HASH reference {line}"))),
        Err(_) => {
            let rest = String::from_utf8_lossy(text);
            let rest = if rest.is_empty() {
                "(end of string)".into()
            } else {
                rest
            };
            Err(ApiError::http(
                500,
                format!(
                    "malformed JSON string, neither tag, array, object, number, string or atom, \
                     at character offset 0 (before \"{rest}\") {line}"
                ),
            ))
        }
    }
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `0` or `1`; in JSON `true` and `false` as well.
    Bool,
    /// A whole number from `min`.
    Int { min: i64 },
    /// A guest's number.
    Vmid,
    /// Any text.
    Text,
    /// A number, perhaps with a fraction.
    Number,
    /// Text that a function accepts.
    Format(fn(&str) -> std::result::Result<(), String>),
    /// A property string that a function accepts; it gets the key as well.
    Property(fn(&str, &str) -> std::result::Result<(), String>),
    /// Several values: a list of words, or an array.
    List,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A parameter that a call knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// A parameter that may be left out.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
    }
}

/// A parameter that must be given.
pub(super) const fn required(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
    }
}

#[cfg(test)]
fn verify(params: &Params, known: &[Param], more: impl Fn(&str) -> Option<Kind>) -> Result<()> {
    let errors = problems(params, known, more, |_, _| None);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::params(errors))
    }
}

/// What is wrong with parameters, by name. `more` knows further ones than
/// `known`; `further` is asked about those that neither knows: nothing when it
/// does not know them either.
pub(super) fn problems(
    params: &Params,
    known: &[Param],
    more: impl Fn(&str) -> Option<Kind>,
    further: impl Fn(&str, &Value) -> Option<Vec<(String, String)>>,
) -> Map<String, Value> {
    let mut errors = Map::new();
    for param in known
        .iter()
        .filter(|p| p.required && !params.contains_key(p.name))
    {
        let text = "property is missing and it is not optional";
        errors.insert(param.name.into(), text.into());
    }
    for (name, value) in params {
        let kind = match known.iter().find(|p| p.name == name) {
            Some(param) => Some(param.kind),
            None => more(name),
        };
        if let Some(kind) = kind {
            if let Err(text) = check(name, kind, value) {
                errors.insert(name.clone(), text.into());
            }
            continue;
        }
        if let Some(found) = further(name, value) {
            errors.extend(found.into_iter().map(|(name, text)| (name, text.into())));
        } else {
            let text = "property is not defined in schema and the schema does not allow \
                        additional properties";
            errors.insert(name.clone(), text.into());
        }
    }
    errors
}

fn check(name: &str, kind: Kind, value: &Value) -> std::result::Result<(), String> {
    let got = match value {
        Value::Object(_) => "HASH".to_owned(),
        Value::Array(_) => "ARRAY".to_owned(),
        _ => text(value),
    };
    let mismatch = |kind: &str| Err(format!("type check ('{kind}') failed - got '{got}'"));
    if matches!(kind, Kind::List) && value.is_array() {
        return Ok(());
    }
    if value.is_object() || value.is_array() {
        return Err(format!("type check ('string') failed - got {got}"));
    }
    match kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Format(check) => check(&got),
        Kind::Property(check) => check(name, &got),
        Kind::Number => match got.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(()),
            _ => mismatch("number"),
        },
        Kind::Bool if value.is_boolean() || got == "0" || got == "1" => Ok(()),
        Kind::Bool => mismatch("boolean"),
        Kind::Int { min } => match got.parse::<i64>() {
            Err(_) => mismatch("integer"),
            Ok(n) if n < min => Err(format!("value must have a minimum value of {min}")),
            Ok(_) => Ok(()),
        },
        Kind::Vmid => match got.parse::<u32>() {
            Err(_) => mismatch("integer"),
            Ok(100..=999_999_999) => Ok(()),
            Ok(_) => Err("invalid format - value does not look like a valid VM ID\n".into()),
        },
        Kind::Word(words) if words.contains(&got.as_str()) => Ok(()),
        Kind::Word(words) => Err(format!(
            "value '{got}' does not have a value in the enumeration '{}'",
            words.join(", ")
        )),
    }
}

/// Several values as a list: an array, or one text split at commas,
/// semicolons, spaces and NUL.
pub(super) fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => text(one)
            .split([',', ';', ' ', '\0'])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

/// A scalar as text: numbers may be sent as strings and the other way round.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "1".into(),
        Value::Bool(false) => "0".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_splits_at_semicolons_and_cuts_at_the_second_equals_sign() {
        let params = form("boot=order=scsi0;ide2&name=a+b%2Bc&x=1&x=2&flag");
        assert_eq!(params["boot"], "order");
        assert!(!params.contains_key("ide2"));
        assert_eq!(params["name"], "a b+c");
        assert_eq!(params["x"], serde_json::json!(["1", "2"]));
        assert!(!params.contains_key("flag"));
    }

    #[test]
    fn json_must_be_an_object() {
        assert_eq!(json(b"").unwrap_err().status, 500);
        assert!(json(b"[1]").unwrap_err().text.starts_with("Not a HASH"));
        assert_eq!(json(b"{\"a\":null,\"b\":1}").unwrap().len(), 1);
    }

    #[test]
    fn parameters_are_checked_with_the_servers_words() {
        let known = [required("vmid", Kind::Vmid), optional("on", Kind::Bool)];
        let error = |text: &str| match verify(&form(text), &known, |_| None).unwrap_err().body {
            super::super::answer::ErrorBody::Json { errors } => errors,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            error("vmid=abc")["vmid"],
            "type check ('integer') failed - got 'abc'"
        );
        assert_eq!(
            error("on=yes")["on"],
            "type check ('boolean') failed - got 'yes'"
        );
        assert_eq!(
            error("")["vmid"],
            "property is missing and it is not optional"
        );
        assert!(verify(&form("vmid=100&on=1"), &known, |_| None).is_ok());
    }
}
