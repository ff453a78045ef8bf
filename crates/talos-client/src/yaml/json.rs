//! Tree to JSON, for readers who want data and not spelling.

use serde_json::{Number, Value as Json};

use super::parse;
use super::value::{Kind, Scalar, Value};

/// The data of a text: its document, or a list of them when there are several.
/// Nothing for a text that is no YAML or too large to be one.
pub(crate) fn to_json(text: &str) -> Option<Json> {
    let mut documents = parse(text).ok()?.into_iter().map(|(_, value)| value);
    let first = documents.next()?;
    Some(match documents.next() {
        None => first.to_json(),
        Some(second) => [first, second]
            .into_iter()
            .chain(documents)
            .map(|document| document.to_json())
            .collect(),
    })
}

impl Value {
    /// The same as JSON: numbers and truth values are such, all else is text. Of
    /// numbers that JSON cannot hold (`.inf`, more than 64 bits) the spelling stays.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Scalar(scalar) => scalar_to_json(scalar),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_json()))
                .collect(),
        }
    }
}

fn scalar_to_json(scalar: &Scalar) -> Json {
    let text = scalar.text();
    match scalar.kind() {
        Kind::Null => Json::Null,
        Kind::Bool => match text {
            "true" | "True" | "TRUE" => Json::Bool(true),
            "false" | "False" | "FALSE" => Json::Bool(false),
            // Words of YAML 1.1, which Talos takes for text.
            _ => text.into(),
        },
        Kind::Number => number(text).map_or_else(|| text.into(), Json::Number),
        Kind::Text => text.into(),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.replace('_', "");
    let (negative, unsigned) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radix = |prefix, radix| {
        let rest = unsigned.strip_prefix(prefix)?;
        u64::from_str_radix(rest, radix).ok()
    };
    if let Some(value) = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
    {
        return if negative {
            i64::try_from(value).ok().map(|value| (-value).into())
        } else {
            Some(value.into())
        };
    }
    let whole = digits.parse::<u64>().map(Number::from);
    whole
        .or_else(|_| digits.parse::<i64>().map(Number::from))
        .ok()
        .or_else(|| {
            // What has a point or an exponent; a long integer would lose digits.
            let float = digits.contains(['.', 'e', 'E']).then_some(&digits)?;
            Number::from_f64(float.parse().ok()?)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_what_yaml_takes_them_for() {
        for (text, data) in [
            ("1500", json!(1500)),
            ("-1", json!(-1)),
            ("+7", json!(7)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1f", json!(31)),
            ("-0x10", json!(-16)),
            ("0o17", json!(15)),
            ("1_000", json!(1000)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("~", json!(null)),
            // Text, however it looks.
            ("'1500'", json!("1500")),
            ("yes", json!("yes")),
            ("12:30", json!("12:30")),
            ("2026-01-02", json!("2026-01-02")),
            ("bc:24:11:00:00:50", json!("bc:24:11:00:00:50")),
            ("172.16.1.50", json!("172.16.1.50")),
            // No JSON number.
            (".inf", json!(".inf")),
            (
                "123456789012345678901234567890",
                json!("123456789012345678901234567890"),
            ),
        ] {
            let document = format!("value: {text}");
            assert_eq!(to_json(&document), Some(json!({"value": data})), "{text}");
        }
    }

    #[test]
    fn documents_are_one_value_or_a_list() {
        assert_eq!(
            to_json("a: [1, {b: c}]"),
            Some(json!({"a": [1, {"b": "c"}]}))
        );
        assert_eq!(
            to_json("a: 1\n---\nb: 2\n"),
            Some(json!([{"a": 1}, {"b": 2}]))
        );
        assert_eq!(to_json(""), None);
        assert_eq!(to_json("a: ["), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}", scalar in "[-+0-9a-fxob._:eE]{0,12}") {
            let _ = (to_json(&text), to_json(&scalar));
        }
    }
}
