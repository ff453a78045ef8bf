//! YAML as a tree that is written back as it was read: order, unknown keys and
//! the spelling of every scalar (`0644`, `1.10`, `"on"`) survive. Comments,
//! anchors and the choice between block and flow style do not.
//!
//! Why not serde: a value that passes through numbers comes back as another
//! text, and Talos reads texts.
//!
//! | file | what |
//! |---|---|
//! | `value.rs` | the tree |
//! | `parse.rs` | text to tree, bounded on hostile input |
//! | `emit.rs` | tree to text |
//! | `json.rs` | tree to JSON, which forgets the spelling |

mod emit;
mod json;
mod parse;
mod value;

pub(crate) use emit::documents_to_text;
pub(crate) use json::to_json;
pub(crate) use parse::parse;
pub use value::{Map, Scalar, Value};

#[cfg(test)]
mod tests;
