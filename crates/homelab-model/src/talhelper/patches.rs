//! Patches of machine configs: strategic merge and JSON patch (RFC 6902),
//! inline or in files, one or several documents. Only what rules need is read
//! out of them; they are not applied.

use std::rc::Rc;

use homelab_core::{Error, ErrorKind, Location, Result};

use super::envsubst::{Variables, substitute};
use crate::inventory::Read;
use crate::yaml::{Bad, Node, Source, Value, items, parse};

/// How patch files are reached.
pub(super) struct Files<'a> {
    pub(super) variables: &'a Variables,
    pub(super) read: &'a Read<'a>,
}

/// The patches of one scope (all nodes, a group, one node), in their order.
#[derive(Debug, Default)]
pub(super) struct Patches(Vec<Patch>);

/// One document of a patch.
#[derive(Debug)]
struct Patch {
    /// Where it was named or written, as precisely as is known.
    location: Location,
    content: Rc<Node>,
}

impl Patches {
    /// Adds the patches of one list: `@file` names, YAML texts, or (older) YAML itself.
    pub(super) fn add(
        &mut self,
        source: &Source<'_>,
        files: &Files<'_>,
        list: &[Rc<Node>],
    ) -> Result<()> {
        let mut operations = Vec::new();
        for node in list {
            match &node.value {
                Value::Scalar { text, .. } => self.add_text(source, files, node, text)?,
                // The older `configPatches` is itself a list of JSON patch operations.
                Value::Mapping(_) if node.get("op").is_some() => operations.push(Rc::clone(node)),
                _ => self.add_node(source.at(node.at), node),
            }
        }
        for operation in operations {
            self.add_node(source.at(operation.at), &operation);
        }
        Ok(())
    }

    pub(super) fn add_node(&mut self, location: Location, content: &Rc<Node>) {
        self.0.push(Patch {
            location,
            content: Rc::clone(content),
        });
    }

    fn add_text(
        &mut self,
        source: &Source<'_>,
        files: &Files<'_>,
        node: &Node,
        text: &str,
    ) -> Result<()> {
        let Some(path) = text.trim().strip_prefix('@') else {
            let documents = parse(text).map_err(|bad| {
                // A place inside a quoted text has no exact place in the file.
                source.error(Bad::new(
                    node.at,
                    format!("inside this patch: {}", bad.message),
                ))
            })?;
            for document in documents {
                self.add_node(source.at(node.at), &document);
            }
            return Ok(());
        };
        let raw = (files.read)(path).map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                let message = format!("the patch file {path} does not exist");
                Error::config(source.at(node.at), message)
            } else {
                error
            }
        })?;
        let file = super::resolve(source.file, path);
        let plain = Source::new(&file);
        let substituted = substitute(&raw, files.variables).map_err(|bad| plain.error(bad))?;
        let mapped = Source::mapped(&file, |mark| substituted.origin(mark));
        for document in parse(&substituted.text).map_err(|bad| mapped.error(bad))? {
            self.add_node(mapped.at(document.at), &document);
        }
        Ok(())
    }

    /// The last value that the patches set at a path of the machine config, with its place.
    pub(super) fn value<T>(
        &self,
        path: &[&str],
        convert: impl Fn(&Node) -> std::result::Result<T, Bad>,
    ) -> Option<(T, Location)> {
        self.0.iter().rev().find_map(|patch| {
            let node = lookup(&patch.content, path)?;
            // The value's own line is not kept for every kind of patch, the patch's is.
            Some((convert(node).ok()?, patch.location.clone()))
        })
    }

    /// The documents of one kind, such as `Layer2VIPConfig`.
    pub(super) fn documents<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a Node, &'a Location)> {
        self.0.iter().filter_map(move |patch| {
            let found = scalar(patch.content.get("kind")?)?;
            (found == kind).then_some((patch.content.as_ref(), &patch.location))
        })
    }
}

/// The value that one patch sets at a path.
fn lookup<'a>(patch: &'a Node, path: &[&str]) -> Option<&'a Node> {
    match &patch.value {
        Value::Sequence(operations) => operations
            .iter()
            .rev()
            .find_map(|operation| operation_value(operation, path)),
        Value::Mapping(_) if patch.get("op").is_some() => operation_value(patch, path),
        _ => patch.path(path),
    }
}

/// What one JSON patch operation puts at a path, if it reaches it.
fn operation_value<'a>(operation: &'a Node, path: &[&str]) -> Option<&'a Node> {
    let op = scalar(operation.get("op")?)?;
    if !matches!(op, "add" | "replace") {
        return None;
    }
    let pointer = scalar(operation.get("path")?)?;
    let mut rest = path;
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let (first, more) = rest.split_first()?;
        if *first != part {
            return None;
        }
        rest = more;
    }
    operation.get("value")?.path(rest)
}

fn scalar(node: &Rc<Node>) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// The VIP of `machine.network.interfaces`, for those who set it in a patch.
pub(super) fn interface_vip(node: &Node) -> std::result::Result<String, Bad> {
    let none = || Bad::new(node.at, "no VIP");
    let list = items(node)?;
    let ip = list.iter().find_map(|item| item.path(&["vip", "ip"]));
    crate::yaml::convert::address(ip.ok_or_else(none)?)
}
