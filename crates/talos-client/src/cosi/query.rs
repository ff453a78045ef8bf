//! Which resources: by label, by id.

use std::str::FromStr;

use homelab_core::{Error, ErrorKind, Sent};
use talos_proto::cosi::resource as proto;
use talos_proto::cosi::resource::label_term::Operation;

/// Conditions on labels that must all hold.
///
/// ```
/// use talos_client::cosi::LabelQuery;
///
/// let query = LabelQuery::new().equals("rack", "9").exists("ssd");
/// assert_eq!(query, "rack=9,ssd".parse().unwrap());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelQuery {
    terms: Vec<proto::LabelTerm>,
}

impl LabelQuery {
    /// No condition yet.
    pub fn new() -> Self {
        LabelQuery::default()
    }

    fn term(
        mut self,
        key: impl Into<String>,
        operation: Operation,
        value: Vec<String>,
        invert: bool,
    ) -> Self {
        self.terms.push(proto::LabelTerm {
            key: key.into(),
            op: operation.into(),
            value,
            invert,
        });
        self
    }

    /// The label is there.
    #[must_use]
    pub fn exists(self, key: impl Into<String>) -> Self {
        self.term(key, Operation::Exists, Vec::new(), false)
    }

    /// The label is not there.
    #[must_use]
    pub fn absent(self, key: impl Into<String>) -> Self {
        self.term(key, Operation::Exists, Vec::new(), true)
    }

    /// The label has this value.
    #[must_use]
    pub fn equals(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.term(key, Operation::Equal, vec![value.into()], false)
    }

    /// The label has another value, or is not there.
    #[must_use]
    pub fn differs(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.term(key, Operation::Equal, vec![value.into()], true)
    }

    /// The label has one of these values.
    #[must_use]
    pub fn one_of(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.term(key, Operation::In, values, false)
    }
}

/// `key`, `!key`, `key=value` and `key!=value`, with commas between them.
impl FromStr for LabelQuery {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut query = LabelQuery::new();
        for part in text.split(',').map(str::trim) {
            let (key, value, invert) = match part.split_once('=') {
                Some((key, value)) => match key.strip_suffix('!') {
                    Some(key) => (key, Some(value), true),
                    None => (key, Some(value.strip_prefix('=').unwrap_or(value)), false),
                },
                None => match part.strip_prefix('!') {
                    Some(key) => (key, None, true),
                    None => (part, None, false),
                },
            };
            let key = key.trim();
            if key.is_empty() || key.contains(['!', ' ']) {
                let message = format!(
                    "label query {text:?}: {part:?} is none of key, !key, key=value, key!=value"
                );
                return Err(Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No));
            }
            query = match (value, invert) {
                (None, false) => query.exists(key),
                (None, true) => query.absent(key),
                (Some(value), false) => query.equals(key, value.trim()),
                (Some(value), true) => query.differs(key, value.trim()),
            };
        }
        Ok(query)
    }
}

/// Which resources of a type to list. The default is all.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Conditions on labels; a resource that meets one of the queries is taken.
    pub labels: Vec<LabelQuery>,
    /// A regular expression that ids must match (Go's RE2 syntax).
    pub id_pattern: Option<String>,
}

impl ListOptions {
    /// Only resources that meet this query, or another one that was given.
    #[must_use]
    pub fn labels(mut self, query: LabelQuery) -> Self {
        self.labels.push(query);
        self
    }

    /// Only resources whose id matches this regular expression.
    #[must_use]
    pub fn id_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.id_pattern = Some(pattern.into());
        self
    }

    pub(super) fn to_proto(&self) -> Option<proto::ListOptions> {
        (!self.labels.is_empty() || self.id_pattern.is_some()).then(|| proto::ListOptions {
            label_query: label_queries(&self.labels),
            id_query: id_query(self.id_pattern.as_ref()),
        })
    }
}

pub(super) fn label_queries(queries: &[LabelQuery]) -> Vec<proto::LabelQuery> {
    let one = |query: &LabelQuery| proto::LabelQuery {
        terms: query.terms.clone(),
    };
    queries.iter().map(one).collect()
}

pub(super) fn id_query(pattern: Option<&String>) -> Option<proto::IdQuery> {
    pattern.map(|regexp| proto::IdQuery {
        regexp: regexp.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_built() {
        let built = LabelQuery::new()
            .exists("a")
            .absent("b")
            .equals("c", "1")
            .differs("d", "2");
        assert_eq!("a, !b,c=1,d!=2".parse::<LabelQuery>().unwrap(), built);
        assert_eq!(
            "c==1".parse::<LabelQuery>().unwrap(),
            LabelQuery::new().equals("c", "1")
        );
        for wrong in ["", "a,", "=1", "!", "a b", "!!a"] {
            let error = wrong.parse::<LabelQuery>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }
}
