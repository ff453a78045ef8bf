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

    /// Checks an argument that travels in the path.
    ///
    /// # Errors
    /// `InvalidArgument` when it breaks `rule` or is empty.
    pub fn check_path<T: ParamValue>(name: &str, value: &T, rule: Rule) -> Result<()> {
        let text = value.to_text();
        // `.` and `..` would be resolved away by every URL library on the way.
        if text.is_empty() || text == "." || text == ".." {
            return Err(refused(name, format!("'{text}' cannot stand in a path")));
        }
        check(name, value, rule)
    }

    /// Adds a required parameter.
    ///
    /// # Errors
    /// `InvalidArgument` when it breaks `rule`.
    pub fn required<T: ParamValue>(
        &mut self,
        name: &'static str,
        value: &T,
        rule: Rule,
    ) -> Result<()> {
        check(name, value, rule)?;
        self.push(name, value.to_text());
        Ok(())
    }

    /// Adds a parameter if it is given.
    ///
    /// # Errors
    /// `InvalidArgument` when it breaks `rule`.
    pub fn optional<T: ParamValue>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
        rule: Rule,
    ) -> Result<()> {
        value.map_or(Ok(()), |value| self.required(name, value, rule))
    }

    /// Adds a parameter once for each value, the form of the API's arrays.
    ///
    /// # Errors
    /// `InvalidArgument` when a value breaks `rule`.
    pub fn repeated<T: ParamValue>(
        &mut self,
        name: &'static str,
        values: &[T],
        rule: Rule,
    ) -> Result<()> {
        values
            .iter()
            .try_for_each(|value| self.required(name, value, rule))
    }

    /// Adds `name0`, `name1`, … for an indexed family.
    ///
    /// # Errors
    /// `InvalidArgument` when an index is above `max` or a value breaks `rule`.
    pub fn indexed<T: ParamValue>(
        &mut self,
        name: &'static str,
        values: &std::collections::BTreeMap<u32, T>,
        max: u32,
        rule: Rule,
    ) -> Result<()> {
        for (index, value) in values {
            let key = format!("{name}{index}");
            if *index > max {
                return Err(refused(&key, format!("the last one is {name}{max}")));
            }
            check(&key, value, rule)?;
            self.push(key, value.to_text());
        }
        Ok(())
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
    utf8_percent_encode(&value.to_text(), ESCAPED).to_string()
}

/// What a value must be, beyond its type.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Anything.
    Any,
    /// A number from the first to the second, both included.
    Range(f64, f64),
    /// A text of at least and at most so many bytes.
    Length(usize, usize),
    /// A host name as cluster nodes have it.
    Node,
    /// An identifier: a letter, then letters, digits, `-`, `_`, `.`.
    Id,
}

fn check<T: ParamValue>(name: &str, value: &T, rule: Rule) -> Result<()> {
    let broken = match rule {
        Rule::Any => None,
        Rule::Range(min, max) => match value.to_number() {
            Some(n) if n >= min && n <= max => None,
            _ if max >= f64::MAX => Some(format!("must be at least {min}")),
            _ => Some(format!("must be from {min} to {max}")),
        },
        Rule::Length(min, max) => {
            let length = value.to_text().len();
            (length < min || length > max)
                .then(|| format!("must be {min} to {max} bytes long, not {length}"))
        }
        Rule::Node => {
            let text = value.to_text();
            let good = !text.is_empty()
                && !text.starts_with('-')
                && !text.ends_with('-')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (!good).then(|| format!("'{text}' is not a node name (letters, digits, inner '-')"))
        }
        Rule::Id => {
            let text = value.to_text();
            let good = text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
            (!good).then(|| {
                format!("'{text}' is not an identifier (a letter, then letters, digits, '-_.')")
            })
        }
    };
    broken.map_or(Ok(()), |why| Err(refused(name, why)))
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
    fn to_text(&self) -> String;

    /// As it comes from the wire; `None` when it is not of this type.
    fn from_text(text: &str) -> Option<Self>;

    /// The number, for types that are one.
    fn to_number(&self) -> Option<f64> {
        None
    }
}

impl ParamValue for bool {
    // Forms take only 1 and 0: `true` is refused.
    fn to_text(&self) -> String {
        if *self { "1" } else { "0" }.to_owned()
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
    fn to_text(&self) -> String {
        self.clone()
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl ParamValue for SecretString {
    fn to_text(&self) -> String {
        self.expose_secret().to_owned()
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(SecretString::from(text))
    }
}

/// A list that travels as one text, separated by commas.
impl ParamValue for Vec<String> {
    fn to_text(&self) -> String {
        self.join(",")
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(split_list(text))
    }
}

/// The items of a list in one text: separated by commas, semicolons or blanks,
/// or by NUL alone if there is one.
pub fn split_list(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains('\0') {
        text.split('\0').collect()
    } else {
        text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace())
            .collect()
    };
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl ParamValue for $type {
            fn to_text(&self) -> String {
                self.to_string()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "only compared with small bounds")]
            fn to_number(&self) -> Option<f64> {
                Some(*self as f64)
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
    fn rules_name_the_parameter_and_the_bound() {
        let error = Params::new()
            .required("vmid", &7u32, Rule::Range(100.0, 999_999_999.0))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            error.message(),
            "parameter vmid: must be from 100 to 999999999"
        );
        for bad in ["", "..", "a/b", "-x"] {
            assert!(Params::check_path("node", &bad.to_owned(), Rule::Node).is_err());
        }
    }

    #[test]
    fn an_index_beyond_the_family_is_refused() {
        let nets = [(32u32, "virtio".to_owned())].into_iter().collect();
        let error = Params::new()
            .indexed("net", &nets, 31, Rule::Any)
            .unwrap_err();
        assert_eq!(error.message(), "parameter net32: the last one is net31");
    }

    #[test]
    fn lists_split_as_the_server_splits_them() {
        assert_eq!(split_list("a,b;c d\te"), ["a", "b", "c", "d", "e"]);
        assert_eq!(split_list("a b\0c"), ["a b", "c"]);
        assert!(split_list(" ").is_empty());
    }
}
