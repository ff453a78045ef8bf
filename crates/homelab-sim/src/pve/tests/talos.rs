//! Guests that boot Talos, as they are made over REST.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Lab;
use crate::world::{Stage, Volume};

/// Puts a file onto the shared storage.
fn put(lab: &Lab, name: &str, content: &str) {
    let created_at = lab.world().now();
    lab.world().change(|state| {
        let store = state.storage_mut("vm-storage").unwrap();
        store.volumes.push(Volume {
            name: name.into(),
            host: String::new(),
            content: content.into(),
            format: "iso".into(),
            size_bytes: 100 << 20,
            created_at,
            notes: None,
            protected: false,
            guest: None,
            checksums: BTreeMap::new(),
        });
    });
}

async fn boot(lab: &Lab, form: &str) {
    lab.done(lab.post("/nodes/pve1/qemu", form).await).await;
    let start = lab.post("/nodes/pve1/qemu/160/status/start", "").await;
    lab.done(start).await;
    lab.world().advance(Duration::from_secs(5));
}

#[tokio::test]
async fn a_guest_with_a_talos_disc_waits_for_its_config() {
    let lab = Lab::start();
    put(&lab, "iso/talos-v1.12.4-metal-amd64.iso", "iso");
    let card = "net0=virtio%2Cbridge%3Dvmbr0&scsi0=vm-storage:10";
    let disc = "ide2=vm-storage:iso/talos-v1.12.4-metal-amd64.iso,media%3Dcdrom";
    boot(&lab, &format!("vmid=160&name=fresh&{card}&{disc}")).await;
    lab.world().read(|state| {
        let node = state.node("fresh").unwrap();
        assert_eq!(node.stage, Stage::Maintenance);
        assert_eq!(node.talos_version, "v1.12.4");
        assert_eq!(node.vmid, Some(160));
        // In the network of the other node, with the card that the guest has.
        assert_eq!(node.address.to_string(), "192.0.2.100");
        let guest = state.guest(160).unwrap();
        assert_eq!(node.mac, guest.nics.first().map_or("", |n| &n.mac));
    });
    // What is removed never answers again, and makes room for another one.
    let stop = lab.post("/nodes/pve1/qemu/160/status/stop", "").await;
    lab.done(stop).await;
    lab.done(lab.delete("/nodes/pve1/qemu/160").await).await;
    assert!(lab.world().read(|s| !s.node("fresh").unwrap().reachable()));
    put(&lab, "iso/other.iso", "iso");
    let other = "ide2=vm-storage:iso/other.iso,media%3Dcdrom";
    boot(&lab, &format!("vmid=160&name=other&{other}")).await;
    assert!(lab.world().read(|s| s.node("other").is_none()));
}

#[tokio::test]
async fn a_disk_made_from_a_talos_image_boots_as_well() {
    let lab = Lab::start();
    put(&lab, "import/nocloud-amd64-v1.13.1.raw", "import");
    let disk = "scsi0=vm-storage:0,import-from%3Dvm-storage:import/nocloud-amd64-v1.13.1.raw";
    boot(&lab, &format!("vmid=160&name=fresh&{disk}")).await;
    let version = lab
        .world()
        .read(|s| s.node("fresh").map(|n| (n.stage, n.talos_version.clone())));
    assert_eq!(version, Some((Stage::Maintenance, "v1.13.1".into())));
}
