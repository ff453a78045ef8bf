use super::{Rule, moving};
use crate::finding::{Finding, Fix, Severity};
use crate::inventory::NodeRole;
use crate::topology::{Cluster, Host, Node, Topology};
use crate::units::{count, either, list};
use crate::what_if::{ClusterLoss, Depth, Placement, lose_hosts, quorum_of, smallest_moves};

pub(super) const RULE: Rule = Rule {
    code: "D8",
    name: "correlated-loss",
    severity: Severity::Warning,
    title: "One host holds every worker and a control plane of the same cluster.",
    explanation: "Losing such a host takes all workers and a member of etcd in one moment: the \
        workloads move onto the remaining control planes just when etcd has no member to spare. \
        Hosts whose loss ends etcd at once belong to D1.",
    source: "the cluster's own placement; quorum as in D1",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for cluster in &topology.clusters {
        for host in &topology.hosts {
            found.extend(host_finding(rule, topology, cluster, host));
        }
    }
    found
}

fn host_finding(
    rule: &Rule,
    topology: &Topology,
    cluster: &Cluster,
    host: &Host,
) -> Option<Finding> {
    let on_it = |node: &&Node| node.host.as_deref() == Some(&host.name);
    let of = |role: NodeRole| {
        topology
            .nodes_of(&cluster.name)
            .filter(move |node| node.role == role)
    };
    let workers: Vec<&str> = of(NodeRole::Worker).map(|n| n.name.as_str()).collect();
    let lost = of(NodeRole::Worker).filter(on_it).count();
    let planes: Vec<&str> = of(NodeRole::ControlPlane)
        .filter(on_it)
        .map(|n| n.name.as_str())
        .collect();
    if workers.is_empty() || lost < workers.len() || planes.is_empty() {
        return None;
    }
    let loss = lose_hosts(topology, &[&host.name]);
    let after = loss.clusters.iter().find(|c| c.cluster == cluster.name)?;
    if !after.has_quorum {
        return None;
    }
    let left: Vec<&Node> = of(NodeRole::ControlPlane)
        .filter(|node| !on_it(node))
        .collect();
    let mut hosts: Vec<&str> = left
        .iter()
        .filter_map(|node| node.host.as_deref())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let what = match workers.as_slice() {
        [one] => format!("the only worker ({one})"),
        _ => format!(
            "all {} ({})",
            count(workers.len(), "worker"),
            list(&workers)
        ),
    };
    let message = format!(
        "Losing {} takes {what} and {} in the same moment: the cluster then runs on {} on {}. {}",
        host.name,
        list(&planes),
        count(left.len(), "control plane"),
        list(&hosts),
        next_loss(topology, cluster, after, &hosts),
    );
    Some(
        rule.finding(Severity::Warning, &host.name, message)
            .evidence(format!("workers on {}", host.name), workers.join(", "), "")
            .evidence(
                format!("control planes on {}", host.name),
                planes.join(", "),
                "",
            )
            .evidence("control planes left", left.len(), "")
            .evidence("hosts left that run them", hosts.join(", "), "")
            .fix(separate(topology, cluster, host)),
    )
}

/// What the next host to go would do.
fn next_loss(
    topology: &Topology,
    cluster: &Cluster,
    after: &ClusterLoss,
    hosts: &[&str],
) -> String {
    let members = |host: &str| {
        let on_it = topology
            .voters_of(&cluster.name)
            .filter(|m| m.host.as_deref() == Some(host));
        u32::try_from(on_it.count()).unwrap_or(u32::MAX)
    };
    let quorum = u32::try_from(quorum_of(after.members as usize)).unwrap_or(u32::MAX);
    let fatal: Vec<&str> = hosts
        .iter()
        .copied()
        .filter(|host| after.members_left.saturating_sub(members(host)) < quorum)
        .collect();
    match fatal.as_slice() {
        [] => "Etcd could still lose one more.".to_owned(),
        hosts => format!("Losing {} next ends it.", either(hosts)),
    }
}

/// The one move after which no host holds all workers and a control plane.
fn separate(topology: &Topology, cluster: &Cluster, host: &Host) -> Option<Fix> {
    let placement = Placement::of(topology);
    let role = |index: usize| {
        let guest = placement.guests.get(index)?;
        let node = topology
            .nodes_of(&cluster.name)
            .find(|n| n.guest.as_ref() == Some(&guest.name))?;
        Some(node.role)
    };
    let roles: Vec<Option<NodeRole>> = (0..placement.guests.len()).map(role).collect();
    let apart = |after: &Placement| {
        let on = |at: usize, wanted: NodeRole| {
            let guests = after.guests.iter().zip(&roles);
            guests
                .filter(|(guest, role)| guest.host == at && **role == Some(wanted))
                .count()
        };
        let workers = roles
            .iter()
            .filter(|role| **role == Some(NodeRole::Worker))
            .count();
        (0..after.hosts.len())
            .all(|at| on(at, NodeRole::Worker) < workers || on(at, NodeRole::ControlPlane) == 0)
    };
    let of_cluster = |index: usize| roles.get(index).is_some_and(Option::is_some);
    let steps = smallest_moves(&placement, Depth::One, of_cluster, apart)?;
    Some(moving(
        &placement,
        &steps,
        &format!("then losing {} takes only one of the two", host.name),
    ))
}
