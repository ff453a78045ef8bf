use super::Rule;
use crate::finding::{Finding, Severity};
use crate::inventory::Claim;
use crate::topology::Topology;
use crate::units::{count, list};
use crate::what_if::{ClusterVoters, EtcdTolerance, etcd_tolerance};

pub(super) const RULE: Rule = Rule {
    code: "D3",
    name: "claim-does-not-hold",
    severity: Severity::Critical,
    title: "A sentence in the lab's documents is not true, or true only in part.",
    explanation: "The inventory quotes what the documents promise under `claims`. Each claim with a \
        `says` that a rule knows is checked against the topology: that some control planes or \
        hosts may be lost, that control planes take workloads, that nodes use secure boot. A \
        claim about control planes that holds for a VM but not for the host under it is \
        reported as such.",
    source: "the claim's own document, as the inventory cites it",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for claim in &topology.claims {
        let about = |name: &str| claim.cluster.as_ref().is_none_or(|cluster| cluster == name);
        for cluster in topology
            .clusters
            .iter()
            .filter(|cluster| about(&cluster.name))
        {
            let judged = match (claim.says.as_deref(), claim.of.as_deref()) {
                (Some("survives-loss-of"), Some("control-plane")) => {
                    control_planes(rule, topology, &cluster.name, claim)
                }
                (Some("survives-loss-of"), Some("host")) => {
                    hosts(rule, topology, &cluster.name, claim)
                }
                (Some("schedulable-control-planes"), _) => schedulable(
                    rule,
                    cluster.allow_scheduling_on_control_planes,
                    &cluster.name,
                    claim,
                ),
                (Some("secure-boot"), _) => secure_boot(rule, topology, &cluster.name, claim),
                _ => None,
            };
            found.extend(judged.map(|mut finding| {
                finding.places.push(claim.location.clone());
                finding.evidence(
                    "claimed in",
                    claim.source.as_deref().unwrap_or("the inventory"),
                    "",
                )
            }));
        }
    }
    found
}

fn control_planes(
    rule: &Rule,
    topology: &Topology,
    cluster: &str,
    claim: &Claim,
) -> Option<Finding> {
    let tolerance = etcd_tolerance(topology, cluster)?;
    if tolerance.node_tolerance < claim.count {
        return Some(numbers(
            rule.finding(
                Severity::Critical,
                cluster,
                format!(
                    "\"{}\" is not true: {} survive the loss of {} at most.",
                    claim.text,
                    count(tolerance.voters as usize, "control plane"),
                    tolerance.node_tolerance
                ),
            ),
            &tolerance,
        ));
    }
    if tolerance.host_tolerance >= claim.count {
        return None;
    }
    let voters = ClusterVoters::of(topology, cluster)?;
    let (worst, most) = voters.by_host.iter().max_by_key(|(_, count)| **count)?;
    let message = format!(
        "\"{}\" is true for a VM and false for a host: {} of {} control planes may go \
         (node tolerance {}), but losing {worst} takes {most} at once (host tolerance {}).",
        claim.text,
        claim.count,
        tolerance.voters,
        tolerance.node_tolerance,
        tolerance.host_tolerance,
    );
    let fix = super::d04_smallest_fix::search(topology, cluster)
        .filter(|_| tolerance.host_tolerance == 0);
    Some(
        numbers(
            rule.finding(Severity::Warning, cluster, message),
            &tolerance,
        )
        .fix(fix),
    )
}

fn hosts(rule: &Rule, topology: &Topology, cluster: &str, claim: &Claim) -> Option<Finding> {
    let tolerance = etcd_tolerance(topology, cluster)?;
    if tolerance.host_tolerance >= claim.count {
        return None;
    }
    let message = format!(
        "\"{}\" is not true: etcd of {cluster} survives the loss of {} at most.",
        claim.text,
        count(tolerance.host_tolerance as usize, "host"),
    );
    let fix = super::d04_smallest_fix::search(topology, cluster)
        .filter(|_| tolerance.host_tolerance == 0);
    Some(
        numbers(
            rule.finding(Severity::Critical, cluster, message),
            &tolerance,
        )
        .fix(fix),
    )
}

fn numbers(finding: Finding, tolerance: &EtcdTolerance) -> Finding {
    finding
        .evidence("node tolerance", tolerance.node_tolerance, "")
        .evidence("host tolerance", tolerance.host_tolerance, "")
}

fn schedulable(
    rule: &Rule,
    allowed: Option<bool>,
    cluster: &str,
    claim: &Claim,
) -> Option<Finding> {
    // Talos allows it only when it is asked for, but a file we have not seen may ask.
    (allowed == Some(false)).then(|| {
        let message = format!(
            "\"{}\" is not true: allowSchedulingOnControlPlanes is false in {cluster}.",
            claim.text
        );
        rule.finding(Severity::Warning, cluster, message)
            .evidence("allowSchedulingOnControlPlanes", false, "")
            .fix(super::advice(
                "Set cluster.allowSchedulingOnControlPlanes to true for the control planes.",
            ))
    })
}

fn secure_boot(rule: &Rule, topology: &Topology, cluster: &str, claim: &Claim) -> Option<Finding> {
    let nodes: Vec<_> = topology.nodes_of(cluster).collect();
    let without: Vec<_> = nodes
        .iter()
        .filter(|node| node.secure_boot == Some(false))
        .collect();
    if without.is_empty() {
        return None;
    }
    let names: Vec<&str> = without.iter().map(|node| node.name.as_str()).collect();
    let message = format!(
        "\"{}\" is not true: {} of {} nodes are without secure boot ({}).",
        claim.text,
        without.len(),
        nodes.len(),
        list(&names)
    );
    Some(
        rule.finding(Severity::Warning, cluster, message)
            .evidence("nodes without secure boot", without.len(), "")
            .evidence("nodes", nodes.len(), ""),
    )
}
