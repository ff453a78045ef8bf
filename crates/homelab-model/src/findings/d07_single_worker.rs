use super::{Rule, advice};
use crate::finding::{Finding, Severity};
use crate::inventory::NodeRole;
use crate::topology::{Cluster, Guest, Node, Topology};
use crate::units::{count, gib};
use crate::what_if::host_memory;

pub(super) const RULE: Rule = Rule {
    code: "D7",
    name: "single-worker",
    severity: Severity::Warning,
    title: "A cluster has one worker, so draining it leaves only the control planes.",
    explanation: "The rule compares the worker's memory with what the control planes have free once \
        the Kubernetes control plane has taken its part (assumption `control_plane_memory`, by \
        default 2.5 GiB each), and asks whether they may take workloads at all \
        (`allowSchedulingOnControlPlanes`).",
    source: "Kubernetes: drain evicts to the remaining schedulable nodes; Talos taints control planes unless allowed",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, cluster))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &Cluster) -> Option<Finding> {
    let nodes: Vec<&Node> = topology.nodes_of(&cluster.name).collect();
    let workers: Vec<&&Node> = nodes
        .iter()
        .filter(|n| n.role == NodeRole::Worker)
        .collect();
    let [worker] = workers.as_slice() else {
        return None;
    };
    let guest = |node: &Node| topology.guest(node.guest.as_deref()?);
    let own = guest(worker);
    let to_move = own.and_then(|guest| guest.memory_bytes)?;
    let control_planes: Vec<&Guest> = nodes
        .iter()
        .filter(|n| n.role == NodeRole::ControlPlane)
        .filter_map(|node| guest(node))
        .collect();
    let keep = topology.assumptions.control_plane_memory_bytes;
    let of_each = control_planes.iter().filter_map(|guest| guest.memory_bytes);
    let free: u64 = of_each.map(|memory| memory.saturating_sub(keep)).sum();
    let all = || nodes.iter().filter_map(|node| guest(node));
    let memory: u64 = all().filter_map(|guest| guest.memory_bytes).sum();
    let cores: u32 = all().filter_map(|guest| guest.cores).sum();
    let own_cores = own.and_then(|guest| guest.cores).unwrap_or(0);
    let host = worker.host.as_deref().unwrap_or("an unknown host");
    let planes = count(control_planes.len(), "control plane");
    let drain = match cluster.allow_scheduling_on_control_planes {
        Some(true) if free >= to_move => format!(
            "Draining it moves up to {} GiB to {planes} with about {} GiB free, which is all there is.",
            gib(to_move),
            gib(free)
        ),
        Some(true) => format!(
            "Draining it moves up to {} GiB to {planes} with about {} GiB free: not all of it fits.",
            gib(to_move),
            gib(free)
        ),
        Some(false) => format!("The {planes} take no workloads, so draining it stops them all."),
        None => format!("Whether the {planes} may take its workloads is not known."),
    };
    let message = format!(
        "{} on {host} is the only worker: {} of {} GiB and {own_cores} of {cores} vCPUs of the cluster. {drain}",
        worker.name,
        gib(to_move),
        gib(memory)
    );
    let allowed = cluster.allow_scheduling_on_control_planes;
    let allowed = allowed.map_or(
        "not known",
        |allowed| if allowed { "true" } else { "false" },
    );
    let roomiest = host_memory(topology)
        .into_iter()
        .filter(|memory| Some(&memory.host) != worker.host.as_ref() && memory.free_bytes >= to_move)
        .max_by_key(|memory| memory.free_bytes);
    Some(
        rule.finding(Severity::Warning, &cluster.name, message)
            .evidence("memory of the worker", gib(to_move), "GiB")
            .evidence("memory of the cluster", gib(memory), "GiB")
            .evidence("vCPUs of the worker", own_cores, "vCPUs")
            .evidence("vCPUs of the cluster", cores, "vCPUs")
            .evidence("free on the control planes", gib(free), "GiB")
            .evidence("allowSchedulingOnControlPlanes", allowed, "")
            .fix(roomiest.map(|to| {
                advice(format!(
                    "Add a second worker on {}, which has {} GiB free.",
                    to.host,
                    gib(to.free_bytes)
                ))
            })),
    )
}
