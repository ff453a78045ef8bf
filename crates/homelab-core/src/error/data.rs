//! Errors as plain data, and places in files.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Sent;

/// A place in a user's file; lines and columns count from 1, 0 means "not known".
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Location {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1; 0 when only the file is known.
    pub line: u32,
    /// Column, from 1; 0 when only the line is known.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

/// An [`Error`](crate::Error) as plain data: what crosses into Python, Node, logs and reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ErrorData {
    /// The kind's stable code.
    pub code: String,
    /// The whole sentence, as `Display` prints it.
    pub message: String,
    /// Whether the request may have reached the server.
    pub sent: Sent,
    /// Whether another try makes sense.
    pub retryable: bool,
    /// What was being done, in the protocol's words.
    pub operation: Option<String>,
    /// Whom it was asked of.
    pub target: Option<String>,
    /// The server's own reference of the request or job.
    pub request_ref: Option<String>,
    /// The protocol's status, as text.
    pub status: Option<String>,
    /// Where in the user's file.
    pub location: Option<Location>,
    /// What failed, by target, for `PartialFailure`.
    pub failures: Vec<Failure>,
}

/// One target's failure inside an [`ErrorData`] or an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Failure {
    /// Who failed: a host, node or endpoint.
    pub target: String,
    /// How.
    pub error: ErrorData,
}
