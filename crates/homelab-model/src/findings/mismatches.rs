//! What does not fit between the inventory, Proxmox VE and Talos.

use super::Rule;
use crate::finding::{Finding, Severity};
use crate::topology::{Mismatch, Topology};
use crate::units::{count, list};

const SOURCE: &str = "join by MAC address, SMBIOS UUID, address and name, in this order of trust";

pub(super) const CONFLICT: Rule = Rule {
    code: "M1",
    name: "conflicting-identity",
    severity: Severity::Warning,
    title: "Evidence about which machine this is points to different machines.",
    explanation: "A node or guest was matched by its best evidence while weaker evidence names \
        another one: a VM that was cloned or renamed, swapped network devices, an address that \
        moved.",
    source: SOURCE,
    check: |rule, topology| {
        each(
            rule,
            topology,
            &["conflicting-evidence", "mac-differs", "name-differs"],
            Severity::Warning,
        )
    },
};

pub(super) const DUPLICATE: Rule = Rule {
    code: "M2",
    name: "duplicate-mac",
    severity: Severity::Critical,
    title: "Two guests have the same MAC address.",
    explanation: "On one network segment both lose packets at random, and nothing can tell which of \
        the two a node runs in. It happens when a VM is restored or copied with its old network \
        configuration.",
    source: "IEEE 802: a MAC address is unique on its segment",
    check: |rule, topology| each(rule, topology, &["duplicate-mac"], Severity::Critical),
};

pub(super) const LONELY_NODE: Rule = Rule {
    code: "M3",
    name: "node-without-guest",
    severity: Severity::Warning,
    title: "A Talos node runs in no known guest, or is not the etcd member it should be.",
    explanation: "A node that answers but belongs to no guest of the Proxmox VE cluster may run on \
        bare metal or on a host that is not part of it: no statement about its host is possible. \
        A control plane that is not among the etcd members gives no vote.",
    source: SOURCE,
    check: |rule, topology| {
        let kinds = [
            "node-without-guest",
            "node-without-member",
            "member-without-node",
        ];
        each(rule, topology, &kinds, Severity::Warning)
    },
};

pub(super) const LONELY_GUEST: Rule = Rule {
    code: "M4",
    name: "guest-without-node",
    severity: Severity::Warning,
    title: "A guest that should run Talos is missing or runs none that was found.",
    explanation: "The inventory lists a guest that Proxmox VE does not have, or that runs without a \
        Talos node in it.",
    source: SOURCE,
    check: |rule, topology| {
        each(
            rule,
            topology,
            &["guest-without-node", "guest-not-found"],
            Severity::Warning,
        )
    },
};

pub(super) const WRONG_HOST: Rule = Rule {
    code: "M5",
    name: "guest-on-other-host",
    severity: Severity::Warning,
    title: "A guest is on another host than the inventory says.",
    explanation: "It was migrated or recovered elsewhere. All findings are about where it is now; \
        either move it back or correct the inventory.",
    source: SOURCE,
    check: |rule, topology| each(rule, topology, &["wrong-host"], Severity::Warning),
};

pub(super) const DIFFERENT: Rule = Rule {
    code: "M6",
    name: "differs-from-inventory",
    severity: Severity::Warning,
    title: "Sizes, roles or versions are not what the inventory says.",
    explanation: "What was seen counts for all other findings. Correct the inventory, or the lab.",
    source: SOURCE,
    check: |rule, topology| {
        let mut found = each(
            rule,
            topology,
            &["size-differs", "role-differs"],
            Severity::Warning,
        );
        found.extend(each(rule, topology, &["version-differs"], Severity::Info));
        found
    },
};

pub(super) const UNKNOWN: Rule = Rule {
    code: "M7",
    name: "not-in-inventory",
    severity: Severity::Warning,
    title: "Hosts or guests are in only one of the inventory and the Proxmox VE cluster.",
    explanation: "Guests that nobody wrote down still take memory and are counted in every finding. \
        A host of the inventory that the cluster does not know gives no capacity.",
    source: SOURCE,
    check: unknown,
};

fn each(rule: &Rule, topology: &Topology, kinds: &[&str], severity: Severity) -> Vec<Finding> {
    let of_kind = topology
        .mismatches
        .iter()
        .filter(|m| kinds.contains(&m.kind.as_str()));
    of_kind
        .map(|mismatch| finding(rule, mismatch, severity))
        .collect()
}

fn finding(rule: &Rule, mismatch: &Mismatch, severity: Severity) -> Finding {
    let mut finding = rule.finding(
        severity,
        &mismatch.subject,
        format!("{}.", capital(&mismatch.message)),
    );
    if let Some(expected) = &mismatch.expected {
        finding = finding.evidence("expected", expected, "");
    }
    if let Some(seen) = &mismatch.seen {
        finding = finding.evidence("seen", seen, "");
    }
    finding.places.extend(mismatch.location.clone());
    finding
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}

/// Undeclared guests may be many, so they share one finding.
fn unknown(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let mut found = each(
        rule,
        topology,
        &["host-not-found", "host-not-declared"],
        Severity::Warning,
    );
    let names: Vec<&str> = topology
        .mismatches
        .iter()
        .filter(|mismatch| mismatch.kind == "guest-not-declared")
        .map(|mismatch| mismatch.subject.as_str())
        .collect();
    if !names.is_empty() {
        let message = format!(
            "{} in Proxmox VE {} not in the inventory: {}.",
            count(names.len(), "guest"),
            if names.len() == 1 { "is" } else { "are" },
            list(&names)
        );
        let finding = rule.finding(Severity::Info, &topology.name, message);
        found.push(finding.evidence("guests not in the inventory", names.len(), ""));
    }
    found
}
