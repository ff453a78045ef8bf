//! What a rule found: the shape every finding has.

use std::fmt;

use homelab_core::Location;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// One ordinary failure (a host, a pool) stops the cluster or loses data.
    Critical,
    /// It works today; a likely change or a second failure makes it hurt.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word used in data and text: `critical`, `warning`, `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One fact about the lab that its owner should know, with the numbers that
/// prove it.
///
/// `Display` is one line: severity, code, subject, message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// Stable code of the rule, such as `D1`.
    pub code: String,
    /// Stable name of the rule, such as `etcd-host-tolerance`.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: the name of a cluster, host, guest, node or an address.
    pub subject: String,
    /// One or two plain sentences with the numbers.
    pub message: String,
    /// The numbers behind the message, in the order a reader wants them.
    pub evidence: Vec<Evidence>,
    /// The smallest change that mends it, where one is known.
    pub fix: Option<Fix>,
    /// Where in the user's files, for findings about what is written there.
    pub places: Vec<Location>,
    /// Why the rule holds: the fact or document it rests on.
    pub source: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8} {:<4} {}: {}",
            self.severity, self.code, self.subject, self.message
        )
    }
}

/// One named value that a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Evidence {
    /// What was measured or counted, such as `memory of pve2`.
    pub name: String,
    /// The value as text, ready to show: `111`, `talos-cp-1, talos-cp-2`.
    pub value: String,
    /// The unit, empty where there is none: `GB`, `%`, `hosts`.
    pub unit: String,
}

impl Evidence {
    /// A named value with a unit (empty for none).
    pub fn new(
        name: impl Into<String>,
        value: impl fmt::Display,
        unit: impl Into<String>,
    ) -> Evidence {
        Evidence {
            name: name.into(),
            value: value.to_string(),
            unit: unit.into(),
        }
    }
}

/// The smallest change that mends a finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Fix {
    /// What to do, in one sentence.
    pub summary: String,
    /// The guests to move, when moving is the fix. They hold together: all or none.
    pub moves: Vec<Move>,
}

/// One guest moved from one host to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Move {
    /// The guest's name.
    pub guest: String,
    /// The host it is on.
    pub from: String,
    /// The host it goes to.
    pub to: String,
    /// Its configured memory.
    pub memory_bytes: u64,
}
