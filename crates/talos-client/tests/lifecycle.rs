//! What changes a machine, against a simulated lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::{ClientCert, Fault};
use support::{CP1, WORKER, client, client_with, eventually, lab, options};
use talos_client::{BootstrapOptions, RebootMode, ResetOptions, ResetScope};

#[tokio::test]
async fn a_node_reboots() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(WORKER);
    let boot_id = "/proc/sys/kernel/random/boot_id";
    let before = node.read_file(boot_id, 100).await.unwrap();
    let actor = node.reboot(RebootMode::Default).await.unwrap();
    assert!(!actor.is_empty());
    let mut after = before.clone();
    for _ in 0..200 {
        match node.read_file(boot_id, 100).await {
            Ok(id) if id != before => {
                after = id;
                break;
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    assert_ne!(after, before);
}

#[tokio::test]
async fn a_node_shuts_down_and_is_asked_once_only() {
    let sim = lab().await;
    let talos = client(&sim).await;
    talos.node(CP1).version().await.unwrap();
    sim.fault("worker-1", Fault::Reset).unwrap();
    let error = talos.node(WORKER).shutdown(false).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Unavailable, Sent::Maybe)
    );
    let stats = sim.stats();
    let requests = stats
        .endpoints
        .values()
        .filter_map(|t| t.requests.get("/machine.MachineService/Shutdown"));
    let requests: u64 = requests.sum();
    assert_eq!(requests, 1);
    sim.clear_faults();
    talos.node(WORKER).shutdown(true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let error = talos.node(WORKER).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn services_stop_and_start() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(WORKER);
    let state = async || {
        let services = node.services().await.unwrap();
        services
            .into_iter()
            .find(|s| s.id == "kubelet")
            .unwrap()
            .state
    };
    node.service_stop("kubelet").await.unwrap();
    assert_eq!(state().await, "Finished");
    node.service_start("kubelet").await.unwrap();
    assert_eq!(state().await, "Running");
    node.service_restart("kubelet").await.unwrap();
    assert_eq!(
        node.service_stop("nope").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        node.service_stop("apid").await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = reader
        .node(WORKER)
        .service_stop("kubelet")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    eventually("no stream is left", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn meta_holds_small_values() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    node.meta_write(12, "rack 3").await.unwrap();
    let error = node.meta_write(13, vec![0; 1 << 20]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    node.meta_delete(12).await.unwrap();
    assert_eq!(
        node.meta_delete(12).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_early() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let bootstrap = async |node| {
        talos
            .node(node)
            .bootstrap(BootstrapOptions::default())
            .await
    };
    assert_eq!(
        bootstrap(CP1).await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        bootstrap(WORKER).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let nothing = ResetOptions::new(ResetScope::Partitions(vec![]));
    let error = talos.node(CP1).reset(nothing).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    let roles: [&str; 0] = [];
    let error = talos
        .node(CP1)
        .generate_client_configuration(&roles, Duration::from_secs(60))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
}
