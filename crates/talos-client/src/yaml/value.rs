//! The tree.

/// A YAML value that is written back as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, number, truth value or nothing, as it is spelled.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, in its order.
    Map(Map),
}

/// A scalar, as it is spelled.
#[derive(Clone, Debug)]
pub struct Scalar {
    text: String,
    plain: bool,
}

/// Two scalars are the same when they mean the same: `5` is not `"5"`, but
/// `"a"` is `a`.
impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && (self.kind() == Kind::Null || self.text == other.text)
    }
}

/// What YAML takes an unquoted text for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    Text,
}

impl Scalar {
    /// As it stands in a file: `plain` is without quotes.
    pub(crate) fn spelled(text: String, plain: bool) -> Self {
        Scalar { text, plain }
    }

    /// The spelling, without quotes.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.plain {
            kind_of(&self.text)
        } else {
            Kind::Text
        }
    }
}

pub(crate) fn kind_of(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        // The YAML 1.1 words too: readers disagree on them, quotes are certain.
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "yes" | "Yes" | "YES" | "no"
        | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" | "y" | "Y" | "n" | "N" => {
            Kind::Bool
        }
        _ if is_number(text) => Kind::Number,
        _ => Kind::Text,
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let radix = |prefix: &str, radix: u32| {
        digits.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix) || c == '_')
        })
    };
    if radix("0x", 16) || radix("0o", 8) || radix("0b", 2) {
        return true;
    }
    digits.matches('.').count() < 2
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().any(|c| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-' | '_' | ':'))
}

impl Value {
    /// Nothing.
    pub const fn null() -> Self {
        Value::Scalar(Scalar {
            text: String::new(),
            plain: true,
        })
    }

    /// A text; quoted where YAML would take it for something else.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Scalar(Scalar {
            text: text.into(),
            plain: false,
        })
    }

    /// A whole number.
    pub fn number(number: i64) -> Self {
        Value::Scalar(Scalar {
            text: number.to_string(),
            plain: true,
        })
    }

    /// A truth value.
    pub fn boolean(value: bool) -> Self {
        Value::Scalar(Scalar {
            text: value.to_string(),
            plain: true,
        })
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Scalar(s) if s.kind() == Kind::Null)
    }

    /// Whether it is the number 0, however spelled.
    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Value::Scalar(s) if s.kind() == Kind::Number
            && s.text.trim_start_matches(['-', '+']).chars().all(|c| matches!(c, '0' | '.' | 'x' | 'o' | 'b' | '_')))
    }

    /// The spelling of a scalar that is something.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Scalar(s) if s.kind() != Kind::Null => Some(&s.text),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// A whole number.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_str()?.parse().ok()
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The mapping.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value down a path of keys: `["machine", "network", "hostname"]`.
    pub fn path(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }
}

/// A mapping, in its order. Keys are texts and come once.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<(String, Value)>);

/// The order of keys carries no meaning.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl Map {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The value under a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Whether it has the key.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets a value: in its place when the key is there, at the end otherwise.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(there) => *there = value,
            None => self.0.push((key, value)),
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// Keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a pair at the end of a mapping that is known not to have the key.
    pub(crate) fn push(&mut self, key: String, value: Value) {
        self.0.push((key, value));
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Self {
        let mut map = Map::default();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
