//! The YAML form of a spec. Block style, keys in the order given, as Go's
//! encoder writes them.

use std::fmt::Write;

use serde_json::Value;

/// `value` as a YAML document.
pub(super) fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(&mut text, value, 0),
        Value::Array(list) if !list.is_empty() => block(&mut text, value, 0),
        scalar => {
            let _ = writeln!(text, "{}", inline(scalar));
        }
    }
    text
}

fn block(text: &mut String, value: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let _ = write!(text, "{pad}{key}:");
                below(text, value, indent + 4);
            }
        }
        Value::Array(list) => {
            for item in list {
                if is_block(item) {
                    // The first line of the item follows the dash.
                    let mut inner = String::new();
                    block(&mut inner, item, indent + 2);
                    let _ = write!(text, "{pad}- {}", inner.trim_start());
                } else {
                    let _ = writeln!(text, "{pad}- {}", inline(item));
                }
            }
        }
        scalar => {
            let _ = writeln!(text, "{pad}{}", inline(scalar));
        }
    }
}

fn below(text: &mut String, value: &Value, indent: usize) {
    if is_block(value) {
        text.push('\n');
        block(text, value, indent);
    } else {
        let _ = writeln!(text, " {}", inline(value));
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) if is_plain(s) => s.clone(),
        // A JSON string is a double-quoted YAML scalar.
        Value::String(_) => value.to_string(),
        Value::Array(_) => "[]".into(),
        Value::Object(_) => "{}".into(),
    }
}

/// Whether a string stays a string when written without quotes.
fn is_plain(s: &str) -> bool {
    let plain_start = s.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let special = matches!(
        s.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    let mut parts = s.split(':');
    // Two groups of digits around a colon would be a number in base 60.
    let sexagesimal = s.contains(':') && parts.all(|p| p.bytes().all(|b| b.is_ascii_digit()));
    let number = s.parse::<f64>().is_ok() || s.starts_with("0x") || s.starts_with("0o");
    plain_start
        && !special
        && !number
        && !sexagesimal
        && !s.contains(": ")
        && !s.contains(" #")
        && !s.ends_with(':')
        && !s.ends_with(' ')
        && !s.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_and_scalars() {
        let value = json!({
            "stage": "running",
            "empty": "",
            "id": "0012",
            "list": ["a", {"b": 1, "c": [true]}],
            "none": [],
        });
        assert_eq!(
            to_yaml(&value),
            "stage: running\nempty: \"\"\nid: \"0012\"\nlist:\n    - a\n    - b: 1\n      c:\n          - true\nnone: []\n"
        );
        assert_eq!(to_yaml(&json!("controlplane")), "controlplane\n");
        assert_eq!(to_yaml(&json!("bc:24:11:62:66:6e")), "bc:24:11:62:66:6e\n");
        assert_eq!(to_yaml(&json!("10:20")), "\"10:20\"\n");
    }
}
