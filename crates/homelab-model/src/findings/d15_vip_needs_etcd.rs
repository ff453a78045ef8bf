use super::{Rule, advice};
use crate::finding::{Finding, Severity};
use crate::inventory::NodeRole;
use crate::topology::{Cluster, Topology};
use crate::units::list;
use crate::what_if::etcd_tolerance;

pub(super) const RULE: Rule = Rule {
    code: "D15",
    name: "vip-needs-etcd",
    severity: Severity::Warning,
    title: "The API's address goes when etcd loses quorum.",
    explanation: "Talos elects the holder of the VIP in etcd. Without quorum nobody holds it, so the \
        address by which one would repair the cluster is gone with it. The talosconfig must \
        therefore list the control planes' own addresses, never the VIP. A warning where one \
        host can take the quorum (D1) or where the talosconfig in use lists the VIP, else for \
        information.",
    source: "Talos: virtual IP, \"the VIP should not be used as a talosconfig endpoint\"",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, cluster))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &Cluster) -> Option<Finding> {
    let vip = cluster.vip.as_ref()?;
    let planes: Vec<&str> = topology
        .nodes_of(&cluster.name)
        .filter(|node| node.role == NodeRole::ControlPlane)
        .filter_map(|node| node.address.as_deref())
        .collect();
    let fatal = etcd_tolerance(topology, &cluster.name)
        .map(|t| t.fatal_hosts)
        .unwrap_or_default();
    let listed = topology
        .talos_endpoints
        .iter()
        .any(|endpoint| host_of(endpoint) == vip);
    let when = match fatal.as_slice() {
        [] => "when etcd loses quorum".to_owned(),
        hosts => format!("when etcd loses quorum, here with {}", list(hosts)),
    };
    let endpoints = if listed {
        format!("The talosconfig lists {vip} as an endpoint")
    } else {
        format!("The talosconfig must list {}, never {vip}", list(&planes))
    };
    let message = format!(
        "Talos elects the holder of {vip} in etcd, so the API's address goes {when}. {endpoints}."
    );
    let severity = if listed || !fatal.is_empty() {
        Severity::Warning
    } else {
        Severity::Info
    };
    let finding = rule
        .finding(severity, &cluster.name, message)
        .evidence("VIP", vip, "")
        .evidence("control plane addresses", planes.join(", "), "")
        .evidence("hosts that take it along", fatal.len(), "");
    let finding = match topology.talos_endpoints.as_slice() {
        [] => finding,
        endpoints => finding.evidence("talosconfig endpoints", endpoints.join(", "), ""),
    };
    Some(finding.fix(advice(format!(
        "Set the talosconfig's endpoints to {}.",
        list(&planes)
    ))))
}

/// An endpoint's host, without scheme, port and brackets.
fn host_of(endpoint: &str) -> &str {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    if let Some(v6) = rest.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    match rest.matches(':').count() {
        1 => rest.split(':').next().unwrap_or(rest),
        _ => rest,
    }
}
