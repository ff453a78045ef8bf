//! YAML as a tree that remembers where everything stood, and a small decoder
//! over it. Why not serde: a message about an unknown key, a duplicate or a
//! contradiction needs the place of *both* sides, in files with anchors.
//!
//! Bounded on hostile input: nesting, text size, and the number of nodes after
//! aliases and merge keys are expanded.

pub(crate) mod convert;
mod decode;
mod tree;

pub(crate) use decode::{Bad, Fields, Source, items};
pub(crate) use tree::{Mark, Node, Value, parse};
