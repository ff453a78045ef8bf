//! The types of both worlds, read from JSON Schema and from the manifest.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::text::strip_doc;

/// A type, as a parameter, a result or a field has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Nothing,
    String,
    Path,
    Bool,
    Int,
    Float,
    Json,
    Error,
    /// One of these words.
    OneOf(Vec<String>),
    /// A value type or a class.
    Named(String),
    List(Box<Type>),
    Map(Box<Type>),
    Option(Box<Type>),
    PerNode(Box<Type>),
}

/// A value type: plain data with a name.
pub(super) struct ValueType {
    pub(super) doc: String,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    Struct(Vec<Field>),
    /// Known words with their docs; `open` when servers may send others.
    Words {
        words: Vec<(String, String)>,
        open: bool,
    },
    Alias(Type),
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) ty: Type,
    /// Whether the key is always there.
    pub(super) required: bool,
}

/// Every value type, by name.
pub(super) type Values = BTreeMap<String, ValueType>;

/// Code and doc of every error kind, in order.
pub(super) type ErrorKinds = Vec<(String, String)>;

/// Types that the bindings write by hand.
const HANDWRITTEN: &[&str] = &["ErrorData"];

/// Reads what `homelab-schema` prints.
pub(super) fn read(schema: &str) -> Result<(Values, ErrorKinds), String> {
    let schema: Value = serde_json::from_str(schema).map_err(|e| e.to_string())?;
    let types = schema
        .get("types")
        .and_then(Value::as_object)
        .ok_or("schema without types")?;
    let mut values = Values::new();
    for (name, definition) in types {
        if !HANDWRITTEN.contains(&name.as_str()) {
            let value =
                ValueType::from_schema(definition).map_err(|e| format!("type {name}: {e}"))?;
            values.insert(name.clone(), value);
        }
    }
    let kinds = schema
        .get("error_kinds")
        .and_then(Value::as_object)
        .ok_or("schema without error_kinds")?
        .iter()
        .map(|(code, doc)| (code.clone(), strip_doc(doc.as_str().unwrap_or_default())))
        .collect();
    Ok((values, kinds))
}

impl Type {
    pub(super) fn nothing() -> Self {
        Type::Nothing
    }

    /// Reads the manifest's way to write a type: `string`, `Disk[]`, `map<string>?`,
    /// `PerNode<Version>`, `one_of(text, json)`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inner = |prefix: &str, end: char| text.strip_prefix(prefix)?.strip_suffix(end);
        if let Some(some) = text.strip_suffix('?') {
            return Ok(Type::Option(Box::new(Type::parse(some)?)));
        }
        if let Some(item) = text.strip_suffix("[]") {
            return Ok(Type::List(Box::new(Type::parse(item)?)));
        }
        if let Some(item) = inner("map<", '>') {
            return Ok(Type::Map(Box::new(Type::parse(item)?)));
        }
        if let Some(item) = inner("PerNode<", '>') {
            return Ok(Type::PerNode(Box::new(Type::parse(item)?)));
        }
        if let Some(words) = inner("one_of(", ')') {
            let words = words.split(',').map(|w| w.trim().to_owned()).collect();
            return Ok(Type::OneOf(words));
        }
        Ok(match text {
            "string" => Type::String,
            "path" => Type::Path,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "json" => Type::Json,
            name if name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric()) =>
            {
                Type::Named(name.to_owned())
            }
            _ => return Err(format!("unknown type {text}")),
        })
    }

    pub(super) fn is_option(&self) -> bool {
        matches!(self, Type::Option(_))
    }

    /// The names of value types and classes in it.
    pub(super) fn names(&self, names: &mut Vec<String>) {
        match self {
            Type::Named(name) => names.push(name.clone()),
            Type::List(t) | Type::Map(t) | Type::Option(t) | Type::PerNode(t) => t.names(names),
            _ => {}
        }
    }

    /// The name of a list's items, empty without one.
    pub(super) fn item_name(&self) -> &str {
        match self {
            Type::List(item) => item.inner_name(),
            _ => "",
        }
    }

    /// The name that an option or the type itself has, empty without one.
    pub(super) fn inner_name(&self) -> &str {
        match self {
            Type::Named(name) => name,
            Type::Option(t) => t.inner_name(),
            _ => "",
        }
    }

    fn from_schema(schema: &Value) -> Result<Self, String> {
        let Value::Object(map) = schema else {
            return Ok(Type::Json);
        };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            return Ok(named(reference));
        }
        if let Some(options) = alternatives(map) {
            let some: Vec<_> = options.iter().filter(|o| !is_null(o)).collect();
            return match some.as_slice() {
                [one] if some.len() < options.len() => {
                    Ok(Type::Option(Box::new(Type::from_schema(one)?)))
                }
                [one] => Type::from_schema(one),
                _ => Err(format!("a choice of several types: {schema}")),
            };
        }
        match map.get("type") {
            Some(Value::Array(types)) => {
                let mut one = map.clone();
                let name = types.iter().find(|t| t.as_str() != Some("null"));
                one.insert("type".into(), name.cloned().unwrap_or(Value::Null));
                Ok(Type::Option(Box::new(Type::from_schema(&one.into())?)))
            }
            Some(Value::String(name)) => Type::from_keyword(name, map),
            _ if map.keys().all(|k| k == "description" || k == "default") => Ok(Type::Json),
            _ => Err(format!("not understood: {schema}")),
        }
    }

    fn from_keyword(name: &str, map: &Map<String, Value>) -> Result<Self, String> {
        let item = |key: &str| {
            let inner = map.get(key).unwrap_or(&Value::Bool(true));
            Type::from_schema(inner).map(Box::new)
        };
        Ok(match name {
            "string" => Type::String,
            "boolean" => Type::Bool,
            "integer" => Type::Int,
            "number" => Type::Float,
            "array" => Type::List(item("items")?),
            "object" if !map.contains_key("properties") => Type::Map(item("additionalProperties")?),
            _ => return Err(format!("a nested {name}: give it a name")),
        })
    }
}

impl ValueType {
    fn from_schema(schema: &Value) -> Result<Self, String> {
        let map = schema.as_object().ok_or("not an object")?;
        let doc = doc_of(map);
        let shape = if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            let required = map.get("required").and_then(Value::as_array);
            let is_required =
                |name: &str| required.is_some_and(|r| r.iter().any(|n| n.as_str() == Some(name)));
            let field = |(name, schema): (&String, &Value)| {
                let ty = Type::from_schema(schema).map_err(|e| format!("field {name}: {e}"))?;
                Ok(Field {
                    name: name.clone(),
                    doc: schema.as_object().map(doc_of).unwrap_or_default(),
                    required: is_required(name) && !ty.is_option(),
                    ty,
                })
            };
            Shape::Struct(
                properties
                    .iter()
                    .map(field)
                    .collect::<Result<_, String>>()?,
            )
        } else if map.get("type").and_then(Value::as_str) == Some("object")
            && !map.contains_key("additionalProperties")
        {
            Shape::Struct(Vec::new())
        } else if let Some((words, open)) = words_of(map) {
            Shape::Words { words, open }
        } else {
            Shape::Alias(Type::from_schema(schema)?)
        };
        Ok(ValueType { doc, shape })
    }
}

/// The words of a string enum, and whether any other string may come.
fn words_of(map: &Map<String, Value>) -> Option<(Vec<(String, String)>, bool)> {
    if let Some(words) = map.get("enum").and_then(Value::as_array) {
        let words = words
            .iter()
            .filter_map(|w| Some((w.as_str()?.to_owned(), String::new())));
        return Some((words.collect(), false));
    }
    if let Some(word) = map.get("const").and_then(Value::as_str) {
        return Some((vec![(word.to_owned(), doc_of(map))], false));
    }
    let (mut words, mut open) = (Vec::new(), false);
    for option in alternatives(map)? {
        let option = option.as_object()?;
        if let Some((more, more_open)) = words_of(option) {
            words.extend(more);
            open |= more_open;
        } else if option.get("type").and_then(Value::as_str) == Some("string") {
            open = true;
        } else {
            return None;
        }
    }
    (!words.is_empty()).then_some((words, open))
}

fn alternatives(map: &Map<String, Value>) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf", "allOf"]
        .iter()
        .find_map(|key| map.get(*key)?.as_array())
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn named(reference: &str) -> Type {
    match reference.rsplit('/').next().unwrap_or_default() {
        "ErrorData" => Type::Error,
        name => Type::Named(name.to_owned()),
    }
}

fn doc_of(map: &Map<String, Value>) -> String {
    strip_doc(
        map.get("description")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )
}
