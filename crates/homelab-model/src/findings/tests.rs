//! The example lab's numbers, and that other labs give other ones.

use super::*;
use crate::inventory::Inventory;
use crate::inventory::tests::ragas_with;
use crate::what_if::move_guests;

fn ragas() -> Topology {
    Topology::from_inventory(&ragas_with(&[]).unwrap())
}

fn changed(from: &str, to: &str) -> Topology {
    Topology::from_inventory(&ragas_with(&[("homelab.yaml", from, to)]).unwrap())
}

/// A lab of hosts with `(name, GB)` and control planes of 8 GiB on the named hosts.
fn lab(hosts: &[(&str, u32)], control_planes: &[&str]) -> Topology {
    let hosts = hosts
        .iter()
        .map(|(name, gb)| format!("  - {{name: {name}, memory: {gb}GB}}\n"));
    let nodes = control_planes.iter().enumerate().map(|(n, host)| {
        format!(
            "      - {{name: cp-{}, role: control-plane, host: {host}, memory: 8GB}}\n",
            n + 1
        )
    });
    let text = format!(
        "name: x\nhosts:\n{}clusters:\n  - name: c\n    nodes:\n{}",
        hosts.collect::<String>(),
        nodes.collect::<String>()
    );
    let none = |path: &str| {
        Err(homelab_core::Error::new(
            homelab_core::ErrorKind::NotFound,
            path,
        ))
    };
    Topology::from_inventory(&Inventory::parse("lab.yaml", &text, &none).unwrap())
}

fn of(topology: &Topology, code: &str) -> Vec<Finding> {
    let mut found = findings(topology);
    found.retain(|finding| finding.code == code);
    found
}

fn one(topology: &Topology, code: &str) -> Finding {
    let mut found = of(topology, code);
    assert_eq!(found.len(), 1, "{code}: {found:#?}");
    found.remove(0)
}

fn value(finding: &Finding, name: &str) -> String {
    let found = finding.evidence.iter().find(|e| e.name == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {finding:#?}"))
        .value
        .clone()
}

fn moves(finding: &Finding) -> Vec<String> {
    let moves = finding.fix.iter().flat_map(|fix| &fix.moves);
    moves
        .map(|m| format!("{}: {} -> {}", m.guest, m.from, m.to))
        .collect()
}

#[test]
fn the_example_has_exactly_these() {
    let codes: Vec<_> = findings(&ragas())
        .into_iter()
        .map(|f| format!("{} {}", f.severity, f.code))
        .collect();
    assert_eq!(
        codes,
        [
            "critical D1",
            "critical D5",
            "warning D2",
            "warning D3",
            "warning D3",
            "warning D6",
            "warning D7",
            "warning D8",
            "warning D13",
            "warning D15",
            "info D4",
            "info D20",
        ]
    );
}

#[test]
fn d1_pigeonhole() {
    let finding = one(&ragas(), "D1");
    assert!(
        finding.message.contains("losing pve1 leaves 1 of 3"),
        "{}",
        finding.message
    );
    assert_eq!(value(&finding, "placements that survive"), "0 of 8");
    assert_eq!(
        value(&finding, "placements on 3 hosts that survive"),
        "6 of 27"
    );
    assert_eq!(value(&finding, "members on pve1"), "talos-cp-1, talos-cp-2");
    assert_eq!(
        of(
            &lab(&[("a", 16), ("b", 16), ("c", 16)], &["a", "b", "c"]),
            "D1"
        ),
        []
    );
    let five = one(
        &lab(
            &[("a", 64), ("b", 16), ("c", 16)],
            &["a", "a", "a", "b", "c"],
        ),
        "D1",
    );
    assert_eq!(value(&five, "placements that survive"), "90 of 243");
    let single = one(&lab(&[("a", 64)], &["a"]), "D1");
    assert!(
        single
            .fix
            .unwrap()
            .summary
            .starts_with("Add 2 more control planes")
    );
    let two_hosts = one(&lab(&[("a", 64), ("b", 64)], &["a", "a", "b"]), "D1");
    assert!(
        two_hosts
            .fix
            .unwrap()
            .summary
            .starts_with("Add a third host")
    );
}

#[test]
fn d2_availability() {
    let finding = one(&ragas(), "D2");
    assert_eq!(value(&finding, "times the unavailability"), "33.6");
    assert_eq!(value(&finding, "availability as placed"), "99.000");
    assert_eq!(value(&finding, "availability on 3 hosts"), "99.970");
    let rarer = one(
        &changed(
            "host_outage_probability: 1%",
            "host_outage_probability: 0.1%",
        ),
        "D2",
    );
    assert_eq!(value(&rarer, "times the unavailability"), "334");
    assert_eq!(
        of(
            &lab(&[("a", 16), ("b", 16), ("c", 16)], &["a", "b", "c"]),
            "D2"
        ),
        []
    );
}

#[test]
fn d3_claims_against_tolerance() {
    let found = of(&ragas(), "D3");
    assert!(
        found[0].message.contains("node tolerance 1"),
        "{}",
        found[0].message
    );
    assert!(
        found[0]
            .message
            .contains("losing pve1 takes 2 at once (host tolerance 0)")
    );
    assert_eq!(found[0].severity, Severity::Warning);
    assert!(
        found[1]
            .message
            .contains("4 of 4 nodes are without secure boot")
    );
    let two = of(&changed("count: 1", "count: 2"), "D3");
    assert_eq!(two[0].severity, Severity::Critical);
    let host = of(&changed("of: control-plane", "of: host"), "D3");
    assert!(
        host[0]
            .message
            .contains("survives the loss of 0 hosts at most"),
        "{}",
        host[0].message
    );
    let moved = move_guests(&ragas(), &one(&ragas(), "D4").fix.unwrap().moves);
    assert_eq!(of(&moved, "D3").len(), 1, "only secure boot is left");
}

#[test]
fn d4_one_move() {
    let finding = one(&ragas(), "D4");
    assert_eq!(moves(&finding), ["talos-cp-2: pve1 -> pve4"]);
    assert_eq!(value(&finding, "memory of pve1 after"), "54");
    assert_eq!(value(&finding, "memory of pve4 after"), "16");
    assert_eq!(value(&finding, "host tolerance after"), "1");
    let full = one(
        &lab(&[("a", 64), ("b", 8), ("c", 8)], &["a", "a", "a"]),
        "D4",
    );
    assert!(
        full.fix.is_none() && full.severity == Severity::Warning,
        "{full:?}"
    );
    let pair = one(
        &lab(&[("a", 64), ("b", 16), ("c", 16)], &["a", "a", "a"]),
        "D4",
    );
    assert_eq!(moves(&pair), ["cp-2: a -> b", "cp-3: a -> c"]);
}

#[test]
fn the_moved_lab_is_mended() {
    let moved = move_guests(&ragas(), &one(&ragas(), "D4").fix.unwrap().moves);
    assert_eq!(of(&moved, "D1"), []);
    assert_eq!(of(&moved, "D2"), []);
    assert_eq!(of(&moved, "D4"), []);
    let d5 = one(&moved, "D5");
    assert_eq!(
        (value(&d5, "memory of pve1"), value(&d5, "memory of pve4")),
        ("54".into(), "16".into())
    );
    let relieved = move_guests(&moved, &d5.fix.unwrap().moves);
    assert_eq!(of(&relieved, "D5"), []);
    // The worker is now beside cp-2: the fixes are the smallest, not the last word.
    assert_eq!(one(&relieved, "D8").subject, "pve4");
    assert_eq!(of(&moved, "D15")[0].severity, Severity::Info);
}

#[test]
fn d5_overcommit() {
    let finding = one(&ragas(), "D5");
    assert_eq!(finding.subject, "pve2");
    assert!(
        finding.message.contains("31 of 28 GiB (111%)"),
        "{}",
        finding.message
    );
    assert!(finding.message.contains("3 GiB are missing"));
    for (host, percent) in [
        ("pve1", "82"),
        ("pve2", "111"),
        ("pve3", "44"),
        ("pve4", "3"),
    ] {
        assert_eq!(value(&finding, &format!("memory of {host}")), percent);
    }
    assert_eq!(moves(&finding), ["talos-worker-1: pve2 -> pve4"]);
    let tight = one(&lab(&[("a", 19), ("b", 99)], &["a", "a"]), "D5");
    assert_eq!(
        (tight.severity, tight.fix.is_none()),
        (Severity::Warning, true),
        "18 of 19 GiB: {tight:?}"
    );
}

#[test]
fn d6_reserve() {
    let finding = one(&ragas(), "D6");
    assert_eq!(finding.subject, "pve4");
    assert!(
        finding.message.contains("Losing pve2 means restarting 16 + 8 GiB elsewhere, which fits only with pve4 (62 GiB free); without it 14 GiB are free."),
        "{}", finding.message
    );
    assert!(
        finding
            .message
            .contains("47% of all memory (64 of 136 GiB) is on pve4, which runs no Talos node.")
    );
    let none = of(
        &lab(&[("a", 16), ("b", 16), ("c", 16)], &["a", "a", "b"]),
        "D6",
    );
    assert!(
        none.iter().any(|f| f.subject == "a"),
        "16 GiB fit nowhere: {none:?}"
    );
}

#[test]
fn d7_single_worker() {
    let finding = one(&ragas(), "D7");
    for (name, expected) in [
        ("memory of the worker", "16"),
        ("memory of the cluster", "40"),
        ("vCPUs of the worker", "8"),
        ("vCPUs of the cluster", "20"),
        ("free on the control planes", "16.5"),
        ("allowSchedulingOnControlPlanes", "true"),
    ] {
        assert_eq!(value(&finding, name), expected, "{name}");
    }
    assert_eq!(of(&lab(&[("a", 16)], &["a"]), "D7"), []);
}

#[test]
fn d8_correlated() {
    let finding = one(&ragas(), "D8");
    assert_eq!(
        finding.message,
        "Losing pve2 takes the only worker (talos-worker-1) and talos-cp-3 in the same moment: the \
         cluster then runs on 2 control planes on pve1. Losing pve1 next ends it."
    );
    assert_eq!(moves(&finding), ["talos-worker-1: pve2 -> pve4"]);
}

#[test]
fn d13_and_d15_about_the_vip() {
    let finding = one(&ragas(), "D13");
    assert_eq!(finding.subject, "172.16.1.49");
    assert!(finding.message.contains("Talos answers ARP"));
    let without = changed(
        "      - {name: Kubernetes API (VIP), address: 172.16.1.49}\n",
        "",
    );
    assert_eq!(of(&without, "D13"), []);
    let clash = changed("address: 172.16.1.60", "address: 172.16.1.50");
    let clash = of(&clash, "D13")
        .into_iter()
        .find(|f| f.subject == "172.16.1.50")
        .unwrap();
    assert_eq!(clash.severity, Severity::Critical);
    let d15 = one(&ragas(), "D15");
    assert!(
        d15.message
            .contains("must list 172.16.1.50, 172.16.1.51 and 172.16.1.52, never 172.16.1.49"),
        "{}",
        d15.message
    );
    assert_eq!(d15.severity, Severity::Warning);
    let mut listed = ragas();
    listed.talos_endpoints = vec!["https://172.16.1.49:50000".to_owned()];
    assert!(
        one(&listed, "D15")
            .message
            .contains("lists 172.16.1.49 as an endpoint")
    );
}

#[test]
fn d20_schematic() {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(b"customization: {}\n");
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(hex, d20_no_guest_agent::VANILLA_SCHEMATIC);
    let finding = one(&ragas(), "D20");
    assert!(
        finding
            .message
            .starts_with("4 of 4 nodes have no QEMU guest agent")
    );
    assert!(finding.message.contains("Schematic 376567988ad3…"));
    let mut seen = ragas();
    for node in &mut seen.nodes {
        node.extensions = Some(vec!["qemu-guest-agent".to_owned()]);
    }
    assert_eq!(of(&seen, "D20"), []);
    let other = ragas_with(&[(
        "talos/talenv.yaml",
        "376567988ad370138ad8b2698212367b",
        "176567988ad370138ad8b2698212367b",
    )]);
    assert_eq!(
        of(&Topology::from_inventory(&other.unwrap()), "D20"),
        [],
        "nothing tells"
    );
}

#[test]
fn contradictions_become_findings() {
    let lab = changed("vip: 172.16.1.49", "vip: 172.16.1.48");
    let finding = one(&lab, "I1");
    assert_eq!(
        finding.message,
        "vip of kubernetes is 172.16.1.48 at homelab.yaml:58:10 and 172.16.1.49 at talos/talconfig.yaml:35:24."
    );
    assert_eq!(finding.places.len(), 2);
    let renamed = changed("name: talos-cp-1", "name: talos-cp-9");
    assert_eq!(of(&renamed, "I2").len(), 2);
}

#[test]
fn rules_are_well_formed() {
    for rule in RULES {
        assert!(
            rule.title.ends_with('.') && rule.explanation.ends_with('.'),
            "{rule:?}"
        );
        assert!(!rule.explanation.contains("  "), "{rule:?}");
    }
}
