//! What `expect` may say about a value.
//!
//! An object fits when each of its keys fits; other keys do not matter. A list
//! fits item by item. Everything else must be equal. An object whose keys
//! start with `$` asks for more: see [`mismatch`].

use serde_json::Value;

/// Why `value` does not fit `pattern`; `None` when it does.
///
/// | key | the value |
/// |---|---|
/// | `$contains` | is text with this part |
/// | `$ends` | is text with this end |
/// | `$some` | is a list with an item that fits |
/// | `$every` | is a list whose items all fit |
/// | `$count` | is a list of this length |
/// | `$at_least` | is a number not below this |
/// | `$one_of` | equals one of these |
pub fn mismatch(pattern: &Value, value: &Value, at: &str) -> Option<String> {
    match pattern {
        Value::Object(keys) if keys.keys().any(|k| k.starts_with('$')) => keys
            .iter()
            .find_map(|(key, wanted)| special(key, wanted, value, at)),
        Value::Object(keys) => keys.iter().find_map(|(key, wanted)| {
            let place = format!("{at}.{key}");
            match value.get(key) {
                Some(found) => mismatch(wanted, found, &place),
                None => Some(format!("{place} is missing in {value}")),
            }
        }),
        Value::Array(wanted) => match value.as_array() {
            Some(found) if found.len() == wanted.len() => {
                let pairs = wanted.iter().zip(found).enumerate();
                pairs
                    .into_iter()
                    .find_map(|(i, (w, f))| mismatch(w, f, &format!("{at}[{i}]")))
            }
            _ => Some(format!("{at} should be {} items: {value}", wanted.len())),
        },
        _ if pattern == value => None,
        _ => Some(format!("{at} should be {pattern}: {value}")),
    }
}

fn special(key: &str, wanted: &Value, value: &Value, at: &str) -> Option<String> {
    let text = (wanted.as_str().unwrap_or_default(), value.as_str());
    let items = value.as_array();
    let fits = match key {
        "$contains" => text.1.is_some_and(|t| t.contains(text.0)),
        "$ends" => text.1.is_some_and(|t| t.ends_with(text.0)),
        "$some" => items.is_some_and(|i| i.iter().any(|v| mismatch(wanted, v, at).is_none())),
        "$every" => items.is_some_and(|i| i.iter().all(|v| mismatch(wanted, v, at).is_none())),
        "$count" => items.map(Vec::len) == wanted.as_u64().and_then(|n| usize::try_from(n).ok()),
        "$at_least" => value.as_f64() >= wanted.as_f64(),
        "$one_of" => wanted.as_array().is_some_and(|w| w.contains(value)),
        _ => return Some(format!("{at}: unknown pattern {key}")),
    };
    (!fits).then(|| format!("{at} should fit {key} {wanted}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(pattern: &Value, value: &Value) -> bool {
        mismatch(pattern, value, "it").is_none()
    }

    #[test]
    fn patterns() {
        assert!(fits(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!fits(&json!({"a": 1}), &json!({"b": 2})));
        assert!(fits(
            &json!({"$some": {"a": 1}}),
            &json!([{"a": 2}, {"a": 1}])
        ));
        assert!(!fits(
            &json!({"$every": {"a": 1}}),
            &json!([{"a": 2}, {"a": 1}])
        ));
        assert!(fits(&json!({"$count": 2, "$some": 1}), &json!([1, 2])));
        assert!(fits(&json!({"$contains": "ell"}), &json!("hello")));
        assert!(fits(&json!({"$at_least": 2}), &json!(2)));
        assert!(!fits(&json!({"$nonsense": 2}), &json!(2)));
        assert!(!fits(&json!([1]), &json!([1, 2])));
    }
}
