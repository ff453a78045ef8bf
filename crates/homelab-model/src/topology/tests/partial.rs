use super::*;

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
