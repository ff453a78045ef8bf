//! The client against a simulated lab, over its real protocol.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use homelab_core::{ErrorKind, Sent};
use homelab_model::Inventory;
use homelab_sim::{Down, Fault, Sim, SimOptions};
use proxmox_client::endpoints::{GuestState, NodeState, ResourceFilter, ResourceKind, TextEnum};
use proxmox_client::{Method, Params, ProxmoxClient, WaitOptions};

const LAB: &str = "
name: home
hosts:
  - {name: pve1, address: 192.0.2.11, memory: 32GB}
  - {name: pve2, address: 192.0.2.12, memory: 32GB}
  - {name: pve3, address: 192.0.2.13, memory: 32GB}
clusters:
  - name: home
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, vmid: 101, address: 192.0.2.51, memory: 4GB, disks: [{storage: local-lvm, size: 20GB}]}
      - {name: cp-2, role: control-plane, host: pve2, vmid: 102, address: 192.0.2.52, memory: 4GB, disks: [{storage: local-lvm, size: 20GB}]}
      - {name: cp-3, role: control-plane, host: pve3, vmid: 103, address: 192.0.2.53, memory: 4GB, disks: [{storage: local-lvm, size: 20GB}]}
";

async fn lab() -> Sim {
    let none = |path: &str| Err(homelab_core::Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("homelab.yaml", LAB, &none).unwrap();
    let options = SimOptions::default().boot_times(Duration::ZERO, Duration::ZERO);
    Sim::start(&inventory, options).await.unwrap()
}

fn client(sim: &Sim) -> ProxmoxClient {
    let env = sim.env();
    let (id, secret) = env["HOMELAB_PROXMOX_TOKEN"].split_once('=').unwrap();
    let mut builder = ProxmoxClient::builder()
        .ca_pem(sim.proxmox_ca_pem())
        .token(id, secret)
        .connect_timeout(Duration::from_millis(500))
        .request_timeout(Duration::from_secs(10));
    for host in ["pve1", "pve2", "pve3"] {
        builder = builder.endpoint(sim.proxmox_endpoint(host).unwrap());
    }
    builder.build().unwrap()
}

fn quickly() -> WaitOptions {
    WaitOptions::default()
        .first_pause(Duration::from_millis(20))
        .longest_pause(Duration::from_millis(100))
        .timeout(Duration::from_secs(20))
}

#[tokio::test]
async fn every_read_of_the_face_is_answered() {
    let sim = lab().await;
    let pve = client(&sim);
    assert!(!pve.version().await.unwrap().release.is_empty());
    let status = pve.cluster().status().await.unwrap();
    assert!(status.quorate);
    assert_eq!(status.nodes.len(), 3);
    assert!(status.nodes.iter().all(|n| n.online && n.node_id.is_some()));

    let rows = pve.cluster().resources(None).await.unwrap();
    let guest = rows.iter().find(|r| r.vmid == Some(101)).unwrap();
    assert_eq!(guest.kind, ResourceKind::Qemu);
    assert_eq!(guest.memory_bytes, Some(4 << 30));
    let only = pve
        .cluster()
        .resources(Some(ResourceFilter::Node))
        .await
        .unwrap();
    assert!(only.iter().all(|r| r.kind == ResourceKind::Node));

    let nodes = pve.nodes().await.unwrap();
    let pve1 = nodes.iter().find(|n| n.node == "pve1").unwrap();
    assert_eq!(pve1.status, NodeState::Online);
    assert_eq!(pve1.ssl_fingerprint, Some(sim.fingerprint("pve1").unwrap()));

    let node = pve.node("pve1");
    let status = node.status().await.unwrap();
    assert_eq!(status.memory.unwrap().total_bytes, Some(32 << 30));
    assert_eq!(status.load_average.len(), 3);
    assert_eq!(node.qemu_list().await.unwrap()[0].vmid, 101);
    assert!(node.lxc_list().await.unwrap().is_empty());
    assert!(!node.storages().await.unwrap().is_empty());

    let config = node.qemu(101).config().await.unwrap();
    assert_eq!(config.name.as_deref(), Some("cp-1"));
    assert_eq!(config.memory_bytes, Some(4 << 30));
    let net0 = &config.networks["net0"];
    assert_eq!(net0.mac_address.as_ref().unwrap().len(), 17);
    assert!(config.smbios_uuid().is_some());
    assert!(config.disks.values().any(|d| d.size_bytes.is_some()));
    let status = node.qemu(101).status().await.unwrap();
    assert_eq!(status.status, GuestState::Running);

    pve.cluster().ha().status().await.unwrap();
    pve.cluster().tasks().await.unwrap();
    node.tasks().await.unwrap();
    sim.stop().await;
}

#[tokio::test]
async fn calls_without_a_type_go_raw() {
    let sim = lab().await;
    let pve = client(&sim);
    let data = pve
        .request(Method::Get, "/version", &Params::new())
        .await
        .unwrap();
    assert!(data["release"].is_string());
    let failed = pve
        .request(Method::Get, "/no/such/thing", &Params::new())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unsupported, "{failed}");
    sim.stop().await;
}

#[tokio::test]
async fn a_guest_is_stopped_and_started_by_tasks() {
    let sim = lab().await;
    let pve = client(&sim);
    let node = pve.node("pve2");
    let guest = node.qemu(102);
    let stop = guest.stop().await.unwrap();
    assert_eq!((stop.upid().node(), stop.upid().kind()), ("pve2", "qmstop"));
    stop.wait(quickly()).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status, GuestState::Stopped);
    guest.start().await.unwrap().wait(quickly()).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status.as_str(), "running");

    let again = guest.start().await.unwrap();
    let failed = again.wait(quickly()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert!(failed.message().contains("already running"), "{failed}");
    assert_eq!(failed.reference(), Some(again.upid().as_str()));
    let lines: Vec<_> = again.follow_log().collect().await;
    assert!(
        lines
            .last()
            .unwrap()
            .as_ref()
            .unwrap()
            .text
            .starts_with("TASK ERROR")
    );
    sim.stop().await;
}

#[tokio::test]
async fn a_ticket_works_like_a_token() {
    let sim = lab().await;
    let pve = ProxmoxClient::builder()
        .endpoint(sim.proxmox_endpoint("pve1").unwrap())
        .fingerprint(sim.fingerprint("pve1").unwrap())
        .ticket("root@pam", sim.proxmox_password("root@pam").unwrap())
        .build()
        .unwrap();
    pve.nodes().await.unwrap();
    let task = pve.node("pve1").qemu(101).shutdown().await.unwrap();
    task.wait(quickly()).await.unwrap();
    sim.stop().await;
}

#[tokio::test]
async fn the_words_of_the_server_have_kinds() {
    let sim = lab().await;
    let pve = client(&sim);
    let failed = pve.node("pve1").qemu(999).config().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");
    assert!(failed.message().contains("does not exist"), "{failed}");
    let failed = pve.node("pve9").status().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");
    let wrong = ProxmoxClient::builder()
        .endpoint(sim.proxmox_endpoint("pve1").unwrap())
        .ca_pem(sim.proxmox_ca_pem())
        .token("root@pam!sim", "00000000-0000-0000-0000-000000000000")
        .build()
        .unwrap();
    let failed = wrong.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated, "{failed}");
    sim.stop().await;
}

#[tokio::test]
async fn a_host_that_is_down_is_passed_over_and_told_apart_from_its_node() {
    for down in [Down::Refuse, Down::Blackhole] {
        let sim = lab().await;
        let pve = client(&sim);
        sim.host_down("pve1", down).unwrap();
        let start = Instant::now();
        pve.version().await.unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{:?}",
            start.elapsed()
        );
        assert!(!pve.endpoints()[0].healthy);
        // Asked through a living node, the relay says that nothing was done.
        let failed = pve.node("pve1").status().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{failed}");
        assert_eq!(failed.was_sent(), Sent::No);
        assert_eq!(failed.target_name(), Some("pve1"));
        sim.stop().await;
    }
}

#[tokio::test]
async fn faults_become_clear_errors() {
    let sim = lab().await;
    let env = sim.env();
    let (id, secret) = env["HOMELAB_PROXMOX_TOKEN"].split_once('=').unwrap();
    let only = || {
        ProxmoxClient::builder()
            .endpoint(sim.proxmox_endpoint("pve1").unwrap())
            .ca_pem(sim.proxmox_ca_pem())
            .token(id, secret)
            .connect_timeout(Duration::from_millis(500))
            .request_timeout(Duration::from_secs(1))
            .build()
            .unwrap()
    };
    for (fault, kinds) in [
        (Fault::Refuse, &[ErrorKind::Unavailable][..]),
        (Fault::Stall, &[ErrorKind::Timeout, ErrorKind::Unavailable]),
        (Fault::ResetEarly, &[ErrorKind::Unavailable]),
        (Fault::Reset, &[ErrorKind::Unavailable, ErrorKind::Protocol]),
        (Fault::Html, &[ErrorKind::Unavailable]),
        (Fault::TruncateBody, &[ErrorKind::Protocol]),
        (Fault::WrongLength, &[ErrorKind::Unavailable]),
        (Fault::CertificateExpired, &[ErrorKind::Untrusted]),
    ] {
        sim.fault("pve1", fault).unwrap();
        let start = Instant::now();
        let failed = only().cluster().resources(None).await.unwrap_err();
        assert!(kinds.contains(&failed.kind()), "{fault:?}: {failed:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{fault:?}");
        sim.clear_faults();
    }
    sim.fault("pve1", Fault::TaskFailure).unwrap();
    let task = only().node("pve1").qemu(101).stop().await.unwrap();
    assert_eq!(
        task.wait(quickly()).await.unwrap_err().kind(),
        ErrorKind::TaskFailed
    );
    sim.stop().await;
}
