//! Talos nodes: what the inventory lists, matched with what answered.

use std::net::IpAddr;

use ipnet::IpNet;

use super::evidence::{Evidence, matching, share};
use super::{Cluster, Mismatch, Node, Topology};
use crate::inventory::{ClusterSpec, Inventory, NodeRole, NodeSpec};
use crate::observation::{Observation, ObservedNode};

pub(super) fn add(topology: &mut Topology, inventory: &Inventory, seen: Option<&Observation>) {
    topology.clusters = inventory.clusters.iter().map(cluster).collect();
    let declared = inventory
        .clusters
        .iter()
        .flat_map(|c| c.nodes.iter().map(move |n| of_spec(c, n)));
    topology.nodes = declared.collect();
    if let Some(seen) = seen {
        observed(topology, inventory, seen);
    }
}

fn cluster(spec: &ClusterSpec) -> Cluster {
    Cluster {
        name: spec.name.clone(),
        endpoint: spec.endpoint.clone(),
        vip: spec.vip.clone(),
        vip_holder: None,
        load_balancers: spec.load_balancers.clone(),
        talos_version: spec.talos_version.clone(),
        kubernetes_version: spec.kubernetes_version.clone(),
        allow_scheduling_on_control_planes: spec.allow_scheduling_on_control_planes,
        cni: spec.cni.clone(),
        kube_proxy_disabled: spec.kube_proxy_disabled,
        nameservers: spec.nameservers.clone(),
    }
}

fn of_spec(cluster: &ClusterSpec, spec: &NodeSpec) -> Node {
    Node {
        cluster: cluster.name.clone(),
        role: spec.role,
        address: spec.address.clone(),
        addresses: spec.addresses.clone(),
        macs: spec.macs.clone(),
        talos_version: cluster.talos_version.clone(),
        kubernetes_version: cluster.kubernetes_version.clone(),
        extensions: spec.extensions.clone(),
        schematic: spec.schematic.clone(),
        image: spec.image.clone(),
        secure_boot: spec.secure_boot,
        declared: true,
        location: Some(spec.location.clone()),
        ..Node::named(spec.name.clone())
    }
}

impl Node {
    fn named(name: String) -> Node {
        Node {
            name,
            cluster: String::new(),
            role: NodeRole::Worker,
            address: None,
            addresses: Vec::new(),
            macs: Vec::new(),
            smbios_uuid: None,
            guest: None,
            host: None,
            answered: None,
            stage: None,
            ready: None,
            unmet_conditions: Vec::new(),
            unhealthy_services: Vec::new(),
            talos_version: None,
            kubernetes_version: None,
            extensions: None,
            schematic: None,
            image: None,
            secure_boot: None,
            nodename: None,
            etcd_member_id: None,
            holds_vip: false,
            declared: false,
            observed: false,
            location: None,
        }
    }
}

fn observed(topology: &mut Topology, inventory: &Inventory, seen: &Observation) {
    let matched = matching(
        seen.nodes.len(),
        topology.nodes.len(),
        |left, right| match (seen.nodes.get(left), topology.nodes.get(right)) {
            (Some(seen), Some(node)) => speaks_for(seen, node),
            _ => Vec::new(),
        },
    );
    for conflict in &matched.conflicts {
        let name = |index: usize| topology.nodes.get(index).map(|node| node.name.clone());
        if let (Some(seen), Some(right), Some(other)) = (
            seen.nodes.get(conflict.left),
            name(conflict.right),
            name(conflict.other),
        ) {
            let what = format!("the node at {}", seen.address);
            topology
                .mismatches
                .push(conflict.mismatch(&what, &right, &other));
        }
    }
    for (index, node) in seen.nodes.iter().enumerate() {
        let pair = matched.pairs.iter().find(|pair| pair.left == index);
        match pair.and_then(|pair| Some((pair, topology.nodes.get(pair.right)?.clone()))) {
            Some((pair, known)) => {
                let left = node.hostname.as_deref().unwrap_or(&node.address);
                topology
                    .joins
                    .push(pair.join("node-inventory", left, &known.name));
                let merged = merge(topology, inventory, known, node);
                if let Some(slot) = topology.nodes.get_mut(pair.right) {
                    *slot = merged;
                }
            }
            // An address that nobody answers at is no node; it is among the failures.
            None if !node.answered => {}
            None => {
                let name = node
                    .hostname
                    .clone()
                    .unwrap_or_else(|| node.address.clone());
                let mut fresh = Node::named(name);
                fresh.cluster = cluster_of(topology, node);
                let merged = merge(topology, inventory, fresh, node);
                topology.nodes.push(merged);
            }
        }
    }
    for cluster in &mut topology.clusters {
        let mut of_cluster = topology
            .nodes
            .iter()
            .filter(|node| node.cluster == cluster.name);
        cluster.vip_holder = of_cluster
            .find(|node| node.holds_vip)
            .map(|node| node.name.clone());
    }
}

fn speaks_for(seen: &ObservedNode, node: &Node) -> Vec<Evidence> {
    let mut agreeing = Vec::new();
    if share(&seen.macs, &node.macs) {
        agreeing.push(Evidence::Mac);
    }
    if node.addresses.contains(&seen.address) || share(&seen.addresses, &node.addresses) {
        agreeing.push(Evidence::Address);
    }
    let hostname = seen.hostname.as_deref().unwrap_or_default();
    if hostname.eq_ignore_ascii_case(&node.name) {
        agreeing.push(Evidence::Name);
    }
    agreeing
}

/// The cluster of a node that the inventory does not know.
fn cluster_of(topology: &mut Topology, node: &ObservedNode) -> String {
    let name = match (&node.cluster, topology.clusters.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => only.name.clone(),
        (None, _) => "unknown".to_owned(),
    };
    if !topology.clusters.iter().any(|cluster| cluster.name == name) {
        topology.clusters.push(Cluster {
            name: name.clone(),
            ..Cluster::default()
        });
    }
    name
}

fn merge(topology: &mut Topology, inventory: &Inventory, known: Node, seen: &ObservedNode) -> Node {
    let mut node = known;
    node.answered = Some(seen.answered);
    if !seen.answered {
        return node;
    }
    compare(topology, &node, seen);
    let spec = inventory.clusters.iter().find(|c| c.name == node.cluster);
    let vip = spec.and_then(|c| c.vip.clone());
    node.observed = true;
    node.holds_vip = vip.as_ref().is_some_and(|vip| seen.addresses.contains(vip));
    if let Some(role) = seen.machine_type.as_deref().and_then(role_of) {
        node.role = role;
    }
    node.addresses = real_addresses(topology, spec, &node, seen, vip.as_deref());
    node.address = node.address.or_else(|| Some(seen.address.clone()));
    if !seen.macs.is_empty() {
        node.macs.clone_from(&seen.macs);
    }
    node.smbios_uuid.clone_from(&seen.smbios_uuid);
    node.stage.clone_from(&seen.stage);
    node.ready = seen.ready;
    node.unmet_conditions.clone_from(&seen.unmet_conditions);
    node.unhealthy_services.clone_from(&seen.unhealthy_services);
    node.talos_version = seen.talos_version.clone().or(node.talos_version);
    node.kubernetes_version = seen.kubernetes_version.clone().or(node.kubernetes_version);
    node.extensions = seen.extensions.clone().or(node.extensions);
    node.schematic = seen.schematic.clone().or(node.schematic);
    node.secure_boot = seen.secure_boot.or(node.secure_boot);
    node.nodename.clone_from(&seen.nodename);
    node.etcd_member_id.clone_from(&seen.etcd_member_id);
    node
}

fn role_of(machine_type: &str) -> Option<NodeRole> {
    match machine_type {
        "controlplane" | "control-plane" | "init" => Some(NodeRole::ControlPlane),
        "worker" => Some(NodeRole::Worker),
        _ => None,
    }
}

/// A node's own addresses on the lab's network: not the VIP, not loopback or
/// link-local, not those of pods and services.
fn real_addresses(
    topology: &Topology,
    spec: Option<&ClusterSpec>,
    node: &Node,
    seen: &ObservedNode,
    vip: Option<&str>,
) -> Vec<String> {
    let nets = |texts: &[String]| -> Vec<IpNet> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    };
    let inner = spec.map_or_else(Vec::new, |spec| {
        let mut all = nets(&spec.pod_subnets);
        all.extend(nets(&spec.service_subnets));
        all
    });
    let lab: Option<IpNet> = topology.subnet.as_ref().and_then(|text| text.parse().ok());
    let mut own = node.addresses.clone();
    for text in std::iter::once(&seen.address).chain(&seen.addresses) {
        let Ok(ip) = text.parse::<IpAddr>() else {
            continue;
        };
        let local = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        let outside =
            lab.is_some_and(|net| net.addr().is_ipv4() == ip.is_ipv4() && !net.contains(&ip));
        let of_pods = inner.iter().any(|net| net.contains(&ip));
        if !local && !outside && !of_pods && Some(text.as_str()) != vip && !own.contains(text) {
            own.push(text.clone());
        }
    }
    own
}

/// Where the inventory and the node itself disagree.
fn compare(topology: &mut Topology, node: &Node, seen: &ObservedNode) {
    if !node.declared {
        return;
    }
    let mut differ = |kind: &str, what: &str, written: &str, there: &str| {
        topology.mismatches.push(Mismatch {
            kind: kind.to_owned(),
            subject: node.name.clone(),
            message: format!(
                "node {} {what} {there}, the inventory says {written}",
                node.name
            ),
            expected: Some(written.to_owned()),
            seen: Some(there.to_owned()),
            location: node.location.clone(),
        });
    };
    if let Some(role) = seen.machine_type.as_deref().and_then(role_of)
        && role != node.role
    {
        differ("role-differs", "is a", node.role.as_str(), role.as_str());
    }
    let plain = |version: &str| version.trim_start_matches('v').to_owned();
    for (what, written, there) in [
        ("runs Talos", &node.talos_version, &seen.talos_version),
        (
            "runs Kubernetes",
            &node.kubernetes_version,
            &seen.kubernetes_version,
        ),
    ] {
        if let (Some(written), Some(there)) = (written, there)
            && plain(written) != plain(there)
        {
            differ("version-differs", what, written, there);
        }
    }
    if let Some(hostname) = seen
        .hostname
        .as_ref()
        .filter(|h| !h.eq_ignore_ascii_case(&node.name))
    {
        differ("name-differs", "calls itself", &node.name, hostname);
    }
}
