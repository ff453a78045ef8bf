use super::*;

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
