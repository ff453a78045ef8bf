//! [`PerNode`]: the result of asking several nodes the same thing.

use crate::{Error, Result};

/// One answer or one error for each node asked, in the order asked.
///
/// A node that failed never hides the others, and none is ever missing.
///
/// ```
/// use homelab_core::{Error, ErrorKind, PerNode};
///
/// let asked = PerNode::from(vec![
///     ("172.16.1.50".to_owned(), Ok("v1.12.1")),
///     ("172.16.1.51".to_owned(), Err(Error::new(ErrorKind::Unavailable, "node is down"))),
/// ]);
/// assert_eq!(asked.answers().count(), 1);
/// assert_eq!(asked.failures().count(), 1);
/// assert_eq!(asked.get("172.16.1.50").unwrap().as_ref().unwrap(), &"v1.12.1");
/// ```
#[derive(Debug)]
pub struct PerNode<T> {
    entries: Vec<(String, Result<T>)>,
}

impl<T> PerNode<T> {
    /// How many nodes were asked.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no node was asked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every node with its result, in the order asked.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Result<T>)> {
        self.entries
            .iter()
            .map(|(node, result)| (node.as_str(), result))
    }

    /// The nodes that answered.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &T)> {
        self.iter()
            .filter_map(|(node, result)| result.as_ref().ok().map(|answer| (node, answer)))
    }

    /// The nodes that did not.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.iter()
            .filter_map(|(node, result)| result.as_ref().err().map(|error| (node, error)))
    }

    /// The result of one node, `None` if it was not asked.
    pub fn get(&self, node: &str) -> Option<&Result<T>> {
        self.entries
            .iter()
            .find(|(n, _)| n == node)
            .map(|(_, result)| result)
    }

    /// The same nodes with each answer mapped.
    pub fn map<U>(self, mut f: impl FnMut(&str, T) -> U) -> PerNode<U> {
        self.entries
            .into_iter()
            .map(|(node, result)| {
                let r = result.map(|t| f(&node, t));
                (node, r)
            })
            .collect()
    }

    /// All answers, or an error of kind `PartialFailure` that holds every node's failure.
    pub fn into_result(self) -> Result<Vec<(String, T)>> {
        let asked = self.entries.len();
        let mut answers = Vec::with_capacity(asked);
        let mut failures = Vec::new();
        for (node, result) in self.entries {
            match result {
                Ok(answer) => answers.push((node, answer)),
                Err(error) => failures.push((node, error)),
            }
        }
        if failures.is_empty() {
            return Ok(answers);
        }
        let names: Vec<_> = failures.iter().map(|(node, _)| node.as_str()).collect();
        Err(Error::partial(
            format!(
                "{} of {asked} nodes failed: {}",
                failures.len(),
                names.join(", ")
            ),
            failures,
        ))
    }
}

impl<T> From<Vec<(String, Result<T>)>> for PerNode<T> {
    fn from(entries: Vec<(String, Result<T>)>) -> Self {
        PerNode { entries }
    }
}

impl<T> FromIterator<(String, Result<T>)> for PerNode<T> {
    fn from_iter<I: IntoIterator<Item = (String, Result<T>)>>(iter: I) -> Self {
        PerNode {
            entries: iter.into_iter().collect(),
        }
    }
}

impl<T> IntoIterator for PerNode<T> {
    type Item = (String, Result<T>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn into_result_names_who_failed() {
        let asked: PerNode<u8> = [
            ("a".to_owned(), Ok(1)),
            ("b".to_owned(), Err(Error::new(ErrorKind::Timeout, "slow"))),
        ]
        .into_iter()
        .collect();
        let error = asked.into_result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PartialFailure);
        assert_eq!(error.message(), "1 of 2 nodes failed: b");
        assert_eq!(error.failures()[0].1.kind(), ErrorKind::Timeout);
    }
}
