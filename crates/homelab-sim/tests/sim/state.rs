//! A lab that is kept and goes on.

use std::time::Duration;

use homelab_core::Clock;
use homelab_sim::{ClientCert, Fault, Sim, SimOptions};

use crate::faults::machine;
use crate::rest::{call, paused, start};

#[tokio::test]
async fn a_saved_lab_goes_on_with_the_same_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let sim = start(SimOptions::default().clock(paused()).seed(9)).await;
    call(&sim, "pve1", "POST", "/nodes/pve3/qemu/103/status/stop")
        .await
        .unwrap();
    sim.advance(Duration::from_secs(30));
    sim.fault("pve2", Fault::TaskFailure).unwrap();
    call(&sim, "pve1", "POST", "/nodes/pve3/qemu/103/status/start")
        .await
        .unwrap();
    let config = sim.talosconfig(&ClientCert::admin()).unwrap();
    let (env, fingerprint) = (sim.env(), sim.fingerprint("pve2").unwrap());
    let (now, last) = (sim.clock().now(), sim.events(0).last().unwrap().number);
    sim.save(folder.path()).unwrap();
    sim.stop().await;

    let sim = Sim::load(folder.path(), SimOptions::default().clock(paused()))
        .await
        .unwrap();
    assert_eq!(sim.clock().now(), now);
    assert_eq!(sim.fingerprint("pve2").unwrap(), fingerprint);
    assert_eq!(
        sim.env()["HOMELAB_PROXMOX_TOKEN"],
        env["HOMELAB_PROXMOX_TOKEN"]
    );
    assert_eq!(sim.faults()[0].fault, Fault::TaskFailure);
    let reply = call(&sim, "pve1", "GET", "/nodes/pve3/qemu/103/status/current")
        .await
        .unwrap();
    assert_eq!(reply.data()["status"], "stopped");
    assert_eq!(sim.events(0)[0].number, last + 1, "the log goes on");
    // The certificate of before is still good at a node.
    machine(&sim, &config, "cp-1").version(()).await.unwrap();
    // What ran when it was saved is over.
    sim.world().read(|s| {
        let ends: Vec<_> = s.tasks.iter().map(|t| t.end.as_ref().unwrap()).collect();
        assert_eq!(ends.last().unwrap().exit_status, "unexpected status");
    });
    call(&sim, "pve1", "POST", "/nodes/pve3/qemu/103/status/start")
        .await
        .unwrap();
    sim.advance(Duration::from_secs(3600));
    sim.world()
        .read(|s| assert!(s.node("worker-1").unwrap().reachable()));
    sim.stop().await;
}

#[tokio::test]
async fn a_lab_with_a_folder_is_kept_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let options = || SimOptions::default().clock(paused()).state(folder.path());
    let sim = start(options()).await;
    let busy = Sim::load(folder.path(), SimOptions::default())
        .await
        .unwrap_err();
    assert_eq!(busy.kind().code(), "FailedPrecondition");
    sim.guest_stop(103).unwrap();
    sim.stop().await;
    assert!(Sim::saved_in(folder.path()));
    let sim = start(options()).await;
    sim.world()
        .read(|s| assert!(!s.guest(103).unwrap().running()));
    for name in ["talosconfig", "pve-root-ca.pem", "env"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_lab_that_is_not_there_or_broken_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let load = || Sim::load(folder.path(), SimOptions::default());
    let missing = load().await.unwrap_err();
    assert_eq!(missing.kind().code(), "NotFound");
    std::fs::write(folder.path().join("lab.json"), "{\"format\": \"homelab").unwrap();
    let half = load().await.unwrap_err();
    assert_eq!(half.kind().code(), "Corrupt");
    assert!(half.message().contains("lab.json"), "{half}");
}

#[tokio::test]
async fn ports_that_are_taken_are_one_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let inventory = crate::rest::inventory();
    let error = Sim::start(&inventory, SimOptions::default().ports(port))
        .await
        .unwrap_err();
    assert_eq!(error.kind().code(), "Io");
    let message = error.to_string();
    assert!(
        message.contains(&port.to_string()) && message.contains("pve1"),
        "{message}"
    );
    let error = Sim::start(&inventory, SimOptions::default().ports(65_530))
        .await
        .unwrap_err();
    assert_eq!(error.kind().code(), "InvalidArgument");
}
