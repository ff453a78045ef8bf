//! One story, told twice: with a stopped clock and one seed, what happened is
//! the same to the byte.

use std::path::Path;
use std::time::Duration;

use homelab_core::Clock;
use homelab_sim::{Down, EventFilter, Fault, SimClock, SimOptions};

use crate::rest::{call, paused, start};

async fn tell(clock: SimClock, log: &Path, seed: u64) -> String {
    let options = SimOptions::default().clock(clock).log(log).seed(seed);
    let sim = start(options).await;
    let post = |path: &'static str| call(&sim, "pve1", "POST", path);
    let upid = post("/nodes/pve3/qemu/103/status/stop")
        .await
        .unwrap()
        .data();
    sim.advance(Duration::from_secs(30));
    let path = format!("/nodes/pve3/tasks/{}/status", upid.as_str().unwrap());
    let status = call(&sim, "pve2", "GET", &path).await.unwrap().data();
    assert_eq!(status["exitstatus"], "OK");
    post("/nodes/pve3/qemu/103/status/start").await.unwrap();
    sim.advance(Duration::from_secs(3600));
    sim.world()
        .read(|s| assert!(s.node("worker-1").unwrap().reachable()));
    sim.fault("pve2", Fault::TaskFailure).unwrap();
    post("/nodes/pve2/qemu/101/status/stop").await.unwrap();
    sim.advance(Duration::from_secs(30));
    sim.clear_faults();
    sim.fault("home", Fault::QuorumLost).unwrap();
    sim.advance(Duration::from_secs(60));
    sim.clear_faults();
    sim.host_down("pve1", Down::Refuse).unwrap();
    sim.advance(Duration::from_secs(60));
    sim.host_up("pve1").unwrap();
    sim.advance(Duration::from_secs(3600));
    sim.stop().await;
    std::fs::read_to_string(log).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_story_is_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let now = paused().now();
    let told = |name: &str, seed| {
        let log = folder.path().join(name);
        async move { tell(SimClock::paused_at(now), &log, seed).await }
    };
    let first = told("first", 7).await;
    assert_eq!(first, told("second", 7).await);
    for what in [
        "api.call",
        "task.start",
        "task.end",
        "guest.power",
        "node.stage",
        "etcd.leader",
        "host.down",
        "host.up",
        "fault.set",
        "fault.cleared",
    ] {
        assert!(first.contains(&format!(r#""what":"{what}""#)), "{what}");
    }
    assert!(!first.contains("homelab-sim"), "no password");
}

#[tokio::test]
async fn nothing_moves_while_the_clock_stands() {
    let sim = start(SimOptions::default().clock(paused())).await;
    let reply = call(&sim, "pve1", "POST", "/nodes/pve3/qemu/103/status/stop");
    let upid = reply.await.unwrap().data();
    let path = format!("/nodes/pve3/tasks/{}/status", upid.as_str().unwrap());
    let status = call(&sim, "pve1", "GET", &path).await.unwrap().data();
    assert_eq!(status["status"], "running");
    assert!(!sim.events(0).iter().any(|e| e.what == "task.end"));
    sim.advance(Duration::from_secs(60));
    let end = EventFilter::new("task.end")
        .who("pve3")
        .detail("status", "OK");
    let event = sim
        .wait_for_event(&end, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(event.detail["upid"], upid.as_str().unwrap());
    let never = EventFilter::new("task.end").after(event.number);
    let error = sim.wait_for_event(&never, Duration::from_millis(1)).await;
    assert_eq!(error.unwrap_err().kind().code(), "Timeout");
}

#[tokio::test]
async fn a_client_certificate_expires_in_the_labs_time() {
    use homelab_sim::ClientCert;
    let sim = start(SimOptions::default().clock(paused())).await;
    let config = sim.talosconfig(&ClientCert::admin()).unwrap();
    let mut before = crate::faults::machine(&sim, &config, "cp-1");
    before.version(()).await.unwrap();
    sim.advance(Duration::from_secs(400 * 24 * 3600));
    let mut after = crate::faults::machine(&sim, &config, "cp-1");
    assert!(after.version(()).await.is_err(), "it was good for a year");
    let fresh = sim.talosconfig(&ClientCert::admin()).unwrap();
    assert_ne!(fresh, config);
}
