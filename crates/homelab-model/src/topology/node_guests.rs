//! Talos nodes, matched with the guests they run in.

use super::evidence::{Evidence, matching, same_uuid, share};
use super::{Guest, Mismatch, Node, Topology, guests};
use crate::observation::Observation;

/// Each node with the guest it runs in.
pub(super) fn join(topology: &mut Topology, seen: Option<&Observation>) {
    let matched = matching(
        topology.nodes.len(),
        topology.guests.len(),
        |left, right| match (topology.nodes.get(left), topology.guests.get(right)) {
            (Some(node), Some(guest)) => runs_in(node, guest),
            _ => Vec::new(),
        },
    );
    for conflict in &matched.conflicts {
        let guest = |index: usize| topology.guests.get(index).map(described);
        if let (Some(node), Some(right), Some(other)) = (
            topology.nodes.get(conflict.left),
            guest(conflict.right),
            guest(conflict.other),
        ) {
            let what = format!("node {}", node.name);
            let mut mismatch = conflict.mismatch(&what, &right, &other);
            mismatch.subject.clone_from(&node.name);
            mismatch.location.clone_from(&node.location);
            topology.mismatches.push(mismatch);
        }
    }
    for pair in &matched.pairs {
        let (Some(node), Some(guest)) = (
            topology.nodes.get_mut(pair.left),
            topology.guests.get_mut(pair.right),
        ) else {
            continue;
        };
        node.guest = Some(guest.name.clone());
        node.host.clone_from(&guest.host);
        guest.node = Some(node.name.clone());
        guest.address = guest.address.take().or_else(|| node.address.clone());
        topology
            .joins
            .push(pair.join("node-guest", &node.name, &guest.name));
    }
    if let Some(seen) = seen {
        lonely(topology, seen);
    }
}

fn runs_in(node: &Node, guest: &Guest) -> Vec<Evidence> {
    let mut agreeing = Vec::new();
    // What comes from one line of the inventory is no evidence of its own.
    let same_entry = guest.declared && node.declared && guest.location == node.location;
    let independent = !same_entry || node.observed || guest.observed;
    if independent {
        if share(&node.macs, &guest.macs) {
            agreeing.push(Evidence::Mac);
        }
        if same_uuid(node.smbios_uuid.as_deref(), guest.smbios_uuid.as_deref()) {
            agreeing.push(Evidence::SmbiosUuid);
        }
        if guest
            .address
            .as_ref()
            .is_some_and(|address| node.addresses.contains(address))
        {
            agreeing.push(Evidence::Address);
        }
        if node.name.eq_ignore_ascii_case(&guest.name) {
            agreeing.push(Evidence::Name);
        }
    }
    if same_entry {
        agreeing.push(Evidence::Declared);
    }
    agreeing
}

fn described(guest: &Guest) -> String {
    match guest.vmid {
        Some(vmid) => format!("guest {} ({vmid})", guest.name),
        None => format!("guest {}", guest.name),
    }
}

/// Nodes without guest and Talos guests without node.
fn lonely(topology: &mut Topology, seen: &Observation) {
    let mut found = Vec::new();
    for node in &topology.nodes {
        if node.observed && node.guest.is_none() && !seen.guests.is_empty() {
            found.push(Mismatch {
                kind: "node-without-guest".to_owned(),
                subject: node.name.clone(),
                message: format!(
                    "node {} runs in none of the guests that Proxmox VE lists",
                    node.name
                ),
                seen: node.address.clone(),
                location: node.location.clone(),
                ..Mismatch::default()
            });
        }
        // One that was asked and kept silent is reported as such.
        let running = node.guest.as_ref().and_then(|name| topology.guest(name));
        let running = running.filter(|guest| guest.status.as_deref() == Some("running"));
        if let Some(guest) = running
            && !node.observed
            && node.answered.is_none()
            && !seen.nodes.is_empty()
        {
            found.push(Mismatch {
                kind: "guest-without-node".to_owned(),
                subject: guest.name.clone(),
                message: format!(
                    "guest {} runs, but no Talos node was found in it",
                    guest.name
                ),
                location: guests::location(topology, &guest.name),
                ..Mismatch::default()
            });
        }
    }
    topology.mismatches.extend(found);
}
