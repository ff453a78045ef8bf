//! Findings: what follows from a topology.
//!
//! One rule, one file. A rule computes from the [`Topology`] alone and says
//! with numbers what it found; where a small change mends it, it searches for
//! the smallest. [`RULES`] is the list that `docs/findings.md` is made from.
//!
//! To add one: a file with a `RULE`, a line in [`RULES`], a test that shows a
//! lab with and one without the finding.

mod d01_etcd_host_tolerance;
mod d02_etcd_availability;
mod d03_claims;
mod d04_smallest_fix;
mod d05_memory_overcommit;
mod d06_spare_capacity;
mod d07_single_worker;
mod d08_correlated_loss;
mod d13_address_owners;
mod d15_vip_needs_etcd;
mod d20_no_guest_agent;
mod inventory;
mod mismatches;
mod silence;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::finding::{Evidence, Finding, Fix, Move, Severity};
use crate::topology::Topology;
use crate::units;
use crate::what_if::Placement;

/// A rule: what it is called and why it holds.
#[non_exhaustive]
pub struct Rule {
    /// Stable code, such as `D1`.
    pub code: &'static str,
    /// Stable name, such as `etcd-host-tolerance`.
    pub name: &'static str,
    /// The worst that it reports.
    pub severity: Severity,
    /// What it looks for, as one sentence.
    pub title: &'static str,
    /// Why it matters and how it is computed, in a few sentences.
    pub explanation: &'static str,
    /// The fact or document it rests on.
    pub source: &'static str,
    check: fn(&Rule, &Topology) -> Vec<Finding>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({} {})", self.code, self.name)
    }
}

/// Every rule, in the order of the documentation.
pub static RULES: &[Rule] = &[
    d01_etcd_host_tolerance::RULE,
    d02_etcd_availability::RULE,
    d03_claims::RULE,
    d04_smallest_fix::RULE,
    d05_memory_overcommit::RULE,
    d06_spare_capacity::RULE,
    d07_single_worker::RULE,
    d08_correlated_loss::RULE,
    d13_address_owners::RULE,
    d15_vip_needs_etcd::RULE,
    d20_no_guest_agent::RULE,
    mismatches::CONFLICT,
    mismatches::DUPLICATE,
    mismatches::LONELY_NODE,
    mismatches::LONELY_GUEST,
    mismatches::WRONG_HOST,
    mismatches::DIFFERENT,
    mismatches::UNKNOWN,
    inventory::CONTRADICTION,
    inventory::ONE_SIDED,
    silence::HOST,
    silence::NODE,
    silence::OTHER,
    silence::ETCD,
    silence::PVE_QUORUM,
    silence::CEPH,
    silence::UNHEALTHY,
];

/// Everything the rules find, the worst first, then in the order of [`RULES`].
pub fn findings(topology: &Topology) -> Vec<Finding> {
    let mut found: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| (rule.check)(rule, topology))
        .collect();
    found.sort_by_key(|finding| finding.severity);
    found
}

impl Rule {
    fn finding(
        &self,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            code: self.code.to_owned(),
            name: self.name.to_owned(),
            severity,
            subject: subject.into(),
            message: message.into(),
            evidence: Vec::new(),
            fix: None,
            places: Vec::new(),
            source: self.source.to_owned(),
        }
    }
}

impl Finding {
    fn evidence(mut self, name: impl Into<String>, value: impl fmt::Display, unit: &str) -> Self {
        self.evidence.push(Evidence::new(name, value, unit));
        self
    }

    fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// A fix that is not a move.
fn advice(summary: impl Into<String>) -> Fix {
    Fix {
        summary: summary.into(),
        moves: Vec::new(),
    }
}

/// `Move a (8 GiB) from x to y and b (…) …; memory: x 54%, y 16%`, after `so_that`.
fn moving(before: &Placement, steps: &[(usize, usize)], so_that: &str) -> Fix {
    let moves: Vec<Move> = steps
        .iter()
        .filter_map(|step| before.named(*step))
        .collect();
    let texts: Vec<String> = moves
        .iter()
        .map(|m| {
            format!(
                "{} ({} GiB) from {} to {}",
                m.guest,
                units::gib(m.memory_bytes),
                m.from,
                m.to
            )
        })
        .collect();
    let after = before.after(steps);
    let touched = |name: &str| moves.iter().any(|m| m.from == name || m.to == name);
    let loads: Vec<String> = after
        .hosts
        .iter()
        .filter(|host| touched(&host.name))
        .filter_map(|host| {
            let percent = units::percent(host.committed, host.capacity?);
            Some(format!("{} {percent}%", host.name))
        })
        .collect();
    Fix {
        summary: format!(
            "Move {}: {so_that}; memory then: {}.",
            units::list(&texts),
            loads.join(", ")
        ),
        moves,
    }
}
