//! Etcd members, matched with the nodes they run on.

use super::{Member, Mismatch, Node, Topology};
use crate::inventory::{Inventory, NodeRole};
use crate::observation::{Observation, ObservedEtcd, ObservedMember};

pub(super) fn add(topology: &mut Topology, _inventory: &Inventory, seen: Option<&Observation>) {
    let clusters: Vec<String> = topology.clusters.iter().map(|c| c.name.clone()).collect();
    for cluster in clusters {
        let views: Vec<&ObservedEtcd> = seen
            .map(|seen| {
                seen.etcd
                    .iter()
                    .filter(|view| asked_in(topology, view, &cluster))
                    .collect()
            })
            .unwrap_or_default();
        // The longest list: a member that was cut off may know fewer.
        let listed = views
            .iter()
            .map(|view| &view.members)
            .max_by_key(|members| members.len());
        match listed.filter(|members| !members.is_empty()) {
            Some(members) => observed(topology, &cluster, members, &views),
            None => expected(topology, &cluster),
        }
    }
}

/// Whether a view was taken at a node of this cluster.
fn asked_in(topology: &Topology, view: &ObservedEtcd, cluster: &str) -> bool {
    topology
        .nodes_of(cluster)
        .any(|node| node.name == view.node || node.addresses.contains(&view.node))
}

/// Without a look into etcd, each control plane node is expected to be a member.
fn expected(topology: &mut Topology, cluster: &str) {
    let control_planes = topology
        .nodes
        .iter()
        .filter(|node| node.cluster == cluster && node.role == NodeRole::ControlPlane);
    let members: Vec<Member> = control_planes
        .map(|node| Member {
            name: node.name.clone(),
            cluster: cluster.to_owned(),
            node: Some(node.name.clone()),
            host: node.host.clone(),
            ..Member::default()
        })
        .collect();
    topology.members.extend(members);
}

fn observed(
    topology: &mut Topology,
    cluster: &str,
    listed: &[ObservedMember],
    views: &[&ObservedEtcd],
) {
    let leader = leader(views);
    let mut members = Vec::new();
    for member in listed {
        let node = topology
            .nodes
            .iter()
            .find(|node| node.cluster == cluster && runs_on(member, node));
        if node.is_none() {
            topology.mismatches.push(Mismatch {
                kind: "member-without-node".to_owned(),
                subject: member.name.clone(),
                message: format!(
                    "etcd member {} ({}) of cluster {cluster} belongs to no known node",
                    member.name, member.id
                ),
                seen: member.peer_urls.first().cloned(),
                ..Mismatch::default()
            });
        }
        members.push(Member {
            id: Some(member.id.clone()),
            name: member.name.clone(),
            cluster: cluster.to_owned(),
            node: node.map(|node| node.name.clone()),
            host: node.and_then(|node| node.host.clone()),
            leader: leader.as_ref() == Some(&member.id),
            learner: member.learner,
        });
    }
    for node in topology
        .nodes
        .iter_mut()
        .filter(|node| node.cluster == cluster)
    {
        let own = members
            .iter()
            .find(|member| member.node.as_ref() == Some(&node.name));
        if let Some(member) = own {
            node.etcd_member_id.clone_from(&member.id);
        } else if node.role == NodeRole::ControlPlane {
            topology.mismatches.push(Mismatch {
                kind: "node-without-member".to_owned(),
                subject: node.name.clone(),
                message: format!(
                    "control plane {} is not among the etcd members of cluster {cluster}",
                    node.name
                ),
                location: node.location.clone(),
                ..Mismatch::default()
            });
        }
    }
    topology.members.extend(members);
}

fn runs_on(member: &ObservedMember, node: &Node) -> bool {
    if let Some(id) = &node.etcd_member_id {
        return id.eq_ignore_ascii_case(&member.id);
    }
    let peers = || member.peer_urls.iter().filter_map(|url| url_host(url));
    member.name.eq_ignore_ascii_case(&node.name)
        || peers().any(|host| node.addresses.iter().any(|address| address == host))
}

/// The host part of a URL, without brackets.
fn url_host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => rest.split([':', '/']).next(),
    }
}

/// The leader that most views name.
fn leader(views: &[&ObservedEtcd]) -> Option<String> {
    let named: Vec<&String> = views
        .iter()
        .filter_map(|view| view.leader_id.as_ref())
        .collect();
    let votes = |id: &String| named.iter().filter(|other| **other == id).count();
    named
        .iter()
        .max_by_key(|id| votes(id))
        .map(|id| (*id).clone())
}
