//! Power from either side.

use std::time::Duration;

use homelab_sim::{Sim, SimOptions};
use prost::Message;
use talos_proto::machine as pb;

use crate::{answers, ask, boot_id, done, lab, pass, start, start_with, status};

/// Names of the sequences and the stages that a node told of since its boot.
async fn told(sim: &Sim, node: &str) -> Vec<String> {
    let request = pb::EventsRequest {
        tail_events: -1,
        ..pb::EventsRequest::default()
    };
    let stream = lab::machine(sim, node).events(request).await.unwrap();
    let mut stream = stream.into_inner();
    let mut all = Vec::new();
    let quiet = Duration::from_millis(200);
    while let Ok(Ok(Some(event))) = tokio::time::timeout(quiet, stream.message()).await {
        let data = event.data.unwrap();
        match data.type_url.rsplit('.').next() {
            Some("SequenceEvent") => {
                let event = pb::SequenceEvent::decode(&data.value[..]).unwrap();
                all.push(format!(
                    "{} {}",
                    event.sequence,
                    event.action().as_str_name()
                ));
            }
            Some("MachineStatusEvent") => {
                let event = pb::MachineStatusEvent::decode(&data.value[..]).unwrap();
                all.push(event.stage().as_str_name().to_owned());
            }
            _ => {}
        }
    }
    all
}

#[tokio::test]
async fn a_stopped_guest_answers_no_more_and_a_started_one_is_another_boot() {
    let sim = start().await;
    let before = boot_id(&sim, "worker-1").await;
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/stop", "").await;
    assert!(!answers(&sim, "worker-1").await);
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/start", "").await;
    pass(&sim, 600);
    assert_ne!(boot_id(&sim, "worker-1").await, before);
}

#[tokio::test]
async fn a_reset_is_another_boot_of_a_guest_that_never_stopped() {
    let sim = start().await;
    let before = boot_id(&sim, "worker-1").await;
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/reset", "").await;
    assert_eq!(status(&sim, "pve3", 103).await, "running");
    pass(&sim, 600);
    assert_ne!(boot_id(&sim, "worker-1").await, before);
}

#[tokio::test]
async fn the_power_button_runs_the_shutdown_sequence() {
    let sim = start().await;
    let path = "/nodes/pve3/qemu/103/status/shutdown";
    let upid = ask(&sim, "POST", path, "timeout=300").await;
    // The task has begun and time stands still: the node is on its way down.
    sim.advance(Duration::from_millis(1));
    assert_eq!(status(&sim, "pve3", 103).await, "running");
    let said = told(&sim, "worker-1").await;
    assert!(said.contains(&"shutdown START".to_owned()), "{said:?}");
    assert!(said.contains(&"SHUTTING_DOWN".to_owned()), "{said:?}");
    pass(&sim, 120);
    assert_eq!(status(&sim, "pve3", 103).await, "stopped");
    assert!(!answers(&sim, "worker-1").await);
    let path = format!("/nodes/pve3/tasks/{}/status", upid.as_str().unwrap());
    assert_eq!(ask(&sim, "GET", &path, "").await["exitstatus"], "OK");
}

#[tokio::test]
async fn a_reboot_over_rest_is_an_orderly_one() {
    let sim = start().await;
    let before = boot_id(&sim, "worker-1").await;
    done(&sim, "POST", "/nodes/pve3/qemu/103/status/reboot", "").await;
    pass(&sim, 600);
    assert_ne!(boot_id(&sim, "worker-1").await, before);
    assert_eq!(status(&sim, "pve3", 103).await, "running");
}

#[tokio::test]
async fn a_node_that_takes_too_long_is_waited_for_in_vain_unless_forced() {
    let (boot, ready) = (Duration::from_secs(10), Duration::from_secs(500));
    let sim = start_with(SimOptions::default().boot_times(boot, ready)).await;
    let path = "/nodes/pve3/qemu/103/status/shutdown";
    let upid = ask(&sim, "POST", path, "timeout=10").await;
    pass(&sim, 20);
    let path = format!("/nodes/pve3/tasks/{}/status", upid.as_str().unwrap());
    let task = ask(&sim, "GET", &path, "").await;
    assert_eq!(task["exitstatus"], "VM quit/powerdown failed - got timeout");
    assert_eq!(status(&sim, "pve3", 103).await, "running");
    let path = "/nodes/pve3/qemu/103/status/shutdown";
    done(&sim, "POST", path, "timeout=10&forceStop=1").await;
    assert_eq!(status(&sim, "pve3", 103).await, "stopped");
}

#[tokio::test]
async fn what_a_node_does_to_itself_is_seen_at_its_guest() {
    let sim = start().await;
    let before = boot_id(&sim, "worker-1").await;
    let mut node = lab::machine(&sim, "worker-1");
    node.reboot(pb::RebootRequest::default()).await.unwrap();
    pass(&sim, 600);
    assert_ne!(boot_id(&sim, "worker-1").await, before);
    assert_eq!(status(&sim, "pve3", 103).await, "running");

    let mut node = lab::machine(&sim, "worker-1");
    node.shutdown(pb::ShutdownRequest::default()).await.unwrap();
    pass(&sim, 600);
    assert_eq!(status(&sim, "pve3", 103).await, "stopped");

    // A control plane is reset and stays off; its guest with it.
    let mut node = lab::machine(&sim, "cp-2");
    let request = pb::ResetRequest {
        graceful: true,
        reboot: false,
        ..pb::ResetRequest::default()
    };
    node.reset(request).await.unwrap();
    pass(&sim, 600);
    assert_eq!(status(&sim, "pve2", 101).await, "stopped");
}
