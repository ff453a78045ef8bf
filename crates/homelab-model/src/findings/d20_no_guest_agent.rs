use super::{Rule, advice};
use crate::finding::{Finding, Severity};
use crate::topology::{Cluster, Node, Topology};
use crate::units::list;

pub(super) const RULE: Rule = Rule {
    code: "D20",
    name: "no-guest-agent",
    severity: Severity::Warning,
    title: "Talos nodes run in VMs without the QEMU guest agent.",
    explanation: "Without the system extension `siderolabs/qemu-guest-agent` Proxmox VE learns no \
        address of a guest, cannot freeze its file systems for a backup and has no agent to ask \
        for a clean shutdown. Extensions come from the observation, else from the talconfig, else \
        from the installer image: the image factory's id of a schematic without customization \
        is known, because it is the hash of `customization: {}`. A warning where the VM's \
        configuration expects an agent that is not there, else for information.",
    source: "image factory: a schematic's id is the SHA-256 of its YAML; Proxmox VE: qm.conf, agent",
    check,
};

/// SHA-256 of `customization: {}` and a line feed: an image without extensions.
pub(super) const VANILLA_SCHEMATIC: &str =
    "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";
/// The installer that is not made by an image factory has none either.
const PLAIN_INSTALLER: &str = "ghcr.io/siderolabs/installer";

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, cluster))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &Cluster) -> Option<Finding> {
    let nodes: Vec<&Node> = topology.nodes_of(&cluster.name).collect();
    let without: Vec<&&Node> = nodes
        .iter()
        .filter(|node| has_agent(node) == Some(false))
        .collect();
    if without.is_empty() {
        return None;
    }
    let names: Vec<&str> = without.iter().map(|node| node.name.as_str()).collect();
    let guests = || {
        without
            .iter()
            .filter_map(|node| topology.guest(node.guest.as_deref()?))
    };
    let expecting: Vec<&str> = guests()
        .filter(|guest| guest.agent_enabled == Some(true))
        .map(|guest| guest.name.as_str())
        .collect();
    let vanilla = without.iter().find(|node| is_vanilla(node));
    let why = match vanilla {
        Some(node) => match &node.schematic {
            Some(id) => format!(
                " Schematic {}… has no extensions at all.",
                id.get(..12).unwrap_or(id)
            ),
            None => " The plain installer has no extensions at all.".to_owned(),
        },
        None => String::new(),
    };
    let expects = match expecting.as_slice() {
        [] => String::new(),
        names => format!(
            " Proxmox VE expects an agent in {} and waits for it in vain.",
            list(names)
        ),
    };
    let message = format!(
        "{} of {} nodes have no QEMU guest agent ({}): Proxmox VE sees no addresses, cannot freeze \
         file systems for backups and has no agent to ask for a clean shutdown.{why}{expects}",
        without.len(),
        nodes.len(),
        list(&names)
    );
    let severity = if expecting.is_empty() {
        Severity::Info
    } else {
        Severity::Warning
    };
    let mut finding = rule
        .finding(severity, &cluster.name, message)
        .evidence("nodes without agent", without.len(), "")
        .evidence("nodes", nodes.len(), "");
    if let Some(id) = vanilla.and_then(|node| node.schematic.as_ref()) {
        finding = finding.evidence("schematic", id, "");
    }
    let gpus: Vec<&str> = topology
        .hosts
        .iter()
        .flat_map(|host| &host.gpus)
        .map(String::as_str)
        .collect();
    if vanilla.is_some() && !gpus.is_empty() {
        finding = finding.evidence("GPUs without driver extension", gpus.join(", "), "");
    }
    Some(finding.fix(advice(
        "Make a schematic with siderolabs/qemu-guest-agent and upgrade the nodes to its installer image, one at a time.",
    )))
}

fn is_vanilla(node: &Node) -> bool {
    let plain = |image: &str| {
        let name = image.split(['@', ':']).next().unwrap_or(image);
        name == PLAIN_INSTALLER
    };
    match &node.schematic {
        Some(id) => id.eq_ignore_ascii_case(VANILLA_SCHEMATIC),
        None => node.image.as_deref().is_some_and(plain),
    }
}

/// Whether the node has the agent; `None` when nothing tells.
fn has_agent(node: &Node) -> Option<bool> {
    match &node.extensions {
        Some(list) => Some(list.iter().any(|name| name.contains("qemu-guest-agent"))),
        None => is_vanilla(node).then_some(false),
    }
}
