//! What did not answer, and what answered that it is not well.

use homelab_core::error::Failure;

use super::Rule;
use crate::finding::{Finding, Severity};
use crate::topology::{Node, Topology};
use crate::units::list;
use crate::what_if::quorum_of;

pub(super) const HOST: Rule = Rule {
    code: "O1",
    name: "host-unreachable",
    severity: Severity::Critical,
    title: "A Proxmox VE host is offline or did not answer.",
    explanation: "What is known of its guests comes from the inventory or from the other hosts.",
    source: "Proxmox VE: /cluster/status, and the failures of the observation",
    check: hosts,
};

pub(super) const NODE: Rule = Rule {
    code: "O2",
    name: "node-unreachable",
    severity: Severity::Critical,
    title: "A Talos node did not answer.",
    explanation: "Its guest may be stopped, its host down, or its network cut. What is known of it \
        comes from the inventory.",
    source: "the failures of the observation",
    check: nodes,
};

pub(super) const OTHER: Rule = Rule {
    code: "O3",
    name: "partly-observed",
    severity: Severity::Warning,
    title: "A part of the lab could not be read.",
    explanation: "The other findings rest on what was read; some may be missing.",
    source: "the failures of the observation",
    check: others,
};

pub(super) const ETCD: Rule = Rule {
    code: "O4",
    name: "etcd-unwell",
    severity: Severity::Critical,
    title: "Etcd has no leader or quorum, its members disagree, or it reports errors.",
    explanation: "Each control plane that answers was asked which members it knows, who leads and \
        which alarms are raised.",
    source: "Talos: EtcdMemberList and EtcdStatus",
    check: etcd,
};

pub(super) const PVE_QUORUM: Rule = Rule {
    code: "O5",
    name: "pve-without-quorum",
    severity: Severity::Critical,
    title: "The Proxmox VE cluster has no quorum.",
    explanation: "Its configuration is read-only then: guests run on, but none can be started, \
        moved, backed up or recovered.",
    source: "Proxmox VE: /cluster/status, quorate",
    check: pve_quorum,
};

pub(super) const CEPH: Rule = Rule {
    code: "O6",
    name: "ceph-unwell",
    severity: Severity::Critical,
    title: "Ceph does not report HEALTH_OK.",
    explanation: "Ceph names the checks that are raised; OSDs that are down are counted.",
    source: "Proxmox VE: /cluster/ceph/status",
    check: ceph,
};

pub(super) const UNHEALTHY: Rule = Rule {
    code: "O7",
    name: "node-unwell",
    severity: Severity::Warning,
    title: "A Talos node answers but is not ready, or a service on it is not healthy.",
    explanation: "The node's own words: its stage, the conditions it does not meet, its services.",
    source: "Talos: MachineStatus and ServiceList",
    check: unhealthy,
};

/// Whether a failure is about a thing with this name or one of these addresses.
fn about(failure: &Failure, name: &str, addresses: &[String]) -> bool {
    let target = failure.target.as_str();
    let host = target.split_once("://").map_or(target, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let bare = match host.matches(':').count() {
        1 => host.split(':').next().unwrap_or(host),
        _ => host,
    };
    [target, bare]
        .iter()
        .any(|t| *t == name || addresses.iter().any(|address| address == t))
}

fn failure<'a>(topology: &'a Topology, name: &str, addresses: &[String]) -> Option<&'a Failure> {
    topology
        .failures
        .iter()
        .find(|failure| about(failure, name, addresses))
}

fn hosts(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for host in &topology.hosts {
        let failed = failure(topology, &host.name, host.address.as_slice());
        let guests: Vec<&str> = topology
            .guests_on(&host.name)
            .map(|g| g.name.as_str())
            .collect();
        let with = match guests.as_slice() {
            [] => String::new(),
            guests => format!(" On it: {}.", list(guests)),
        };
        let (severity, message) = match (host.online, failed) {
            (Some(false), _) => (
                Severity::Critical,
                format!("Host {} is offline.{with}", host.name),
            ),
            (Some(true), Some(failed)) => (
                Severity::Warning,
                format!(
                    "Host {} is online but did not answer everything: {}.",
                    host.name, failed.error.message
                ),
            ),
            (None, Some(failed)) => (
                Severity::Critical,
                format!(
                    "Host {} did not answer: {}.{with}",
                    host.name, failed.error.message
                ),
            ),
            _ => continue,
        };
        let mut finding = rule.finding(severity, &host.name, message);
        if let Some(failed) = failed {
            finding = finding.evidence("error", &failed.error.code, "");
        }
        found.push(finding.evidence("guests on it", guests.len(), ""));
    }
    found
}

fn nodes(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let silent = topology
        .nodes
        .iter()
        .filter(|node| node.answered == Some(false));
    silent
        .map(|node| silent_node(rule, topology, node))
        .collect()
}

fn silent_node(rule: &Rule, topology: &Topology, node: &Node) -> Finding {
    let failed = failure(topology, &node.name, &node.addresses);
    let host = node.host.as_deref().and_then(|host| topology.host(host));
    let guest = node
        .guest
        .as_deref()
        .and_then(|guest| topology.guest(guest));
    let why = match (host, guest.and_then(|guest| guest.status.as_deref())) {
        (Some(host), _) if host.online == Some(false) => {
            format!(": its host {} is offline", host.name)
        }
        (_, Some(status)) if status != "running" => format!(": its guest is {status}"),
        _ => failed
            .map(|f| format!(": {}", f.error.message))
            .unwrap_or_default(),
    };
    let address = node.address.as_deref().unwrap_or("no known address");
    let message = format!("Node {} ({address}) did not answer{why}.", node.name);
    let mut finding = rule
        .finding(Severity::Critical, &node.name, message)
        .evidence("address", address, "")
        .evidence("role", node.role.as_str(), "");
    if let Some(failed) = failed {
        finding = finding.evidence("error", &failed.error.code, "");
    }
    finding
}

/// Failures that are about no host and no node.
fn others(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let host = |f: &Failure| {
        topology
            .hosts
            .iter()
            .any(|h| about(f, &h.name, h.address.as_slice()))
    };
    let silent = |f: &Failure| {
        let mut silent = topology
            .nodes
            .iter()
            .filter(|node| node.answered == Some(false));
        silent.any(|node| about(f, &node.name, &node.addresses))
    };
    let rest = topology
        .failures
        .iter()
        .filter(|failure| !host(failure) && !silent(failure));
    rest.map(|failure| {
        rule.finding(
            Severity::Warning,
            &failure.target,
            format!("{}.", failure.error.message),
        )
        .evidence("error", &failure.error.code, "")
    })
    .collect()
}

fn etcd(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    topology
        .clusters
        .iter()
        .flat_map(|cluster| cluster_etcd(rule, topology, &cluster.name))
        .collect()
}

fn cluster_etcd(rule: &Rule, topology: &Topology, cluster: &str) -> Vec<Finding> {
    let of_cluster = |name: &String| {
        topology
            .nodes_of(cluster)
            .any(|node| node.name == *name || node.addresses.contains(name))
    };
    let views: Vec<_> = topology
        .etcd
        .iter()
        .filter(|view| of_cluster(&view.node))
        .collect();
    let mut found = Vec::new();
    if views.is_empty() {
        return found;
    }
    let voters = topology.voters_of(cluster).count();
    let leaderless: Vec<&str> = views
        .iter()
        .filter(|v| v.leader_id.is_none())
        .map(|v| v.node.as_str())
        .collect();
    if leaderless.len() == views.len() {
        let message = format!(
            "No member of etcd knows a leader: {} of {voters} answered, {} are needed.",
            views.len(),
            quorum_of(voters)
        );
        found.push(
            rule.finding(Severity::Critical, cluster, message)
                .evidence("members that answered", views.len(), "")
                .evidence("quorum", quorum_of(voters), ""),
        );
    } else {
        let mut leaders: Vec<&str> = views
            .iter()
            .filter_map(|v| v.leader_id.as_deref())
            .collect();
        leaders.sort_unstable();
        leaders.dedup();
        if leaders.len() > 1 || !leaderless.is_empty() {
            let message = format!(
                "The members of etcd disagree about the leader: {}.",
                list(&leaders)
            );
            found.push(rule.finding(Severity::Warning, cluster, message).evidence(
                "without leader",
                leaderless.join(", "),
                "",
            ));
        }
    }
    let ids = |members: &[crate::observation::ObservedMember]| {
        let mut ids: Vec<String> = members.iter().map(|m| m.id.clone()).collect();
        ids.sort_unstable();
        ids
    };
    let lists: Vec<Vec<String>> = views
        .iter()
        .filter(|v| !v.members.is_empty())
        .map(|v| ids(&v.members))
        .collect();
    if lists.windows(2).any(|pair| pair.first() != pair.last()) {
        let counts: Vec<String> = views
            .iter()
            .map(|v| format!("{} knows {}", v.node, v.members.len()))
            .collect();
        let message = format!(
            "The members of etcd disagree about who is one: {}.",
            list(&counts)
        );
        found.push(rule.finding(Severity::Warning, cluster, message));
    }
    for view in views.iter().filter(|view| !view.errors.is_empty()) {
        let message = format!("Etcd on {} reports: {}.", view.node, view.errors.join(", "));
        found.push(rule.finding(Severity::Critical, cluster, message).evidence(
            "errors",
            view.errors.len(),
            "errors",
        ));
    }
    found
}

fn pve_quorum(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let Some(quorum) = topology.quorum.as_ref().filter(|quorum| !quorum.quorate) else {
        return Vec::new();
    };
    let needed = quorum_of(quorum.expected as usize);
    let message = format!(
        "{} of {} hosts are online and {needed} are needed: guests run on, but none can be started, moved or recovered.",
        quorum.online, quorum.expected
    );
    let finding = rule
        .finding(Severity::Critical, &quorum.cluster, message)
        .evidence("hosts online", quorum.online, "")
        .evidence("hosts expected", quorum.expected, "");
    vec![finding]
}

fn ceph(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let Some(ceph) = topology
        .ceph
        .as_ref()
        .filter(|ceph| !ceph.health.is_empty() && ceph.health != "HEALTH_OK")
    else {
        return Vec::new();
    };
    let severity = if ceph.health == "HEALTH_ERR" {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let checks = match ceph.checks.as_slice() {
        [] => String::new(),
        checks => format!(" ({})", checks.join(", ")),
    };
    let osds = match (ceph.osds_up, ceph.osds) {
        (Some(up), Some(all)) => format!("; {up} of {all} OSDs are up"),
        _ => String::new(),
    };
    let mut finding = rule.finding(
        severity,
        "ceph",
        format!("Ceph reports {}{checks}{osds}.", ceph.health),
    );
    if let (Some(up), Some(all)) = (ceph.osds_up, ceph.osds) {
        finding = finding
            .evidence("OSDs up", up, "")
            .evidence("OSDs", all, "");
    }
    vec![finding]
}

fn unhealthy(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for node in topology.nodes.iter().filter(|node| node.observed) {
        let mut what = Vec::new();
        if node.ready == Some(false) {
            what.push(format!(
                "it is not ready (stage {})",
                node.stage.as_deref().unwrap_or("unknown")
            ));
        }
        if !node.unmet_conditions.is_empty() {
            what.push(format!(
                "conditions are not met: {}",
                node.unmet_conditions.join(", ")
            ));
        }
        if !node.unhealthy_services.is_empty() {
            what.push(format!(
                "services are not healthy: {}",
                node.unhealthy_services.join(", ")
            ));
        }
        if what.is_empty() {
            continue;
        }
        let message = format!("Node {}: {}.", node.name, what.join("; "));
        found.push(
            rule.finding(Severity::Warning, &node.name, message)
                .evidence("stage", node.stage.as_deref().unwrap_or("unknown"), ""),
        );
    }
    found
}
