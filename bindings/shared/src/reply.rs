//! What a call gives back.

use homelab_core::{Error, ErrorKind, PerNode, Result};
use serde::Serialize;

use crate::{Handle, Rows, Stream};

/// What a call gives back.
#[derive(Debug)]
pub enum Reply {
    /// A value, as JSON text.
    Json(String),
    /// A thing with methods of its own.
    Handle(Handle),
    /// Items, one at a time.
    Stream(Stream),
    /// Many rows of one flat type.
    Rows(Rows),
}

impl From<Handle> for Reply {
    fn from(handle: Handle) -> Self {
        Reply::Handle(handle)
    }
}

/// A value as JSON text.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

/// Replies with a value.
pub(crate) fn data(value: &(impl Serialize + ?Sized)) -> Result<Reply> {
    json(value).map(Reply::Json)
}

/// Replies with nothing.
pub(crate) fn done() -> Reply {
    Reply::Json("null".to_owned())
}

/// One node's entry of a [`PerNode`].
#[derive(Serialize)]
struct NodeResult<'a, T> {
    node: &'a str,
    value: Option<&'a T>,
    error: Option<homelab_core::error::ErrorData>,
}

/// Replies with every node's answer or error, in the order asked.
pub(crate) fn per_node<T: Serialize>(asked: &PerNode<T>) -> Result<Reply> {
    let entries: Vec<_> = asked
        .iter()
        .map(|(node, result)| NodeResult {
            node,
            value: result.as_ref().ok(),
            error: result.as_ref().err().map(Error::to_data),
        })
        .collect();
    data(&entries)
}
