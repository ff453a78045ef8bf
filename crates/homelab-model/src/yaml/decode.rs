//! Tree to values: each conversion says what it wanted and where it stood.

use std::cell::RefCell;
use std::rc::Rc;

use homelab_core::{Error, Location, Result, nearest};

use super::{Mark, Node, Value, parse};
use crate::inventory::Warning;

/// What is wrong, and where in the text.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) at: Mark,
    pub(crate) message: String,
}

impl Bad {
    pub(crate) fn new(at: Mark, message: impl Into<String>) -> Bad {
        Bad {
            at,
            message: message.into(),
        }
    }
}

/// One file being read: its name for messages, how places in the parsed text
/// map back to places in the file, and the warnings so far.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    place: Box<dyn Fn(Mark) -> Mark + 'a>,
    warnings: RefCell<Vec<Warning>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str) -> Source<'a> {
        Source::mapped(file, |mark| mark)
    }

    pub(crate) fn mapped(file: &'a str, place: impl Fn(Mark) -> Mark + 'a) -> Source<'a> {
        Source {
            file,
            place: Box::new(place),
            warnings: RefCell::default(),
        }
    }

    pub(crate) fn at(&self, mark: Mark) -> Location {
        let mark = (self.place)(mark);
        Location {
            file: self.file.to_owned(),
            line: mark.line,
            column: mark.column,
        }
    }

    pub(crate) fn error(&self, bad: Bad) -> Error {
        Error::config(self.at(bad.at), bad.message)
    }

    pub(crate) fn warn(&self, at: Mark, message: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning {
            location: self.at(at),
            message: message.into(),
        });
    }

    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        self.warnings.into_inner()
    }

    /// The file's one document.
    pub(crate) fn document(&self, text: &str) -> Result<Rc<Node>> {
        let documents = parse(text).map_err(|bad| self.error(bad))?;
        let mut documents = documents.into_iter();
        let Some(first) = documents.next() else {
            return Err(self.error(Bad::new(Mark::START, "the file is empty")));
        };
        match documents.next() {
            None => Ok(first),
            Some(second) => Err(self.error(Bad::new(
                second.at,
                "a second YAML document begins here; one is expected",
            ))),
        }
    }

    /// Starts reading a mapping. `what` names it in messages, such as "a host".
    pub(crate) fn fields<'n>(&'n self, node: &'n Node, what: &'n str) -> Result<Fields<'n>> {
        match &node.value {
            Value::Mapping(_) => Ok(Fields {
                source: self,
                node,
                what,
                known: Vec::new(),
            }),
            _ => Err(self.error(Bad::new(
                node.at,
                format!("{what} must be a mapping, not {}", node.describe()),
            ))),
        }
    }
}

/// The keys of one mapping being read. Every key asked for becomes a known
/// one; [`finish`](Fields::finish) warns about the rest.
pub(crate) struct Fields<'n> {
    source: &'n Source<'n>,
    node: &'n Node,
    what: &'n str,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(crate) fn location(&self) -> Location {
        self.source.at(self.node.at)
    }

    /// The value under a key; a null value counts as absent.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.shared(key).map(Rc::as_ref)
    }

    /// The same, to be kept.
    pub(crate) fn shared(&mut self, key: &'static str) -> Option<&'n Rc<Node>> {
        self.known.push(key);
        self.node.get(key).filter(|value| !value.is_null())
    }

    /// The converted value under a key, if it is there.
    pub(crate) fn opt<T>(
        &mut self,
        key: &'static str,
        convert: impl FnOnce(&'n Node) -> Result<T, Bad>,
    ) -> Result<Option<T>> {
        let Some(value) = self.node(key) else {
            return Ok(None);
        };
        convert(value).map(Some).map_err(|bad| {
            self.source
                .error(Bad::new(bad.at, format!("{key}: {}", bad.message)))
        })
    }

    /// The converted value under a key that must be there.
    pub(crate) fn req<T>(
        &mut self,
        key: &'static str,
        convert: impl FnOnce(&'n Node) -> Result<T, Bad>,
    ) -> Result<T> {
        match self.opt(key, convert)? {
            Some(value) => Ok(value),
            None => Err(self.missing(key, format!("{} needs the key `{key}`", self.what))),
        }
    }

    /// The error for a key that must be there. A slip of the key explains it
    /// better than its absence does.
    pub(crate) fn missing(&self, key: &'static str, message: impl Into<String>) -> Error {
        let slip = match &self.node.value {
            Value::Mapping(entries) => entries.iter().find(|entry| {
                let written = entry.key.as_str();
                !self.known.contains(&written) && nearest(written, [key]).is_some()
            }),
            _ => None,
        };
        self.source.error(match slip {
            Some(entry) => Bad::new(
                entry.key_at,
                format!(
                    "{} has no key `{}`; did you mean `{key}`?",
                    self.what, entry.key
                ),
            ),
            None => Bad::new(self.node.at, message.into()),
        })
    }

    /// The items of a list under a key; empty when absent.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<&'n [Rc<Node>]> {
        Ok(self.opt(key, items)?.unwrap_or(&[]))
    }

    /// Every item of a list under a key, converted.
    pub(crate) fn each<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&'n Node) -> Result<T, Bad>,
    ) -> Result<Vec<T>> {
        let list = |node: &'n Node| items(node)?.iter().map(|item| convert(item)).collect();
        Ok(self.opt(key, list)?.unwrap_or_default())
    }

    /// Declares keys that are right but of no interest here.
    pub(crate) fn ignore(&mut self, keys: &[&'static str]) {
        self.known.extend_from_slice(keys);
    }

    /// Warns about every key that nobody asked for.
    pub(crate) fn finish(self) {
        let Value::Mapping(entries) = &self.node.value else {
            return;
        };
        for entry in entries {
            let key = entry.key.as_str();
            // `x-…` is the usual place for anchors and private notes.
            if self.known.contains(&key) || key.starts_with("x-") {
                continue;
            }
            let hint = match nearest(key, self.known.iter().copied()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            self.source.warn(
                entry.key_at,
                format!("{} has no key `{key}`{hint}", self.what),
            );
        }
    }
}

/// The items of a list.
pub(crate) fn items(node: &Node) -> Result<&[Rc<Node>], Bad> {
    match &node.value {
        Value::Sequence(items) => Ok(items),
        _ => Err(Bad::new(
            node.at,
            format!("expected a list, got {}", node.describe()),
        )),
    }
}
