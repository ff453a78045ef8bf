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

#[test]
fn the_inventory_alone_is_a_topology() {
    let lab = Topology::from_inventory(&inventory());
    assert_eq!(lab.observed_at, None);
    assert_eq!(lab.guests_on("pve1").count(), 2);
    assert_eq!(lab.members.len(), 3);
    assert_eq!(lab.members[0].host.as_deref(), Some("pve1"));
    assert_eq!(lab.host("pve1").unwrap().overhead_bytes, 7 << 30);
    assert_eq!(lab.host("pve4").unwrap().overhead_bytes, 2 << 30);
    assert!(
        lab.joins
            .iter()
            .all(|j| j.evidence == "declared" && j.confidence == "weak")
    );
    assert_eq!(kinds(&lab), []);
    let vip = lab
        .addresses
        .iter()
        .find(|a| a.address == "172.16.1.49")
        .unwrap();
    assert_eq!(vip.owners.len(), 2);
}

#[test]
fn a_lab_as_written_joins_by_mac_without_mismatch() {
    let lab = join(&seen());
    assert_eq!(kinds(&lab), []);
    let node = lab
        .joins
        .iter()
        .find(|j| j.kind == "node-guest" && j.left == "talos-cp-1")
        .unwrap();
    assert_eq!(
        (
            node.right.as_str(),
            node.evidence.as_str(),
            node.confidence.as_str()
        ),
        ("talos-cp-1", "mac", "certain")
    );
    assert_eq!(
        node.agreeing,
        ["mac", "smbios-uuid", "address", "name", "declared"]
    );
    let leader = lab.members.iter().find(|m| m.leader).unwrap();
    assert_eq!(
        (leader.name.as_str(), leader.host.as_deref()),
        ("talos-cp-2", Some("pve1"))
    );
    assert_eq!(lab.clusters[0].vip_holder.as_deref(), Some("talos-cp-2"));
    assert_eq!(
        lab.node("talos-cp-2").unwrap().addresses,
        ["172.16.1.51"],
        "neither VIP nor pods"
    );
    // The numbers are the same as those of the inventory; the leader stays this time.
    let found = findings(&lab);
    let d4 = found.iter().find(|f| f.code == "D4").unwrap();
    assert_eq!(d4.fix.as_ref().unwrap().moves[0].guest, "talos-cp-1");
}

#[test]
fn without_macs_uuid_then_address_then_name_decide() {
    let mut observation = seen();
    for node in &mut observation.nodes {
        node.macs.clear();
    }
    for guest in &mut observation.guests {
        guest.macs = vec![
            "bc:24:11:00:00:00"
                .to_owned()
                .replace("00:00:00", &format!("00:00:{:02}", guest.vmid % 100)),
        ];
    }
    let evidence = |lab: &Topology| {
        let join = lab
            .joins
            .iter()
            .find(|j| j.kind == "node-guest" && j.left == "talos-cp-3")
            .unwrap();
        (join.evidence.clone(), join.confidence.clone())
    };
    assert_eq!(
        evidence(&join(&observation)),
        ("smbios-uuid".into(), "certain".into())
    );
    for node in &mut observation.nodes {
        node.smbios_uuid = None;
    }
    assert_eq!(
        evidence(&join(&observation)),
        ("address".into(), "strong".into())
    );
}

#[test]
fn swapped_macs_are_conflicting_evidence() {
    let mut observation = seen();
    let first = observation.guests[0].macs.clone();
    observation.guests[0].macs = observation.guests[1].macs.clone();
    observation.guests[1].macs = first;
    for guest in &mut observation.guests {
        guest.smbios_uuid = None;
    }
    let lab = join(&observation);
    assert_eq!(
        lab.node("talos-cp-1").unwrap().guest.as_deref(),
        Some("talos-cp-1")
    );
    let conflicts: Vec<_> = lab
        .mismatches
        .iter()
        .filter(|m| m.kind == "conflicting-evidence")
        .collect();
    assert!(
        conflicts.iter().any(|m| m
            .message
            .contains("the MAC address says that guest talos-cp-2 (102) is talos-cp-1")),
        "{conflicts:#?}"
    );
    assert!(codes(&lab).contains(&"M1".to_owned()));
}

#[test]
fn two_guests_with_one_mac() {
    let mut observation = seen();
    let mut copy = observation.guests[0].clone();
    copy.vmid = 900;
    copy.name = "restored".to_owned();
    copy.host = "pve3".to_owned();
    observation.guests.push(copy);
    let lab = join(&observation);
    assert!(kinds(&lab).contains(&("duplicate-mac", "bc:24:11:62:66:6e")));
    assert_eq!(
        lab.node("talos-cp-1").unwrap().guest.as_deref(),
        Some("talos-cp-1"),
        "the name decides"
    );
    let found = findings(&lab);
    assert!(
        found
            .iter()
            .any(|f| f.code == "M2" && f.severity == Severity::Critical)
    );
    assert!(
        found
            .iter()
            .any(|f| f.code == "M7" && f.message.contains("restored"))
    );
}

#[test]
fn moved_resized_missing_and_unknown_guests() {
    let mut observation = seen();
    observation.guests[1].host = "pve4".to_owned();
    observation.guests[0].memory_bytes = Some(12 << 30);
    observation.guests[3].disks[0].size_bytes = Some(100 << 30);
    observation.guests.remove(2);
    observation.nodes.remove(2);
    observation.etcd.remove(2);
    observation.guests.push(ObservedGuest {
        vmid: 500,
        name: "plex".to_owned(),
        host: "pve4".to_owned(),
        status: "stopped".to_owned(),
        memory_bytes: Some(60 << 30),
        ..ObservedGuest::default()
    });
    observation.guests.push(ObservedGuest {
        vmid: 9000,
        name: "template".to_owned(),
        template: true,
        ..ObservedGuest::default()
    });
    let lab = join(&observation);
    let found = kinds(&lab);
    for expected in [
        ("wrong-host", "talos-cp-2"),
        ("size-differs", "talos-cp-1"),
        ("size-differs", "talos-worker-1"),
        ("guest-not-found", "talos-cp-3"),
        ("guest-not-declared", "plex"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert_eq!(
        lab.node("talos-cp-2").unwrap().host.as_deref(),
        Some("pve4"),
        "what was seen counts"
    );
    assert!(!codes(&lab).contains(&"D1".to_owned()), "cp-2 has moved");
    let memory = crate::what_if::host_memory(&lab);
    assert_eq!(
        memory[3].guests_bytes,
        8 << 30,
        "a stopped guest nobody wrote down takes none"
    );
    assert!(lab.guest("template").is_none());
}

#[test]
fn a_dead_host_is_a_partial_picture() {
    let mut observation = seen();
    observation.hosts[1].online = Some(false);
    observation.hosts[1].memory_bytes = None;
    let down = Error::new(ErrorKind::Unavailable, "no route to host")
        .target("172.16.1.52")
        .to_data();
    for index in [2, 3] {
        let address = observation.nodes[index].address.clone();
        observation.nodes[index] = ObservedNode {
            address: address.clone(),
            ..ObservedNode::default()
        };
        observation.guests[index].status = "unknown".to_owned();
        observation.failures.push(homelab_core::error::Failure {
            target: address,
            error: down.clone(),
        });
    }
    observation.etcd.remove(2);
    let lab = join(&observation);
    assert_eq!(kinds(&lab), [], "silence is no mismatch");
    assert_eq!(
        lab.host("pve2").unwrap().memory_bytes,
        Some(28 << 30),
        "from the inventory"
    );
    let found = findings(&lab);
    let of = |code: &str| {
        found
            .iter()
            .filter(|f| f.code == code)
            .map(|f| f.message.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("O1"),
        ["Host pve2 is offline. On it: talos-cp-3 and talos-worker-1."]
    );
    assert_eq!(
        of("O2"),
        [
            "Node talos-cp-3 (172.16.1.52) did not answer: its host pve2 is offline.",
            "Node talos-worker-1 (172.16.1.53) did not answer: its host pve2 is offline.",
        ]
    );
    assert_eq!(of("O3"), Vec::<&str>::new());
}

#[test]
fn etcd_that_disagrees_or_has_no_leader() {
    let mut observation = seen();
    observation.etcd[0].members.pop();
    assert!(codes(&join(&observation)).contains(&"O4".to_owned()));
    let mut observation = seen();
    for view in &mut observation.etcd {
        view.leader_id = None;
        view.errors = vec!["NOSPACE".to_owned()];
    }
    let found = findings(&join(&observation));
    let of: Vec<_> = found
        .iter()
        .filter(|f| f.code == "O4")
        .map(|f| f.message.as_str())
        .collect();
    assert!(
        of[0].starts_with("No member of etcd knows a leader: 3 of 3"),
        "{of:?}"
    );
    assert_eq!(of.len(), 4);
}

#[test]
fn members_and_nodes_that_miss_each_other() {
    let mut observation = seen();
    for view in &mut observation.etcd {
        view.members[2] = ObservedMember {
            id: "00000000000000ff".to_owned(),
            name: "old".to_owned(),
            peer_urls: vec!["https://172.16.1.99:2380".to_owned()],
            learner: false,
        };
    }
    let lab = join(&observation);
    assert!(kinds(&lab).contains(&("member-without-node", "old")));
    assert!(kinds(&lab).contains(&("node-without-member", "talos-cp-3")));
}

#[test]
fn a_node_on_bare_metal_and_one_that_nobody_wrote_down() {
    let mut observation = seen();
    observation.nodes.push(ObservedNode {
        address: "172.16.1.70".to_owned(),
        answered: true,
        hostname: Some("metal".to_owned()),
        ..ObservedNode::default()
    });
    let lab = join(&observation);
    assert_eq!(kinds(&lab), [("node-without-guest", "metal")]);
    assert_eq!(lab.node("metal").unwrap().cluster, "kubernetes");
    observation.nodes[4].answered = false;
    assert!(join(&observation).node("metal").is_none());
}

#[test]
fn everything_empty_is_fine() {
    let lab = join(&Observation::default());
    assert_eq!(kinds(&lab), []);
    assert_eq!(lab.members.len(), 3);
    assert!(codes(&lab).contains(&"D1".to_owned()));
}

#[test]
fn storages_are_summed_only_when_local() {
    let mut observation = seen();
    for (host, shared, name) in [
        ("pve1", true, "vm-storage"),
        ("pve2", true, "vm-storage"),
        ("pve1", false, "local"),
        ("pve2", false, "local"),
    ] {
        observation.storages.push(ObservedStorage {
            name: name.to_owned(),
            host: host.to_owned(),
            shared,
            active: Some(host == "pve1"),
            total_bytes: Some(100),
            used_bytes: Some(10),
            ..ObservedStorage::default()
        });
    }
    let lab = join(&observation);
    assert_eq!(
        (lab.storages[0].total_bytes, lab.storages[1].total_bytes),
        (Some(100), Some(200))
    );
    assert_eq!(lab.storages[1].inactive_on, ["pve2"]);
}

#[test]
fn a_topology_survives_json() {
    let lab = join(&seen());
    let json = serde_json::to_string(&lab).unwrap();
    assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), lab);
}
