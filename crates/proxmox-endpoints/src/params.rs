//! Parameters on their way to the wire, checked against their rules.

use std::borrow::Cow;
use std::fmt;

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays readable in paths and forms. Everything else is escaped: the
/// server splits forms at `;` as well as at `&` and cuts values at a second `=`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The parameters of a call, in order. `Debug` shows names only: a value may be a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(Cow<'static, str>, String)>);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Params::default()
    }

    /// Adds a parameter as it is.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), v.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a query string or form body: `limit=5&typefilter=qmstart`.
    pub fn to_query(&self) -> String {
        let mut out = String::new();
        for (name, value) in self.iter() {
            if !out.is_empty() {
                out.push('&');
            }
            out.extend(utf8_percent_encode(name, ESCAPED));
            out.push('=');
            out.extend(utf8_percent_encode(value, ESCAPED));
        }
        out
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(k, _)| k))
            .finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        Params(
            iter.into_iter()
                .map(|(k, v)| (Cow::Owned(k.into()), v.into()))
                .collect(),
        )
    }
}

/// A path segment, escaped.
pub fn segment<T: ParamValue>(value: &T) -> String {
    escape(&value.to_text())
}

/// A text, escaped as a path segment.
pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// What an argument of a path must be, for paths that are put together by hand.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A number from the first to the second, both included.
    Range(f64, f64),
    /// A host name as cluster nodes have it.
    Node,
    /// An identifier: a letter, then letters, digits, `-`, `_`, `.`.
    Id,
}

impl Params {
    /// Checks an argument that travels in the path.
    ///
    /// # Errors
    /// `InvalidArgument` when it breaks `rule` or is empty.
    pub fn check_path<T: ParamValue>(name: &str, value: &T, rule: Rule) -> Result<()> {
        let text = value.to_text();
        let good = match rule {
            Rule::Range(min, max) => text.parse::<f64>().is_ok_and(|n| n >= min && n <= max),
            Rule::Node => crate::check::has_format("pve-node", &text).is_ok(),
            Rule::Id => {
                text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            }
        };
        if good {
            return Ok(());
        }
        Err(refused(
            name,
            match rule {
                Rule::Range(min, max) => format!("'{text}' must be from {min} to {max}"),
                Rule::Node => format!("'{text}' is not a node name (letters, digits, inner '-')"),
                Rule::Id => {
                    format!("'{text}' is not an identifier (a letter, then letters, digits, '-_.')")
                }
            },
        ))
    }
}

/// An `InvalidArgument` error about one parameter.
pub(crate) fn refused(name: &str, why: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("parameter {name}: {why}"),
    )
}

/// A type that a parameter can have.
pub trait ParamValue: Sized {
    /// As it goes over the wire.
    fn to_text(&self) -> Cow<'_, str>;

    /// As it comes from the wire; `None` when it is not of this type.
    fn from_text(text: &str) -> Option<Self>;

    /// The value itself, for types that are texts.
    fn plain_text(&self) -> Option<&str> {
        None
    }
}

impl ParamValue for bool {
    // Forms take only 1 and 0: `true` is refused.
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(if *self { "1" } else { "0" })
    }

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "1" | "true" | "on" | "yes" => Some(true),
            "0" | "false" | "off" | "no" => Some(false),
            _ => None,
        }
    }
}

impl ParamValue for String {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn plain_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl ParamValue for SecretString {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.expose_secret())
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(SecretString::from(text))
    }
}

/// The items of a list in one text: separated by commas, semicolons or blanks,
/// or by NUL alone if there is one.
pub fn split_list(text: &str) -> Vec<String> {
    let by_nul = text.contains('\0');
    let separates = |c: char| match c {
        '\0' => true,
        ',' | ';' => !by_nul,
        other => !by_nul && other.is_whitespace(),
    };
    let mut items = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(separates).unwrap_or(rest.len());
        let (item, behind) = rest.split_at(end);
        if !item.is_empty() {
            items.push(item.to_owned());
        }
        let mut behind = behind.chars();
        if behind.next().is_none() {
            return items;
        }
        rest = behind.as_str();
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl ParamValue for $type {
            fn to_text(&self) -> Cow<'_, str> {
                Cow::Owned(self.to_string())
            }

            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )+};
}
numbers!(u32, u64, i64, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_escape_what_the_server_would_split_at() {
        let params: Params = [("boot", "order=scsi0;ide2"), ("name", "a b+c%")]
            .into_iter()
            .collect();
        assert_eq!(
            params.to_query(),
            "boot=order%3Dscsi0%3Bide2&name=a%20b%2Bc%25"
        );
        assert_eq!(format!("{params:?}"), r#"["boot", "name"]"#);
    }

    #[test]
    fn lists_split_as_the_server_splits_them() {
        assert_eq!(split_list("a,b;c d\te"), ["a", "b", "c", "d", "e"]);
        assert_eq!(split_list("a b\0c"), ["a b", "c"]);
        assert!(split_list(" ").is_empty());
    }
}
