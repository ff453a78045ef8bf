//! Text to tree.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::Bad;

/// Nesting beyond this is no lab file. Also bounds recursion over the tree.
const MAX_DEPTH: usize = 64;
/// A lab with 1,000 nodes has about 30,000; a bomb has billions.
const MAX_NODES: usize = 200_000;
/// Four MiB of text.
const MAX_BYTES: usize = 4 << 20;

/// A place in a text: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Mark {
    pub(crate) const START: Mark = Mark { line: 1, column: 1 };

    fn of(marker: granit_parser::Marker) -> Mark {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark {
            line: narrow(marker.line()).max(1),
            column: narrow(marker.col()).saturating_add(1),
        }
    }
}

/// A value and where it stands. An aliased value stands where it is defined.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Mark,
    pub(crate) value: Value,
    /// Nodes in it, aliases counted as often as they are used.
    weight: usize,
}

#[derive(Debug)]
pub(crate) enum Value {
    /// Text, and whether it is written without quotes (only then `~` or nothing is null).
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Mark,
    pub(crate) value: Rc<Node>,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } if text.chars().count() > 40 => {
                format!("`{}…`", text.chars().take(40).collect::<String>())
            }
            Value::Scalar { text, .. } => format!("`{text}`"),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The value under a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    /// The value down a path of keys.
    pub(crate) fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter()
            .try_fold(self, |node, key| node.get(key).map(Rc::as_ref))
    }
}

/// All documents of a text. Empty documents are left out.
pub(crate) fn parse(text: &str) -> Result<Vec<Rc<Node>>, Bad> {
    if text.len() > MAX_BYTES {
        return Err(Bad::new(
            Mark::START,
            format!(
                "the file has {} bytes; the limit is {MAX_BYTES}",
                text.len()
            ),
        ));
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => return Err(Bad::new(Mark::of(*error.marker()), error.info())),
        }
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: usize,
}

/// A collection that has begun and not ended.
struct Open {
    at: Mark,
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Rc<Node>>),
    Mapping {
        entries: Vec<Entry>,
        key: Option<(String, Mark)>,
    },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Bad> {
        let at = Mark::of(span.start);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.finish(at, anchor, value, 1)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(at, anchor, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                let items = Items::Mapping {
                    entries: Vec::new(),
                    key: None,
                };
                self.begin(at, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                match open.items {
                    Items::Sequence(items) => {
                        let weight = 1 + items.iter().map(|n| n.weight).sum::<usize>();
                        self.finish(open.at, open.anchor, Value::Sequence(items), weight)
                    }
                    Items::Mapping { entries, .. } => {
                        let entries = merge(entries)?;
                        let weight = 1 + entries.iter().map(|e| e.value.weight).sum::<usize>();
                        self.finish(open.at, open.anchor, Value::Mapping(entries), weight)
                    }
                }
            }
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) => {
                    self.count(at, node.weight)?;
                    self.add(at, node)
                }
                // The parser refuses aliases without anchor, so the anchor is still open.
                None => Err(Bad::new(at, "this alias is inside the value it names")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Mark, anchor: usize, items: Items) -> Result<(), Bad> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Bad::new(at, format!("nested deeper than {MAX_DEPTH}")));
        }
        self.open.push(Open { at, anchor, items });
        Ok(())
    }

    fn finish(&mut self, at: Mark, anchor: usize, value: Value, weight: usize) -> Result<(), Bad> {
        self.count(at, 1)?;
        let node = Rc::new(Node { at, value, weight });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(at, node)
    }

    fn count(&mut self, at: Mark, more: usize) -> Result<(), Bad> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values once aliases are expanded");
            return Err(Bad::new(at, message));
        }
        Ok(())
    }

    fn add(&mut self, at: Mark, node: Rc<Node>) -> Result<(), Bad> {
        match self.open.last_mut().map(|open| &mut open.items) {
            None if node.is_null() => {}
            None => self.documents.push(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping { entries, key }) => match key.take() {
                Some((key, key_at)) => entries.push(Entry {
                    key,
                    key_at,
                    value: node,
                }),
                None => match &node.value {
                    Value::Scalar { text, .. } => *key = Some((text.clone(), at)),
                    _ => return Err(Bad::new(at, "a key must be plain text")),
                },
            },
        }
        Ok(())
    }
}

/// Refuses duplicate keys and resolves `<<`: what is written out wins over
/// what is merged in, an earlier merged mapping over a later one.
fn merge(entries: Vec<Entry>) -> Result<Vec<Entry>, Bad> {
    let mut seen: BTreeMap<String, Mark> = BTreeMap::new();
    for entry in &entries {
        if let Some(first) = seen.insert(entry.key.clone(), entry.key_at) {
            return Err(Bad::new(
                entry.key_at,
                format!(
                    "key `{}` is written twice in one mapping; the first is on line {}",
                    entry.key, first.line
                ),
            ));
        }
    }
    if !seen.contains_key("<<") {
        return Ok(entries);
    }
    let mut merged = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.key != "<<" {
            merged.push(entry);
            continue;
        }
        let single = std::slice::from_ref(&entry.value);
        let sources = match &entry.value.value {
            Value::Sequence(items) => items.as_slice(),
            _ => single,
        };
        for source in sources {
            let Value::Mapping(more) = &source.value else {
                let message = format!("`<<` merges mappings, not {}", source.describe());
                return Err(Bad::new(entry.key_at, message));
            };
            for entry in more {
                if !seen.contains_key(&entry.key) {
                    seen.insert(entry.key.clone(), entry.key_at);
                    merged.push(entry.clone());
                }
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
        match &node.path(path).expect("path").value {
            Value::Scalar { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn aliases_merges_and_repeated_anchors() {
        let yaml = "a: &x {k: 1, m: 2}\nb: &x {k: 3}\nc: *x\nd:\n  <<: *x\n  m: 9\n";
        let docs = parse(yaml).unwrap();
        assert_eq!(text(&docs[0], &["c", "k"]), "3", "the later anchor wins");
        assert_eq!(text(&docs[0], &["d", "k"]), "3");
        assert_eq!(text(&docs[0], &["d", "m"]), "9");
        assert_eq!(
            docs[0].path(&["d", "k"]).unwrap().at,
            Mark {
                line: 2,
                column: 11
            }
        );
    }

    #[test]
    fn duplicate_keys_name_both_lines() {
        let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.at, Mark { line: 3, column: 1 });
        assert!(
            error.message.contains("first is on line 1"),
            "{}",
            error.message
        );
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let bomb = |n: usize| {
            let alias = format!("*a{}", n - 1);
            format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(", "))
        };
        let yaml = format!("a0: &a0 [x, x]\n{}", (1..30).map(bomb).collect::<String>());
        assert!(parse(&yaml).unwrap_err().message.contains("aliases"));
        let merge = |n: usize| format!("m{n}: &m{n} {{<<: *m{}}}\n", n - 1);
        let merges: String = (1..200_000).map(merge).collect();
        assert!(parse(&format!("m0: &m0 {{k: v}}\n{merges}")).is_err());
    }

    #[test]
    fn deep_nesting_is_refused_not_a_stack_overflow() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
        assert!(parse(&"{a: ".repeat(100_000)).is_err());
    }

    #[test]
    fn a_value_cannot_contain_itself() {
        assert!(parse("a: &a [*a]").is_err());
    }
}
