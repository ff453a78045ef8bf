//! Text to tree.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle};
use homelab_core::{Error, Location};

use super::value::{Map, Scalar, Value};

/// Nesting beyond this is no configuration. Also bounds recursion over the tree.
const MAX_DEPTH: usize = 64;
/// Values once aliases are expanded; a large machine configuration has a few thousand.
const MAX_VALUES: usize = 100_000;
/// A node refuses more than this.
const MAX_BYTES: usize = 32 << 20;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) message: String,
}

impl Bad {
    fn new(at: granit_parser::Marker, message: impl Into<String>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Bad {
            line: narrow(at.line()).max(1),
            column: narrow(at.col()).saturating_add(1),
            message: message.into(),
        }
    }

    pub(crate) fn into_error(self, file: &str) -> Error {
        let at = Location {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
        };
        Error::config(at, self.message)
    }
}

/// All documents of a text with the line on which each begins. Empty ones are
/// left out.
pub(crate) fn parse(text: &str) -> Result<Vec<(u32, Value)>, Bad> {
    if text.len() > MAX_BYTES {
        return Err(Bad {
            line: 1,
            column: 1,
            message: format!("{} bytes; the limit is {MAX_BYTES}", text.len()),
        });
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span.start)?,
            Err(error) => return Err(Bad::new(*error.marker(), error.info())),
        }
    }
    Ok(builder.documents)
}

type Mark = granit_parser::Marker;

#[derive(Default)]
struct Builder {
    documents: Vec<(u32, Value)>,
    open: Vec<Open>,
    /// Values that have an anchor, and how many values each holds.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

/// A collection that has begun and not ended.
struct Open {
    at: Mark,
    anchor: usize,
    /// What had been counted when it began.
    before: usize,
    items: Items,
}

enum Items {
    List(Vec<Value>),
    Map {
        pairs: Vec<(String, Value)>,
        seen: HashSet<String>,
        key: Option<String>,
    },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Mark) -> Result<(), Bad> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let plain = match tag {
                    None => plain,
                    Some(tag) if tag.suffix() == "str" => false,
                    Some(_) => return Err(Bad::new(at, "tags have no place here")),
                };
                self.count(at, 1)?;
                let value = Value::Scalar(Scalar::spelled(text.into_owned(), plain));
                self.finish(at, anchor, value, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Items::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let items = Items::Map {
                    pairs: Vec::new(),
                    seen: HashSet::new(),
                    key: None,
                };
                self.begin(at, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let weight = self.values.saturating_sub(open.before);
                let value = match open.items {
                    Items::List(items) => Value::List(items),
                    Items::Map { pairs, .. } => Value::Map(merged(pairs, open.at)?),
                };
                self.finish(open.at, open.anchor, value, weight)
            }
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some((value, weight)) => {
                    self.count(at, weight)?;
                    self.add(at, value)
                }
                None => Err(Bad::new(at, "this alias is inside the value it names")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Mark, anchor: usize, items: Items) -> Result<(), Bad> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Bad::new(at, format!("nested deeper than {MAX_DEPTH}")));
        }
        let before = self.values;
        self.count(at, 1)?;
        self.open.push(Open {
            at,
            anchor,
            before,
            items,
        });
        Ok(())
    }

    fn count(&mut self, at: Mark, more: usize) -> Result<(), Bad> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES {
            let message = format!("more than {MAX_VALUES} values once aliases are expanded");
            return Err(Bad::new(at, message));
        }
        Ok(())
    }

    fn finish(&mut self, at: Mark, anchor: usize, value: Value, weight: usize) -> Result<(), Bad> {
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), weight));
        }
        self.add(at, value)
    }

    fn add(&mut self, at: Mark, value: Value) -> Result<(), Bad> {
        match self.open.last_mut().map(|open| &mut open.items) {
            None if value.is_null() => {}
            None => self
                .documents
                .push((u32::try_from(at.line()).unwrap_or(u32::MAX).max(1), value)),
            Some(Items::List(items)) => items.push(value),
            Some(Items::Map { pairs, seen, key }) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => match value {
                    Value::Scalar(scalar) => {
                        let text = scalar.text().to_owned();
                        if !seen.insert(text.clone()) {
                            let message = format!("key `{text}` is written twice in one mapping");
                            return Err(Bad::new(at, message));
                        }
                        *key = Some(text);
                    }
                    _ => return Err(Bad::new(at, "a key must be plain text")),
                },
            },
        }
        Ok(())
    }
}

/// Resolves `<<`: what is written out wins over what is merged in, an earlier
/// merged mapping over a later one.
fn merged(pairs: Vec<(String, Value)>, at: Mark) -> Result<Map, Bad> {
    let mut map = Map::default();
    let mut sources = Vec::new();
    for (key, value) in pairs {
        match (key.as_str(), value) {
            ("<<", Value::List(items)) => sources.extend(items),
            ("<<", value) => sources.push(value),
            (_, value) => map.push(key, value),
        }
    }
    let mut known: HashSet<String> = map.iter().map(|(k, _)| k.to_owned()).collect();
    for source in sources {
        let Value::Map(more) = source else {
            return Err(Bad::new(at, "`<<` merges mappings and nothing else"));
        };
        for (key, value) in more {
            if known.insert(key.clone()) {
                map.push(key, value);
            }
        }
    }
    Ok(map)
}
