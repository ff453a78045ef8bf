//! The patterns of parameters, compiled when they are first needed.

use std::sync::LazyLock;

use regex_lite::Regex;

pub(super) type Pattern = LazyLock<Regex, Compile>;

type Compile = Box<dyn FnOnce() -> Regex + Send>;

/// Anchored at both ends, as the server does it. `None` when this crate's
/// engine cannot say it.
pub(super) fn compiled(pattern: &'static str) -> Option<Pattern> {
    // Look-around and Unicode classes are beyond the engine; `calls.txt` holds
    // no other pattern that it refuses (a test compiles all of them).
    if pattern.contains("(?!") || pattern.contains("(?=") {
        return None;
    }
    let pattern = translated(pattern);
    // An empty expression matches everything: it stands for "no check".
    Some(LazyLock::new(Box::new(move || {
        Regex::new(&pattern).unwrap_or_else(|_| nothing_checked())
    })))
}

/// From the server's dialect (Perl's) to that of this crate's engine.
pub(super) fn translated(pattern: &str) -> String {
    let pattern = pattern
        .replace("(?u:", "(?:")
        .replace("{,", "{0,")
        .replace("\\0", "\\x00");
    format!("^(?:{pattern})$")
}

#[allow(clippy::expect_used, reason = "an empty expression is always valid")]
fn nothing_checked() -> Regex {
    Regex::new("").expect("an empty expression")
}
