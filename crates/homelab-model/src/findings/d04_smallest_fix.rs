use super::{Rule, moving};
use crate::finding::{Finding, Fix, Severity};
use crate::topology::Topology;
use crate::units::count;
use crate::what_if::{Depth, Placement, etcd_tolerance, smallest_moves};

pub(super) const RULE: Rule = Rule {
    code: "D4",
    name: "smallest-fix",
    severity: Severity::Warning,
    title: "The fewest moves after which etcd survives the loss of any one host.",
    explanation: "Where D1 holds, the rule searches single moves of guests, then pairs, then up to \
        three control planes, for one after which any one host may be lost, every host that \
        takes a guest has memory for it, and no other cluster is worse off. Among equally few \
        moves it takes the one that leaves the touched hosts least loaded. Guests with \
        passed-through devices stay where they are, hosts that are offline take nothing.",
    source: "exhaustive search over the topology, within configured memory",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, &cluster.name))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &str) -> Option<Finding> {
    let tolerance = etcd_tolerance(topology, cluster)?;
    // With fewer members or hosts no move can help, and D1 says what is missing.
    if tolerance.host_tolerance > 0 || tolerance.voters < 3 || topology.hosts.len() < 3 {
        return None;
    }
    let Some(fix) = search(topology, cluster) else {
        let message = "No one, two or three moves of guests within the hosts' memory let etcd survive the loss of any one host.";
        return Some(rule.finding(Severity::Warning, cluster, message));
    };
    let moves = count(fix.moves.len(), "move");
    let mut finding = rule
        .finding(
            Severity::Info,
            cluster,
            format!(
                "{moves} mend{} D1. {}",
                if fix.moves.len() == 1 { "s" } else { "" },
                fix.summary
            ),
        )
        .evidence("moves", fix.moves.len(), "")
        .evidence("host tolerance before", tolerance.host_tolerance, "");
    let after = crate::what_if::move_guests(topology, &fix.moves);
    if let Some(after) = etcd_tolerance(&after, cluster) {
        finding = finding.evidence("host tolerance after", after.host_tolerance, "");
    }
    for memory in crate::what_if::host_memory(&after) {
        if fix
            .moves
            .iter()
            .any(|m| m.from == memory.host || m.to == memory.host)
        {
            let percent = crate::units::percent(memory.committed_bytes, memory.total_bytes);
            finding = finding.evidence(format!("memory of {} after", memory.host), percent, "%");
        }
    }
    Some(finding.fix(Some(fix)))
}

/// The fewest moves after which a cluster's etcd survives any one host, if there are any.
pub(super) fn search(topology: &Topology, cluster: &str) -> Option<Fix> {
    let number = topology.clusters.iter().position(|c| c.name == cluster)?;
    let placement = Placement::of(topology);
    let votes = |guest: usize| {
        placement
            .guests
            .get(guest)
            .is_some_and(|guest| guest.votes_in == Some(number))
    };
    // All members must be guests that can be counted, or the search would count wrong.
    let counted = (0..placement.guests.len())
        .filter(|guest| votes(*guest))
        .count();
    if counted != topology.voters_of(cluster).count() {
        return None;
    }
    let steps = smallest_moves(&placement, Depth::Three, votes, |after| {
        after.tolerance(number) >= 1
    })?;
    Some(moving(&placement, &steps, "then any one host may be lost"))
}
