//! Reports: the same facts for a terminal, for programs, for a wiki and for a
//! browser.
//!
//! Every report takes what [`Seen`](crate::Seen) or [`Lab`](crate::Lab) hold:
//! `report::html(&seen)` after an observation, `report::html(&lab)` for what
//! the inventory alone says.
//!
//! ```
//! # fn show(lab: &homelab::Lab) {
//! use homelab::report::{self, TextOptions};
//!
//! println!("{}", report::text(lab, &TextOptions::default().width(80)));
//! # }
//! ```

mod build;
mod html;
mod json;
mod losses;
mod mermaid;
mod summary;
mod text;
mod view;

use homelab_model::{Finding, Topology};

pub use json::JSON_VERSION;
pub use text::TextOptions;

/// What a report is about: a topology and what the rules found in it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The joined picture of the lab.
    pub topology: &'a Topology,
    /// What the rules found in it.
    pub findings: &'a [Finding],
}

/// A report for a terminal: what the lab is, what was seen, what is wrong with
/// numbers and the smallest fix, what did not answer.
pub fn text<'a>(subject: impl Into<Subject<'a>>, options: &TextOptions) -> String {
    let subject = subject.into();
    text::write(&build::view(subject.topology, subject.findings), options)
}

/// Everything as JSON: `version`, `topology`, `findings`, `host_losses`.
/// The shape is stable within one [`JSON_VERSION`].
pub fn json<'a>(subject: impl Into<Subject<'a>>) -> String {
    let subject = subject.into();
    json::write(subject.topology, subject.findings)
}

/// A Mermaid flowchart: hosts as subgraphs, guests in them, pools below.
pub fn mermaid<'a>(subject: impl Into<Subject<'a>>) -> String {
    let subject = subject.into();
    mermaid::write(&build::view(subject.topology, subject.findings))
}

/// One self-contained HTML page with an SVG picture of the lab. It loads
/// nothing, runs no script, follows light and dark, and prints.
pub fn html<'a>(subject: impl Into<Subject<'a>>) -> String {
    let subject = subject.into();
    html::write(&build::view(subject.topology, subject.findings))
}
