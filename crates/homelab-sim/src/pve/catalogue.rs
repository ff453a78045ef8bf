//! All calls of the API as the schema describes them: which call a path means,
//! who may make it, which parameters it takes, where it runs.
//!
//! What is here knows nothing of what a call does.

use std::collections::HashMap;
use std::sync::LazyLock;

use proxmox_endpoints::describe::{self, Call as Described, Format, Kind, Param, Shape};
use proxmox_endpoints::{Method, Violation};
use serde_json::{Map, Value};

use super::answer::{ApiError, Result};
use super::formats::known_format;
use super::params::{self, Params};

/// A call, and the variable parts of its path.
pub(super) type Found = (&'static Described, Vec<(&'static str, String)>);

/// Variable parts that take the rest of a path: volumes have folders, networks
/// a prefix.
pub(super) const REST: &[&str] = &["volume", "cidr"];

/// The calls by method, in the order of the schema.
static BY_METHOD: LazyLock<HashMap<&'static str, Vec<&'static Described>>> = LazyLock::new(|| {
    let mut calls: HashMap<_, Vec<_>> = HashMap::new();
    for call in describe::calls() {
        calls.entry(word(call.method)).or_default().push(call);
    }
    calls
});

/// The method as it stands in a request.
pub(super) fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    }
}

/// The call that a path means. Fixed parts win over variable ones.
pub(super) fn find(method: &str, path: &str) -> Option<Found> {
    let calls = BY_METHOD.get(method)?;
    calls
        .iter()
        .filter_map(|call| Some((*call, matches(call.path, path)?)))
        .min_by_key(|(_, vars)| vars.len())
}

/// The description of a call by its own path.
pub(super) fn described(method: &str, path: &str) -> Option<&'static Described> {
    BY_METHOD
        .get(method)?
        .iter()
        .copied()
        .find(|c| c.path == path)
}

/// The variable parts of `path` if it is one of `template`'s.
pub(super) fn matches(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parts = path.split('/');
    let mut vars = Vec::new();
    for expected in template.split('/') {
        let part = parts.next()?;
        match variable(expected) {
            Some(name) if REST.contains(&name) && !part.is_empty() => {
                let rest = std::iter::once(part).chain(parts.by_ref());
                vars.push((name, rest.collect::<Vec<_>>().join("/")));
            }
            Some(name) if !part.is_empty() => vars.push((name, part.to_owned())),
            None if part == expected => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(vars)
}

/// The name of a variable part.
pub(super) fn variable(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// Checks parameters, those in the path included, against the schema.
pub(super) fn verify(call: &Described, given: &Params) -> Result<()> {
    let mut errors = Map::new();
    let mut said = |name: &str, text: String| {
        errors.entry(name.to_owned()).or_insert(text.into());
    };
    for (name, value) in given {
        match call.param(name) {
            Some(param) => check(name, param, value, &mut said),
            None if call.open => {}
            None => said(name, UNKNOWN.into()),
        }
        let needs = call.param(name).and_then(|param| param.needs);
        if let Some(other) = needs.filter(|other| !given.contains_key(*other)) {
            let text = format!("missing property - '{name}' requires this property");
            said(other, text);
        }
    }
    for param in call.params.iter().filter(|p| p.required) {
        let family = matches!(param.shape, Shape::Indexed(_));
        if !family && !given.contains_key(param.name) {
            said(param.name, MISSING.into());
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::params(errors))
    }
}

const UNKNOWN: &str =
    "property is not defined in schema and the schema does not allow additional properties";
const MISSING: &str = "property is missing and it is not optional";

/// What is wrong with the value of a parameter that a call does not name
/// itself, in the server's words; nothing when the schema has no such parameter.
pub(super) fn problem(
    call: &Described,
    name: &str,
    value: &Value,
) -> Option<Vec<(String, String)>> {
    let param = call.param(name)?;
    let mut found = Vec::new();
    check(name, param, value, &mut |name, text| {
        found.push((name.to_owned(), text));
    });
    Some(found)
}

fn check(name: &str, param: &Param, value: &Value, said: &mut impl FnMut(&str, String)) {
    match (param.shape, value) {
        (Shape::Array, Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                let name = format!("{name}[{at}]");
                if let Err(text) = check_one(&name, param, item) {
                    said(&name, text);
                }
            }
        }
        // One value is as good as a list of one.
        (Shape::Array, one) => {
            let name = format!("{name}[0]");
            if let Err(text) = check_one(&name, param, one) {
                said(&name, text);
            }
        }
        (Shape::List, value) => {
            for item in params::list(value) {
                if let Err(text) = check_one(name, param, &Value::String(item)) {
                    said(name, text);
                    return;
                }
            }
        }
        (_, one) => {
            if let Err(text) = check_one(name, param, one) {
                said(name, text);
            }
        }
    }
}

/// One value against its rule; the server's words when it breaks it.
fn check_one(name: &str, param: &Param, value: &Value) -> std::result::Result<(), String> {
    let text = match value {
        Value::Object(_) => return Err("type check ('string') failed - got HASH".into()),
        Value::Array(_) => return Err("type check ('string') failed - got ARRAY".into()),
        other => params::text(other),
    };
    if let Some(Format::Property(keys)) = param.format.and_then(describe::format) {
        return property(name, keys, &text)
            .map_err(|text| format!("invalid format - format error\n{text}\n"));
    }
    if let Some(format) = param.format
        && let Some(problem) = known_format(format, &text)
    {
        return problem;
    }
    param
        .check(&text)
        .map_err(|violation| words(param, &text, &violation))
}

/// A property string against its keys.
fn property(
    name: &str,
    keys: &'static [describe::PropertyKey],
    text: &str,
) -> std::result::Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let named = part.split_once('=');
        let found = named.and_then(|(key, value)| {
            let key = keys.iter().find(|k| k.param.name == key)?;
            Some((key, value))
        });
        let (key, value) = match (found, keys.iter().find(|k| k.default), named) {
            (Some(found), _, _) => found,
            (None, _, Some((key, _))) => return Err(format!("{name}.{key}: {UNKNOWN}")),
            (None, Some(default), None) => (default, part),
            (None, None, None) => {
                return Err("value without key, but schema does not define a default key".into());
            }
        };
        let real = key
            .alias
            .and_then(|real| keys.iter().find(|k| k.param.name == real));
        let real = real.unwrap_or(key);
        seen.extend([Some(real.param.name), key.name_to].into_iter().flatten());
        let value = match (real.param.kind, value) {
            (Kind::Boolean, "on" | "yes" | "true") => "1",
            (Kind::Boolean, "off" | "no" | "false") => "0",
            (_, value) => value,
        };
        let path = format!("{name}.{}", real.param.name);
        check_one(&path, &real.param, &Value::String(value.to_owned()))
            .map_err(|text| format!("{path}: {text}"))?;
    }
    let missing = keys
        .iter()
        .filter(|key| key.param.required && key.alias.is_none())
        .find(|key| !seen.contains(&key.param.name));
    match missing {
        Some(key) => Err(format!("{name}.{}: {MISSING}", key.param.name)),
        None => Ok(()),
    }
}

/// What the server says about a value that breaks a rule.
fn words(param: &Param, text: &str, violation: &Violation) -> String {
    let kind = |kind: &Kind| match kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
    };
    match violation {
        Violation::Missing => MISSING.into(),
        Violation::Unknown => UNKNOWN.into(),
        Violation::Repeated => "type check ('string') failed - got ARRAY".into(),
        Violation::Type(wanted) => {
            format!("type check ('{}') failed - got '{text}'", kind(wanted))
        }
        Violation::TooSmall(min) => format!("value must have a minimum value of {min}"),
        Violation::TooLarge(max) => format!("value must have a maximum value of {max}"),
        Violation::TooShort(min) => format!("value must be at least {min} characters long"),
        Violation::TooLong(max) => format!("value may only be {max} characters long"),
        Violation::Pattern(_) => "value does not match the regex pattern".into(),
        Violation::Word(words) => format!(
            "value '{text}' does not have a value in the enumeration '{}'",
            words.join(", ")
        ),
        Violation::Needs(other) => {
            format!("missing property - '{other}' requires this property")
        }
        _ => format!(
            "invalid format - value does not look like a valid {}\n",
            param.format.unwrap_or("value")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(method: &str, path: &str, form: &str) -> Map<String, Value> {
        let (call, vars) = find(method, path).unwrap();
        let mut given = params::form(form);
        for (name, value) in vars {
            given.insert(name.into(), value.into());
        }
        match verify(call, &given) {
            Ok(()) => Map::new(),
            Err(error) => match error.body {
                super::super::answer::ErrorBody::Json { errors } => errors,
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn fixed_parts_win_over_variable_ones() {
        let path = |path: &str| find("GET", path).unwrap().0.path;
        assert_eq!(
            path("/cluster/ha/resources/vm:100"),
            "/cluster/ha/resources/{sid}"
        );
        assert_eq!(
            path("/nodes/a/hardware/pci/0000:00:02.0"),
            "/nodes/{node}/hardware/pci/{pci-id-or-mapping}"
        );
        let (_, vars) = find("GET", "/nodes/a/storage/s/content/s:iso/x.iso").unwrap();
        assert_eq!(vars.last().unwrap(), &("volume", "s:iso/x.iso".to_owned()));
        assert!(find("GET", "/nope").is_none());
        assert!(find("DELETE", "/version").is_none());
    }

    #[test]
    fn refusals_are_in_the_servers_words() {
        let map = "/cluster/mapping/dir";
        let e = errors("POST", map, "id=mapx");
        assert_eq!(e["map"], MISSING);
        let e = errors("PUT", "/cluster/mapping/dir/mapd", "map=path%3D%2Fx");
        assert_eq!(
            e["map[0]"],
            format!("invalid format - format error\nmap[0].node: {MISSING}\n")
        );
        let e = errors("POST", "/cluster/bulk-action/guest/start", "vms=x");
        assert_eq!(e["vms[0]"], "type check ('integer') failed - got 'x'");
        let e = errors(
            "POST",
            "/cluster/firewall/rules",
            "type=inward&action=ACCEPT",
        );
        assert_eq!(
            e["type"],
            "value 'inward' does not have a value in the enumeration 'in, out, forward, group'"
        );
        let e = errors(
            "POST",
            "/access/domains",
            "realm=ldap2&type=ldap&port=70000",
        );
        assert_eq!(e["port"], "value must have a maximum value of 65535");
        let e = errors("PUT", "/cluster/options", "migration=type%3Dplain&nosuch=x");
        assert_eq!(e["nosuch"], UNKNOWN);
        assert_eq!(
            e["migration"],
            "invalid format - format error\nmigration.type: value 'plain' does not have a value \
             in the enumeration 'secure, insecure'\n"
        );
    }
}
