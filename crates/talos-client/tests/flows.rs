//! Long actions, seen through to their end, against a simulated lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::{ClientCert, SimOptions};
use support::{CP1, WORKER, client, client_with, eventually, lab, lab_with, options};
use talos_client::{FlowOptions, FlowPhase, FlowProgress, RebootMode};

fn quick() -> FlowOptions {
    FlowOptions::default()
        .deadline(Duration::from_secs(50))
        .poll(Duration::from_millis(20))
}

#[tokio::test]
async fn a_reboot_is_seen_through() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let reports = Mutex::new(Vec::new());
    let keep = |p: FlowProgress| reports.lock().unwrap().push(p);
    let node = talos.node(WORKER);
    let done = node
        .reboot_and_wait(RebootMode::Default, quick(), keep)
        .await
        .unwrap();
    assert!(done.version.starts_with("v1."), "{}", done.version);
    let status = node.machine_status().await.unwrap();
    assert!(status.ready);
    let reports = reports.into_inner().unwrap();
    let phases: Vec<_> = reports.iter().map(|p| p.phase).collect();
    assert_eq!(phases.first(), Some(&FlowPhase::Preparing));
    assert!(phases.contains(&FlowPhase::Ordered));
    assert_eq!(phases.last(), Some(&FlowPhase::Done));
    let times: Vec<_> = reports.iter().map(|p| p.elapsed_seconds).collect();
    assert!(times.is_sorted());
    drop(talos);
    eventually("no stream is left", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn who_may_not_read_the_boot_id_sees_it_too() {
    let sim = lab().await;
    let talos = client_with(&sim, &ClientCert::role("os:operator"), options()).await;
    talos
        .node(WORKER)
        .reboot_and_wait(RebootMode::Default, quick(), |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn who_may_not_reboot_is_told_so_and_nothing_happens() {
    let sim = lab().await;
    let talos = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = talos
        .node(WORKER)
        .reboot_and_wait(RebootMode::Default, quick(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.target_name(), Some(WORKER));
    talos.node(WORKER).version().await.unwrap();
}

#[tokio::test]
async fn a_node_that_does_not_come_back_is_a_timeout_that_says_so() {
    let slow = SimOptions::default().boot_times(Duration::from_secs(600), Duration::ZERO);
    let sim = lab_with(slow).await;
    let talos = client(&sim).await;
    let error = talos
        .node(WORKER)
        .reboot_and_wait(
            RebootMode::Default,
            quick().deadline(Duration::from_secs(3)),
            |_| {},
        )
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Timeout, Sent::Yes)
    );
    assert!(error.message().contains("does not answer"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_shutdown_is_seen_through() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let done = talos
        .node(WORKER)
        .shutdown_and_wait(false, quick(), |_| {})
        .await
        .unwrap();
    assert!(!done.maintenance);
    let error = talos.node(WORKER).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_cluster_is_bootstrapped_once() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let bootstrap = async |node: &str| {
        talos
            .node(node)
            .bootstrap_and_wait(quick(), |_| {})
            .await
            .unwrap_err()
            .kind()
    };
    assert_eq!(bootstrap(CP1).await, ErrorKind::AlreadyExists);
    assert_eq!(bootstrap(WORKER).await, ErrorKind::Unsupported);
}

/// Long actions are things that people spawn.
#[test]
fn flows_may_cross_threads() {
    fn crosses<T: Send>(_: &T) {}
    let _ = |node: talos_client::NodeClient, talos: talos_client::TalosClient| {
        let health = talos_client::HealthOptions::default();
        crosses(&node.reboot_and_wait(RebootMode::Default, quick(), |_| {}));
        crosses(&node.shutdown_and_wait(false, quick(), |_| {}));
        let scope = talos_client::ResetScope::SystemDisk;
        let reset = talos_client::ResetOptions::new(scope);
        crosses(&node.reset_and_wait(reset, None, quick(), |_| {}));
        let upgrade = talos_client::UpgradeOptions::new("installer:v1.13.9");
        crosses(&node.upgrade_and_wait(upgrade, quick(), |_| {}));
        crosses(&node.bootstrap_and_wait(quick(), |_| {}));
        crosses(&node.recover_and_wait("etcd.db", false, quick(), |_| {}));
        crosses(&talos.check_health(&health));
        crosses(&talos.wait_for_health(&health, |_| {}));
    };
}
