use super::*;
use homelab_core::{Error, ErrorKind, Result};

const FILES: [(&str, &str); 5] = [
    (
        "homelab.yaml",
        include_str!("../../../../examples/labs/ragas/homelab.yaml"),
    ),
    (
        "talos/talconfig.yaml",
        include_str!("../../../../examples/labs/ragas/talos/talconfig.yaml"),
    ),
    (
        "talos/talenv.yaml",
        include_str!("../../../../examples/labs/ragas/talos/talenv.yaml"),
    ),
    (
        "talos/patches/global/network.yaml",
        include_str!("../../../../examples/labs/ragas/talos/patches/global/network.yaml"),
    ),
    (
        "talos/patches/controller/cluster.yaml",
        include_str!("../../../../examples/labs/ragas/talos/patches/controller/cluster.yaml"),
    ),
];

fn none(path: &str) -> Result<String> {
    Err(Error::new(ErrorKind::NotFound, path))
}

/// The example lab with texts replaced in its files.
pub(crate) fn ragas_with(changes: &[(&str, &str, &str)]) -> Result<Inventory> {
    let read = |name: &str| {
        let Some((_, text)) = FILES.iter().find(|(file, _)| *file == name) else {
            return none(name);
        };
        let mut text = (*text).to_owned();
        for (_, from, to) in changes.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replace(from, to);
        }
        Ok(text)
    };
    Inventory::parse("homelab.yaml", &read("homelab.yaml")?, &read)
}

fn parse(text: &str) -> Result<Inventory> {
    Inventory::parse("lab.yaml", text, &none)
}

fn wrong(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_example_is_the_whole_lab() {
    let lab = ragas_with(&[]).unwrap();
    assert_eq!(lab.warnings, []);
    assert_eq!(lab.contradictions, []);
    assert_eq!(lab.hosts.len(), 4);
    assert_eq!(
        lab.hosts.iter().map(|h| h.memory_bytes >> 30).sum::<u64>(),
        136
    );
    assert_eq!(lab.pools[0].hosts, ["pve1", "pve2", "pve3"]);
    let cluster = &lab.clusters[0];
    assert_eq!(cluster.name, "kubernetes");
    assert_eq!(cluster.vip.as_deref(), Some("172.16.1.49"));
    assert_eq!(cluster.talos_version.as_deref(), Some("v1.12.1"));
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
    assert_eq!(cluster.kube_proxy_disabled, Some(true));
    assert_eq!(cluster.cni.as_deref(), Some("none"));
    assert_eq!(cluster.nameservers, ["172.16.1.11"]);
    let cp = &cluster.nodes[0];
    assert_eq!(cp.macs, ["bc:24:11:62:66:6e"]);
    assert_eq!(
        (cp.host.as_deref(), cp.memory_bytes),
        (Some("pve1"), Some(8 << 30))
    );
    assert_eq!(cp.role, NodeRole::ControlPlane);
    assert!(cp.schematic.as_deref().unwrap().starts_with("376567988ad3"));
    assert_eq!(cp.secure_boot, Some(false));
    assert_eq!(cluster.nodes[3].role, NodeRole::Worker);
    assert_eq!(cluster.nodes[3].disks[0].size_bytes, 200 << 30);
    assert_eq!(lab.assumptions, Assumptions::default());
}

#[test]
fn contradictions_name_both_places() {
    let lab = ragas_with(&[
        ("homelab.yaml", "vip: 172.16.1.49", "vip: 172.16.1.48"),
        (
            "homelab.yaml",
            "host: pve1, vmid: 101",
            "host: pve1, mac: bc:24:11:00:00:01",
        ),
        (
            "homelab.yaml",
            "name: talos-worker-1",
            "name: talos-worker-9",
        ),
    ])
    .unwrap();
    let found: Vec<_> = lab
        .contradictions
        .iter()
        .map(|c| {
            (
                c.subject.as_str(),
                c.field.as_str(),
                c.first.location.to_string(),
                c.second.location.to_string(),
            )
        })
        .collect();
    let expect = |subject, field, first: &str, second: &str| {
        (subject, field, first.to_owned(), second.to_owned())
    };
    assert_eq!(
        found,
        [
            expect(
                "kubernetes",
                "vip",
                "homelab.yaml:58:10",
                "talos/talconfig.yaml:35:24"
            ),
            expect(
                "talos-cp-1",
                "mac",
                "homelab.yaml:66:65",
                "talos/talconfig.yaml:28:40"
            ),
            expect(
                "talos-worker-9",
                "node",
                "homelab.yaml:69:9",
                "talos/talconfig.yaml:2:1"
            ),
            expect(
                "talos-worker-1",
                "node",
                "homelab.yaml:56:5",
                "talos/talconfig.yaml:65:5"
            ),
        ]
    );
    assert_eq!(
        lab.clusters[0].vip.as_deref(),
        Some("172.16.1.49"),
        "what is applied wins"
    );
}

#[test]
fn unknown_keys_are_warned_about_with_the_nearest() {
    let lab =
        parse("name: x\nhosts:\n  - name: a\n    memory: 1GB\n    osd: 2\nzebra: 1\n").unwrap();
    let texts: Vec<_> = lab
        .warnings
        .iter()
        .map(|w| format!("{}: {}", w.location, w.message))
        .collect();
    assert_eq!(
        texts,
        [
            "lab.yaml:5:5: a host has no key `osd`; did you mean `osds`?",
            "lab.yaml:6:1: an inventory has no key `zebra`",
        ]
    );
}

#[test]
fn a_misspelt_key_explains_the_missing_one() {
    assert_eq!(
        wrong("name: x\nhots:\n  - name: a\n"),
        "lab.yaml:2:1: an inventory has no key `hots`; did you mean `hosts`?"
    );
    assert_eq!(
        wrong("name: x\nhosts:\n  - {name: a, memry: 1GB}\n"),
        "lab.yaml:3:15: a host has no key `memry`; did you mean `memory`?"
    );
}

#[test]
fn duplicates_name_both_places() {
    let twice = "name: x\nhosts:\n  - {name: a, memory: 1GB, address: 10.0.0.1}\n  - {name: b, memory: 1GB, address: 10.0.0.1}\n";
    assert_eq!(
        wrong(twice),
        "lab.yaml:4:5: address 10.0.0.1 is given twice: to host `b` here and to host `a` at lab.yaml:3:5"
    );
    let error = ragas_with(&[("homelab.yaml", "vmid: 102", "vmid: 101")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "homelab.yaml:67:66: VMID 101 is given twice: to node `talos-cp-2` here and to node `talos-cp-1` at homelab.yaml:66:66"
    );
    let error = ragas_with(&[("talos/talconfig.yaml", "172.16.1.51", "172.16.1.50")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "talos/talconfig.yaml:38:16: address 172.16.1.50 is given twice: to node `talos-cp-2` here and to node `talos-cp-1` at talos/talconfig.yaml:21:16"
    );
}

#[test]
fn bad_values_say_where_and_what_is_wanted() {
    let host = |rest: &str| format!("name: x\nhosts:\n  - {{name: a, {rest}}}\n");
    assert_eq!(
        wrong(&host("memory: 8")),
        "lab.yaml:3:23: memory: expected a size with its unit such as 8GB (GB means GiB here), got `8`"
    );
    assert_eq!(
        wrong(&host("osds: 1")),
        "lab.yaml:3:5: a host needs the key `memory`"
    );
    assert!(
        wrong("name: x\nnetwork: {subnet: 10.0.0.0/40}").starts_with("lab.yaml:2:19: subnet: ")
    );
    assert_eq!(wrong("name: [\n"), wrong("name: [\n"));
    assert_eq!(wrong(""), "lab.yaml:1:1: the file is empty");
    assert!(wrong("name: x").contains("at least one host"));
    assert!(wrong("a: 1\n---\nb: 2").contains("second YAML document"));
    let unknown = ragas_with(&[(
        "homelab.yaml",
        "host: pve2, vmid: 103",
        "host: pev2, vmid: 103",
    )]);
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "homelab.yaml:68:54: node `talos-cp-3` is on host `pev2`, which is not in `hosts`; did you mean `pve2`?"
    );
    let missing = ragas_with(&[(
        "homelab.yaml",
        "talos/talconfig.yaml",
        "talos/talconfg.yaml",
    )]);
    assert_eq!(
        missing.unwrap_err().to_string(),
        "homelab.yaml:56:16: talconfig talos/talconfg.yaml does not exist"
    );
}

#[test]
fn addresses_outside_the_subnet_are_odd() {
    let lab = ragas_with(&[(
        "homelab.yaml",
        "address: 172.16.1.250",
        "address: 172.16.2.250",
    )])
    .unwrap();
    assert_eq!(
        lab.warnings[0].message,
        "address 172.16.2.250 of appliance `NAS` is outside the subnet 172.16.1.0/24"
    );
}

#[test]
fn the_reference_of_keys_is_right() {
    let page = include_str!("../../../../docs/inventory.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let lab = parse(yaml).unwrap();
    assert_eq!(lab.warnings, []);
    assert_eq!(lab.assumptions, Assumptions::default());
    assert_eq!(lab.clusters[0].nodes[0].macs.len(), 2);
}
