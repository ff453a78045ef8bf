//! Snapshots of etcd through the lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot look must stop")]

mod common;

use common::{connect, simulated};
use homelab::ErrorKind;
use homelab_sim::{Down, Fault};

const CONTROL_PLANES: [&str; 3] = ["talos-cp-1", "talos-cp-2", "talos-cp-3"];

fn files(dir: &tempfile::TempDir) -> Vec<String> {
    std::fs::read_dir(dir.path())
        .unwrap()
        .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn a_snapshot_is_verified_named_and_whole() {
    let (sim, env) = simulated().await;
    let dir = tempfile::tempdir().unwrap();
    let mut progress = 0;
    let cluster = connect(&env).await.cluster("kubernetes").unwrap();
    let snapshot = cluster
        .etcd_snapshot(dir.path(), |_| progress += 1)
        .await
        .unwrap();
    let name = snapshot
        .path
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert!(
        name.starts_with("kubernetes-2") && name.ends_with("Z.db"),
        "{name}"
    );
    assert_eq!(files(&dir), [name]);
    assert_eq!(
        std::fs::metadata(&snapshot.path).unwrap().len(),
        snapshot.size_bytes
    );
    assert!(progress > 0);
    sim.stop().await;
}

#[tokio::test]
async fn a_bad_member_is_passed_over() {
    let (sim, env) = simulated().await;
    for node in ["talos-cp-1", "talos-cp-2"] {
        sim.fault(node, Fault::TruncateSnapshot).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let cluster = connect(&env).await.cluster("kubernetes").unwrap();
    cluster.etcd_snapshot(dir.path(), |_| {}).await.unwrap();
    assert_eq!(files(&dir).len(), 1);
    sim.stop().await;
}

#[tokio::test]
async fn no_good_snapshot_leaves_no_file() {
    for fault in [
        Fault::TruncateSnapshot,
        Fault::CorruptSnapshot,
        Fault::CutSnapshot,
    ] {
        let (sim, env) = simulated().await;
        for node in CONTROL_PLANES {
            sim.fault(node, fault).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let cluster = connect(&env).await.cluster("kubernetes").unwrap();
        let error = cluster.etcd_snapshot(dir.path(), |_| {}).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::PartialFailure,
            "{fault:?}: {error:?}"
        );
        assert_eq!(error.failures().len(), 3, "{fault:?}: {error:?}");
        assert_eq!(files(&dir), [""; 0], "{fault:?}");
        sim.stop().await;
    }
}

#[tokio::test]
async fn a_dead_host_does_not_stop_a_snapshot() {
    let (sim, env) = simulated().await;
    sim.host_down("pve2", Down::Refuse).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cluster = connect(&env).await.cluster("kubernetes").unwrap();
    cluster.etcd_snapshot(dir.path(), |_| {}).await.unwrap();
    assert_eq!(files(&dir).len(), 1);
    sim.stop().await;
}

#[tokio::test]
async fn a_missing_folder_is_said_before_anything_is_asked() {
    let (sim, env) = simulated().await;
    let cluster = connect(&env).await.cluster("kubernetes").unwrap();
    let error = cluster
        .etcd_snapshot("/nonexistent", |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    sim.stop().await;
}
