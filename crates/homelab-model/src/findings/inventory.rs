//! Where the inventory's own files disagree.

use super::{Rule, advice};
use crate::finding::{Finding, Severity};
use crate::inventory::Contradiction;
use crate::topology::Topology;

pub(super) const CONTRADICTION: Rule = Rule {
    code: "I1",
    name: "inventory-contradiction",
    severity: Severity::Warning,
    title: "The inventory and the talconfig say different things about the same.",
    explanation: "Names, addresses, MAC addresses, roles, the VIP, versions: where both files speak \
        they must agree. The talconfig's value is used, because it is what talhelper applies. \
        Most values need not stand in the inventory at all.",
    source: "comparison of the two files",
    check: |rule, topology| contradictions(rule, topology, false),
};

pub(super) const ONE_SIDED: Rule = Rule {
    code: "I2",
    name: "node-in-one-file-only",
    severity: Severity::Warning,
    title: "A node is in only one of the inventory and the talconfig.",
    explanation: "A node that only the talconfig has is counted, but where it runs and how large it \
        is remains unknown. A node that only the inventory has may have been removed.",
    source: "comparison of the two files",
    check: |rule, topology| contradictions(rule, topology, true),
};

fn contradictions(rule: &Rule, topology: &Topology, about_nodes: bool) -> Vec<Finding> {
    let chosen = topology
        .contradictions
        .iter()
        .filter(|c| (c.field == "node") == about_nodes);
    chosen
        .map(|contradiction| finding(rule, contradiction))
        .collect()
}

fn finding(rule: &Rule, contradiction: &Contradiction) -> Finding {
    let Contradiction {
        subject,
        field,
        first,
        second,
    } = contradiction;
    let message = match (&first.value, &second.value) {
        (Some(one), Some(other)) => format!(
            "{} of {subject} is {one} at {} and {other} at {}.",
            field.replace('_', " "),
            first.location,
            second.location
        ),
        (Some(_), None) => format!(
            "Node {subject} is at {} but not in {}.",
            first.location, second.location.file
        ),
        (None, _) => format!(
            "Node {subject} is at {} but not in {}.",
            second.location, first.location.file
        ),
    };
    let mut finding = rule.finding(Severity::Warning, subject, message);
    for place in [first, second] {
        if let Some(value) = &place.value {
            finding = finding.evidence(place.location.to_string(), value, "");
        }
        finding.places.push(place.location.clone());
    }
    finding.fix(advice(
        "Correct one of the two places, or leave the value out of the inventory.",
    ))
}
