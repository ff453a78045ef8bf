//! The file format.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One scenario: one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it proves, in a sentence.
    pub about: String,
    /// What to do, in order.
    pub steps: Vec<Step>,
}

/// One step: exactly one of the first six, and what is expected of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Call `Class.method` or `name.method`.
    pub call: Option<String>,
    /// Read the attribute `name.attribute`.
    pub get: Option<String>,
    /// Read items of the stream that `name.method` gives, then leave it.
    pub read: Option<String>,
    /// Start `name.method` and cancel it `after_seconds`.
    pub cancel: Option<String>,
    /// Write a file of this name, with `text`.
    pub write: Option<String>,
    /// List a folder.
    pub files: Option<String>,

    /// Required arguments, in order.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// Optional arguments.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Name for what comes back.
    pub save: Option<String>,
    /// A pattern for the value, the items or the folder.
    pub expect: Option<Value>,
    /// A pattern for the error.
    pub error: Option<Value>,
    /// A pattern for the progress reports of a call, as a list.
    pub progress: Option<Value>,
    /// It must have ended by then.
    pub within_seconds: Option<f64>,
    /// Repeat until `expect` fits, for so long.
    pub until_seconds: Option<f64>,
    /// How many items to read.
    #[serde(default)]
    pub count: usize,
    /// How to leave a stream.
    pub then: Option<Leave>,
    /// When to cancel.
    #[serde(default)]
    pub after_seconds: f64,
    /// The file's text.
    #[serde(default)]
    pub text: String,
}

/// How to leave a stream.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leave {
    /// Close it.
    Close,
    /// Cancel while waiting for the next item.
    Cancel,
    /// Stop reading and let go of it.
    Drop,
    /// Read on: it must end by itself or with `error`.
    End,
}
