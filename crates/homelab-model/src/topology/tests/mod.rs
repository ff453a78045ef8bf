//! The example lab as it would be seen, and what becomes of it when it differs.

mod joins;
mod partial;

use super::*;
use crate::finding::Severity;
use crate::findings::findings;
use crate::inventory::NodeRole;
use crate::inventory::tests::ragas_with;
use crate::observation::{
    ObservedDisk, ObservedEtcd, ObservedGuest, ObservedHost, ObservedMember, ObservedNode,
    ObservedQuorum, ObservedStorage,
};
use homelab_core::{Error, ErrorKind};

fn inventory() -> Inventory {
    ragas_with(&[]).unwrap()
}

/// The example lab, seen exactly as it is written down.
pub(crate) fn seen() -> Observation {
    let inventory = inventory();
    let mut seen = Observation {
        observed_at: "2026-01-01T00:00:00Z".to_owned(),
        quorum: Some(ObservedQuorum {
            cluster: "homelab".to_owned(),
            expected: 4,
            online: 4,
            quorate: true,
        }),
        ..Observation::default()
    };
    for host in &inventory.hosts {
        seen.hosts.push(ObservedHost {
            name: host.name.clone(),
            online: Some(true),
            address: host.address.clone(),
            memory_bytes: Some(host.memory_bytes),
            ..ObservedHost::default()
        });
    }
    let cluster = &inventory.clusters[0];
    let members: Vec<_> = cluster.nodes[..3]
        .iter()
        .enumerate()
        .map(|(n, node)| ObservedMember {
            id: format!("{:016x}", n + 1),
            name: node.name.clone(),
            peer_urls: vec![format!("https://{}:2380", node.addresses[0])],
            learner: false,
        })
        .collect();
    for (n, node) in cluster.nodes.iter().enumerate() {
        seen.guests.push(ObservedGuest {
            vmid: node.vmid.unwrap(),
            kind: "qemu".to_owned(),
            name: node.name.clone(),
            host: node.host.clone().unwrap(),
            status: "running".to_owned(),
            memory_bytes: node.memory_bytes,
            cores: node.cores,
            macs: node.macs.clone(),
            smbios_uuid: Some(format!("1111111{n}-0000-4000-8000-000000000001")),
            disks: vec![ObservedDisk {
                slot: "scsi0".to_owned(),
                storage: "vm-storage".to_owned(),
                volume: format!("vm-{n}-disk-0"),
                size_bytes: Some(node.disks[0].size_bytes),
            }],
            ..ObservedGuest::default()
        });
        let control_plane = node.role == NodeRole::ControlPlane;
        seen.nodes.push(ObservedNode {
            address: node.addresses[0].clone(),
            answered: true,
            hostname: Some(node.name.clone()),
            machine_type: Some(
                if control_plane {
                    "controlplane"
                } else {
                    "worker"
                }
                .to_owned(),
            ),
            ready: Some(true),
            talos_version: Some("v1.12.1".to_owned()),
            macs: node.macs.clone(),
            addresses: vec![
                node.addresses[0].clone(),
                "10.42.0.7".to_owned(),
                "169.254.1.1".to_owned(),
            ],
            smbios_uuid: Some(format!("1111111{n}-0000-4000-8000-000000000001")),
            extensions: Some(Vec::new()),
            ..ObservedNode::default()
        });
        if control_plane {
            seen.etcd.push(ObservedEtcd {
                node: node.addresses[0].clone(),
                members: members.clone(),
                member_id: Some(format!("{:016x}", n + 1)),
                leader_id: Some(format!("{:016x}", 2)),
                ..ObservedEtcd::default()
            });
        }
    }
    seen.nodes[1].addresses.push("172.16.1.49".to_owned());
    seen
}

fn join(seen: &Observation) -> Topology {
    Topology::join(&inventory(), seen)
}

fn kinds(topology: &Topology) -> Vec<(&str, &str)> {
    topology
        .mismatches
        .iter()
        .map(|m| (m.kind.as_str(), m.subject.as_str()))
        .collect()
}

fn codes(topology: &Topology) -> Vec<String> {
    findings(topology).into_iter().map(|f| f.code).collect()
}
