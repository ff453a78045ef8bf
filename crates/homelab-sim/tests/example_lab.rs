//! The example lab of the repository, as a world.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{Down, Sim, SimOptions};

fn inventory() -> Inventory {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/labs/ragas");
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))
    };
    Inventory::parse("homelab.yaml", &read("homelab.yaml").unwrap(), &read).unwrap()
}

#[tokio::test]
async fn is_what_its_inventory_says() {
    let sim = Sim::start(&inventory(), SimOptions::default())
        .await
        .unwrap();
    sim.world().read(|state| {
        assert_eq!(state.hosts.len(), 4);
        assert_eq!(state.votes_needed(), 3);
        let guest = state
            .guests
            .iter()
            .find(|g| g.name == "talos-cp-1")
            .unwrap();
        assert_eq!((guest.host.as_str(), guest.memory_bytes), ("pve1", 8 << 30));
        assert_eq!(guest.nics[0].mac, "bc:24:11:62:66:6e");
        assert_eq!(guest.node.as_deref(), Some("talos-cp-1"));
        let node = state.node_at("172.16.1.50").unwrap();
        assert_eq!(
            (node.mac.as_str(), node.vmid),
            ("bc:24:11:62:66:6e", Some(guest.vmid))
        );
        assert!(node.extensions.is_empty(), "its image is the plain one");
        let ceph = state.ceph.as_ref().unwrap();
        assert_eq!((ceph.osds.len(), ceph.monitors.len()), (3, 3));
        assert_eq!((ceph.pools[0].size, ceph.pools[0].min_size), (3, 2));
        assert!(state.host("pve4").unwrap().pci[0].name.contains("770"));
        assert!(state.cluster("kubernetes").unwrap().etcd.has_quorum());
    });
    sim.host_down("pve1", Down::Refuse).unwrap();
    sim.world()
        .read(|s| assert!(!s.cluster("kubernetes").unwrap().etcd.has_quorum()));
}

#[tokio::test]
async fn a_large_lab_starts() {
    use std::fmt::Write;
    let mut text = String::from("name: large\nhosts:\n");
    for host in 0..20 {
        writeln!(
            text,
            "  - {{name: pve{host}, address: 10.1.0.{host}, memory: 512GB}}"
        )
        .unwrap();
    }
    text.push_str("clusters:\n  - name: home\n    nodes:\n");
    for node in 0..200 {
        let role = if node < 3 { "control-plane" } else { "worker" };
        writeln!(
            text,
            "      - {{name: n{node}, role: {role}, host: pve{}, address: 10.1.1.{node}}}",
            node % 20
        )
        .unwrap();
    }
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("large.yaml", &text, &nothing).unwrap();
    let sim = Sim::start(&inventory, SimOptions::default()).await.unwrap();
    assert_eq!(sim.listeners().len(), 220);
}
