//! From Talos' words to the model's. Pure.

use homelab_model::observation::{ObservedEtcd, ObservedMember, ObservedNode};
use talos_client::cosi::{ExtensionStatus, LinkStatus, MachineStatus, Member, NodeAddress};
use talos_client::{EtcdMember, EtcdStatus, Service};

/// Addresses without prefix length, those of Kubernetes and the machine alike.
pub(super) fn addresses(selections: &[NodeAddress]) -> Vec<String> {
    let selection = ["current", "routed", "accumulative", "default"]
        .into_iter()
        .find_map(|id| selections.iter().find(|s| s.id == id));
    let mut addresses: Vec<String> = selection
        .iter()
        .flat_map(|s| &s.addresses)
        .map(|a| a.split('/').next().unwrap_or(a).to_owned())
        .filter(|a| a != "127.0.0.1" && a != "::1")
        .collect();
    addresses.dedup();
    addresses
}

/// MAC addresses of hardware, which for a guest its host has given.
pub(super) fn macs(links: &[LinkStatus]) -> Vec<String> {
    links
        .iter()
        .filter(|l| l.physical)
        .filter_map(|l| {
            l.permanent_address
                .clone()
                .or_else(|| l.hardware_address.clone())
        })
        .filter(|mac| mac.chars().any(|c| !matches!(c, '0' | ':')))
        .collect()
}

/// What the image was built from: its extensions and its schematic.
pub(super) fn extensions(node: &mut ObservedNode, layers: &[ExtensionStatus]) {
    // Two entries are no extensions: the schematic's own, and the module
    // dependencies that the installer rebuilt.
    let names = layers
        .iter()
        .map(|l| l.name.clone())
        .filter(|n| !matches!(n.as_str(), "schematic" | "modules.dep" | ""));
    node.extensions = Some(names.collect());
    node.schematic = layers
        .iter()
        .find(|l| l.name == "schematic")
        .map(|l| l.version.clone());
}

pub(super) fn machine_status(node: &mut ObservedNode, status: &MachineStatus) {
    // The stage's word is the one that it is serialised as.
    node.stage = serde_json::to_value(&status.stage)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned));
    node.ready = Some(status.ready);
    node.unmet_conditions = status
        .unmet_conditions
        .iter()
        .map(|c| {
            if c.reason.is_empty() {
                c.name.clone()
            } else {
                format!("{}: {}", c.name, c.reason)
            }
        })
        .collect();
}

/// Services that do not run or whose health check fails, each with its words.
pub(super) fn unhealthy(services: &[Service]) -> Vec<String> {
    services
        .iter()
        .filter(|s| !matches!(s.state.as_str(), "Running" | "Finished") || s.healthy == Some(false))
        .map(|s| {
            let why = if s.health_message.is_empty() {
                &s.state
            } else {
                &s.health_message
            };
            format!("{}: {why}", s.id)
        })
        .collect()
}

/// `controlplane` or `worker`, from the members that discovery knows.
pub(super) fn machine_type(node: &ObservedNode, members: &[Member]) -> Option<String> {
    let member = members.iter().find(|m| is_member(node, m))?;
    serde_json::to_value(&member.machine_type)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
}

fn is_member(node: &ObservedNode, member: &Member) -> bool {
    member.addresses.contains(&node.address)
        || member.addresses.iter().any(|a| node.addresses.contains(a))
}

/// The address of a member that was not asked yet.
pub(super) fn unknown_member<'a>(member: &'a Member, asked: &[ObservedNode]) -> Option<&'a str> {
    let known = asked.iter().any(|n| {
        is_member(n, member)
            || n.hostname.as_deref() == Some(&member.hostname)
            || n.address == member.hostname
    });
    if known {
        None
    } else {
        member.addresses.first().map(String::as_str)
    }
}

pub(super) fn etcd(
    node: &str,
    status: Option<EtcdStatus>,
    members: Option<Vec<EtcdMember>>,
) -> Option<ObservedEtcd> {
    if status.is_none() && members.is_none() {
        return None;
    }
    let members = members
        .unwrap_or_default()
        .into_iter()
        .map(|m| ObservedMember {
            id: m.id,
            name: m.hostname,
            peer_urls: m.peer_urls,
            learner: m.learner,
        })
        .collect();
    let mut seen = ObservedEtcd {
        node: node.to_owned(),
        members,
        ..ObservedEtcd::default()
    };
    if let Some(status) = status {
        seen.member_id = Some(status.member_id);
        seen.leader_id = status.leader_id;
        seen.revision = i64::try_from(status.raft_applied_index).ok();
        seen.db_size_bytes = Some(status.db_size_bytes);
        seen.db_in_use_bytes = Some(status.db_size_in_use_bytes);
        seen.storage_version = Some(status.storage_version).filter(|v| !v.is_empty());
        seen.errors = status.errors;
    }
    Some(seen)
}
