//! Upgrades on old and new releases, seen through, against simulated nodes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::SimOptions;
use homelab_sim::world::ImageDefect;
use support::{CP1, WORKER, client, lab_of};
use talos_client::{FlowOptions, FlowPhase, FlowProgress, UpgradeOptions, UpgradePath};

fn quick() -> FlowOptions {
    FlowOptions::default()
        .deadline(Duration::from_secs(50))
        .poll(Duration::from_millis(20))
}

fn image(version: &str) -> String {
    format!("ghcr.io/siderolabs/installer:{version}")
}

#[tokio::test]
async fn each_release_is_upgraded_by_the_calls_it_offers() {
    for (from, to, path) in [
        ("v1.12.1", "v1.12.4", UpgradePath::Machine),
        ("v1.13.0", "v1.13.5", UpgradePath::Lifecycle),
    ] {
        let sim = lab_of(from, SimOptions::default()).await;
        let talos = client(&sim).await;
        let phases = Mutex::new(Vec::new());
        let keep = |p: FlowProgress| phases.lock().unwrap().push(p.phase);
        let done = talos
            .node(WORKER)
            .upgrade_and_wait(UpgradeOptions::new(image(to)), quick(), keep)
            .await
            .unwrap();
        assert_eq!((done.from.as_str(), done.to.as_str()), (from, to));
        assert_eq!(done.path, path);
        let phases = phases.into_inner().unwrap();
        let installs = phases.contains(&FlowPhase::Installing);
        assert_eq!(installs, path == UpgradePath::Lifecycle, "{phases:?}");
    }
}

#[tokio::test]
async fn a_release_that_does_not_boot_is_a_rollback() {
    for (from, to) in [("v1.12.1", "v1.12.4"), ("v1.13.0", "v1.13.5")] {
        let sim = lab_of(from, SimOptions::default()).await;
        sim.world()
            .change(|s| s.set_image_defect(&image(to), Some(ImageDefect::Boot)));
        let talos = client(&sim).await;
        let error = talos
            .node(WORKER)
            .upgrade_and_wait(UpgradeOptions::new(image(to)), quick(), |_| {})
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::TaskFailed, Sent::Yes)
        );
        assert!(error.message().contains("rolled back"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_pulled_or_installed_leaves_the_node_as_it_is() {
    for (defect, kind) in [
        (ImageDefect::Missing, ErrorKind::NotFound),
        (ImageDefect::Install, ErrorKind::TaskFailed),
    ] {
        let sim = lab_of("v1.13.0", SimOptions::default()).await;
        let to = image("v1.13.5");
        sim.world()
            .change(|s| s.set_image_defect(&to, Some(defect)));
        let talos = client(&sim).await;
        let node = talos.node(WORKER);
        let booted = node.system_stat().await.unwrap().boot_time;
        let upgrade = node.upgrade_and_wait(UpgradeOptions::new(&to), quick(), |_| {});
        assert_eq!(upgrade.await.unwrap_err().kind(), kind);
        assert_eq!(node.system_stat().await.unwrap().boot_time, booted);
    }
    let sim = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&sim).await;
    let staged = UpgradeOptions::new(image("v1.13.5")).stage();
    let error = talos
        .node(WORKER)
        .upgrade_and_wait(staged, quick(), |_| {})
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Unsupported, Sent::No)
    );
}

/// Talos' own checks of etcd hold for the old call, on every release that has it.
#[tokio::test]
async fn a_control_plane_that_etcd_needs_is_not_upgraded() {
    for version in ["v1.12.1", "v1.13.0"] {
        let sim = lab_of(version, SimOptions::default()).await;
        sim.guest_stop(103).unwrap();
        let talos = client(&sim).await;
        let node = talos.node(CP1);
        let upgrade = UpgradeOptions::new(image("v1.13.5"));
        let error = node.upgrade_legacy(upgrade.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
        assert!(error.message().contains("etcd"), "{error}");
        assert_eq!(error.was_sent(), Sent::Yes);
        node.upgrade_legacy(upgrade.force()).await.unwrap();
    }
}
