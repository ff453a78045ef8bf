//! A lab that is kept and goes on.

use std::time::Duration;

use homelab_core::Clock;
use homelab_sim::{ClientCert, Fault, Sim, SimOptions};
use serde_json::Value;

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

#[tokio::test]
async fn what_was_written_while_it_ran_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let sim = start(SimOptions::default().clock(paused())).await;
    let config = sim.talosconfig(&ClientCert::admin()).unwrap();
    let key = talos_proto::machine::MetaWriteRequest {
        key: 12,
        value: b"kept".to_vec(),
    };
    let mut node = machine(&sim, &config, "worker-1");
    node.meta_write(key).await.unwrap();
    let mut rest = crate::rest::Rest::connect(&sim, "pve1").await.unwrap();
    let made = rest
        .send_form("POST", "/access/users", "userid=kept@pve&comment=here")
        .await
        .unwrap();
    assert_eq!(made.status, 200);
    let console = rest
        .send_form("POST", "/nodes/pve3/qemu/103/vncproxy", "websocket=1")
        .await
        .unwrap()
        .data();
    sim.save(folder.path()).unwrap();
    sim.stop().await;

    let options = SimOptions::default().clock(paused());
    let sim = Sim::load(folder.path(), options).await.unwrap();
    sim.world().read(|state| {
        let meta = &state.node("worker-1").unwrap().meta;
        assert!(meta.values().any(|value| *value == *b"kept"), "{meta:?}");
    });
    let user = call(&sim, "pve1", "GET", "/access/users/kept@pve").await;
    assert_eq!(user.unwrap().data()["comment"], "here");
    // The console that waited for somebody is over as that of a host that lost
    // power.
    let upid = console["upid"].as_str().unwrap();
    let path = format!("/nodes/pve3/tasks/{upid}/status");
    let task = call(&sim, "pve1", "GET", &path).await.unwrap().data();
    assert_eq!(
        (&task["status"], &task["exitstatus"]),
        (&Value::from("stopped"), &Value::from("unexpected status"))
    );
    sim.stop().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_while_the_lab_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = SimOptions::default().state(folder.path()).control(0);
    let sim = start(options).await;
    assert!(sim.state_error().is_none());
    // Whoever runs this may write anywhere, but not over a folder.
    let file = folder.path().join("lab.json");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    sim.guest_stop(103).unwrap();
    let failed = homelab_sim::EventFilter::new("state.failed");
    let limit = Duration::from_secs(60);
    let event = sim.wait_for_event(&failed, limit).await.unwrap();
    assert!(event.detail["error"].contains("lab.json"), "{event:?}");
    assert!(sim.state_error().unwrap().contains("lab.json"));
    let told = crate::control::get(&sim, "/v1/state").await;
    assert!(told["error"].as_str().unwrap().contains("lab.json"));
    assert_eq!(
        call(&sim, "pve1", "GET", "/version").await.unwrap().status,
        200
    );
    std::fs::remove_dir(&file).unwrap();
    let saved = homelab_sim::EventFilter::new("state.saved");
    sim.wait_for_event(&saved, limit).await.unwrap();
    assert!(sim.state_error().is_none() && file.is_file());
    sim.stop().await;
}

#[tokio::test]
async fn a_folder_of_another_version_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let sim = start(SimOptions::default()).await;
    sim.save(folder.path()).unwrap();
    sim.stop().await;
    let file = folder.path().join("lab.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"version\":1", "\"version\":7", 1)).unwrap();
    let error = Sim::load(folder.path(), SimOptions::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind().code(), "Unsupported");
    let message = error.to_string();
    for part in ["lab.json", "version 7", "version 1"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}
