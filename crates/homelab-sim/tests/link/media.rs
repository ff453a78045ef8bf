//! Guests that are made over REST and boot a Talos medium.

use std::collections::BTreeMap;
use std::net::IpAddr;

use homelab_sim::world::{Stage, Volume};
use tokio::net::TcpStream;

use crate::{ask, done, pass, start, status};

#[tokio::test]
async fn a_talos_disc_boots_into_maintenance_mode_with_an_address() {
    let sim = start().await;
    sim.world().change(|state| {
        let created_at = state.now;
        let store = state.storage_mut("local").unwrap();
        store.volumes.push(Volume {
            name: "iso/talos-v1.12.4-metal-amd64.iso".into(),
            host: "pve1".into(),
            content: "iso".into(),
            format: "iso".into(),
            size_bytes: 100 << 20,
            created_at,
            notes: None,
            protected: false,
            guest: None,
            checksums: BTreeMap::new(),
        });
    });
    let form = "vmid=160&name=fresh&memory=2048&scsi0=vm-storage:10\
                &net0=virtio%3DBC:24:11:00:01:60,bridge%3Dvmbr0\
                &ide2=local:iso/talos-v1.12.4-metal-amd64.iso,media%3Dcdrom";
    done(&sim, "POST", "/nodes/pve1/qemu", form).await;
    done(&sim, "POST", "/nodes/pve1/qemu/160/status/start", "").await;
    pass(&sim, 600);
    assert_eq!(status(&sim, "pve1", 160).await, "running");
    let (stage, address, mac) = sim.world().read(|state| {
        let node = state.node("fresh").unwrap();
        (node.stage, node.address, node.mac.clone())
    });
    assert_eq!(stage, Stage::Maintenance);
    assert_eq!(mac.to_uppercase(), "BC:24:11:00:01:60");
    assert!(matches!(address, IpAddr::V4(v4) if v4.is_private()));
    let endpoint = sim.talos_endpoint("fresh").unwrap();
    TcpStream::connect(&endpoint).await.unwrap();
    let first = sim.talos_fingerprint("fresh").unwrap();
    // Nobody has signed it: it is another one after each boot.
    done(&sim, "POST", "/nodes/pve1/qemu/160/status/reset", "").await;
    pass(&sim, 600);
    assert_ne!(sim.talos_fingerprint("fresh").unwrap(), first);
    done(&sim, "POST", "/nodes/pve1/qemu/160/status/stop", "").await;
    assert!(TcpStream::connect(&endpoint).await.is_err());
    let status = ask(&sim, "GET", "/nodes/pve1/qemu/160/status/current", "").await;
    assert_eq!(status["status"], "stopped");
}
