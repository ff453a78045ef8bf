//! Machines without a configuration: found, trusted, configured, bootstrapped;
//! and nodes that become such machines again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{ErrorKind, ExposeSecret, Sent};
use homelab_sim::Sim;
use homelab_sim::world::{Machine, Stage};
use support::{CP1, eventually, lab, options};
use talos_client::maintenance::{MachineMode, probe};
use talos_client::pki::{ClientCertificateOptions, SecretsBundle};
use talos_client::{
    ApplyMode, ApplyOptions, FlowOptions, MaintenanceClient, MaintenanceTrust, ResetOptions,
    ResetScope, TalosClient,
};

fn quick() -> FlowOptions {
    FlowOptions::default()
        .deadline(Duration::from_secs(50))
        .poll(Duration::from_millis(20))
}

/// A lab with one machine that waits.
async fn waiting(version: &str) -> Sim {
    let sim = lab().await;
    sim.add_machine(&Machine::on("pve4", "new-1", version))
        .unwrap();
    eventually("maintenance mode", || stage(&sim) == Stage::Maintenance).await;
    sim
}

fn stage(sim: &Sim) -> Stage {
    sim.world().read(|s| s.node("new-1").unwrap().stage)
}

fn pinned(sim: &Sim) -> MaintenanceClient {
    let trust = MaintenanceTrust::fingerprint(&sim.talos_fingerprint("new-1").unwrap()).unwrap();
    let address = sim.talos_endpoint("new-1").unwrap();
    MaintenanceClient::connect(&address, &trust, options()).unwrap()
}

fn secrets() -> SecretsBundle {
    SecretsBundle::generate(SystemTime::now()).unwrap()
}

/// A configuration for the first control plane of a cluster of its own.
fn config(secrets: &SecretsBundle) -> String {
    format!(
        "version: v1alpha1\nmachine:\n  type: controlplane\n  token: abcdef.0123456789abcdef\n  \
         ca:\n    crt: {}\n    key: {}\n  network:\n    hostname: first\n  kubelet:\n    image: \
         ghcr.io/siderolabs/kubelet:v1.35.1\n  install:\n    disk: /dev/sda\n    image: \
         ghcr.io/siderolabs/installer:v1.13.3\ncluster:\n  id: x\n  secret: y\n  \
         clusterName: mine\n  controlPlane:\n    endpoint: https://172.16.1.100:6443\n  \
         etcd:\n    ca:\n      crt: YQ==\n      key: YQ==\n",
        STANDARD.encode(&secrets.os.crt),
        STANDARD.encode(secrets.os.key.expose_secret()),
    )
}

#[tokio::test]
async fn a_machine_is_found_configured_and_bootstrapped() {
    let sim = waiting("v1.13.3").await;
    let address = sim.talos_endpoint("new-1").unwrap();
    let seen = probe(&address, options()).await.unwrap();
    assert_eq!(seen.mode, MachineMode::Maintenance);
    assert_eq!(
        seen.fingerprint,
        Some(sim.talos_fingerprint("new-1").unwrap())
    );
    assert_eq!(seen.version.as_deref(), Some("v1.13.3"));

    let machine = pinned(&sim);
    assert_eq!(machine.fingerprint(), None);
    assert!(!machine.disks().await.unwrap().is_empty());
    assert_eq!(
        machine.fingerprint().map(|f| f.to_string()),
        seen.fingerprint
    );
    assert!(!machine.node().services().await.unwrap().is_empty());
    let error = machine
        .node()
        .reboot(talos_client::RebootMode::Default)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let error = machine
        .apply_configuration("machine: {}", ApplyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let secrets = secrets();
    machine
        .apply_configuration(&config(&secrets), ApplyOptions::default())
        .await
        .unwrap();

    // Not ready for it yet: the flow waits.
    let admin = secrets
        .issue(&ClientCertificateOptions::role("os:admin"))
        .unwrap();
    let talos = TalosClient::connect(&admin.context("mine", [&address]), options())
        .await
        .unwrap();
    let mut seen = None;
    for _ in 0..1000 {
        seen = probe(&address, options()).await.ok();
        if seen
            .as_ref()
            .is_some_and(|s| s.mode == MachineMode::Configured)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(seen.unwrap().mode, MachineMode::Configured);
    let started = talos
        .endpoint()
        .bootstrap_and_wait(quick(), |_| {})
        .await
        .unwrap();
    assert_eq!(started.members, 1);
    let error = talos.endpoint().bootstrap_and_wait(quick(), |_| {}).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn another_key_is_not_trusted_and_gets_nothing() {
    let sim = waiting("v1.13.3").await;
    let address = sim.talos_endpoint("new-1").unwrap();
    let trust =
        MaintenanceTrust::fingerprint("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").unwrap();
    let machine = MaintenanceClient::connect(&address, &trust, options()).unwrap();
    let error = machine
        .apply_configuration(&config(&secrets()), ApplyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Untrusted, Sent::No)
    );
    let shown = sim.talos_fingerprint("new-1").unwrap();
    assert!(error.message().contains(&shown), "{error}");
    assert_eq!(stage(&sim), Stage::Maintenance);

    let any = MaintenanceTrust::DangerouslyAnyCertificate;
    let machine = MaintenanceClient::connect(&address, &any, options()).unwrap();
    assert!(!machine.disks().await.unwrap().is_empty());
    let nobody = MaintenanceTrust::Fingerprints(vec![]);
    for (address, trust) in [("", &any), ("host:port", &any), ("10.0.0.1", &nobody)] {
        let error = MaintenanceClient::connect(address, trust, options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{address}");
    }
}

#[tokio::test]
async fn machines_before_1_13_can_less() {
    let sim = waiting("v1.12.4").await;
    let machine = pinned(&sim);
    assert!(machine.version().await.unwrap().is_none());
    assert!(!machine.disks().await.unwrap().is_empty());
    let error = machine.node().services().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let large = format!("{}#{}", config(&secrets()), "x".repeat(5 << 20));
    let refused = async |yaml: &str, options| {
        let error = machine
            .apply_configuration(yaml, options)
            .await
            .unwrap_err();
        assert_eq!(error.was_sent(), Sent::No);
        error.kind()
    };
    let default = ApplyOptions::default();
    assert_eq!(refused(&large, default).await, ErrorKind::ResourceExhausted);
    let no_reboot = default.mode(ApplyMode::NoReboot);
    assert_eq!(
        refused(&config(&secrets()), no_reboot).await,
        ErrorKind::Unsupported
    );
    machine
        .apply_configuration(&config(&secrets()), default)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_configured_node_is_no_machine_that_waits() {
    let sim = lab().await;
    let address = sim.talos_endpoint("cp-1").unwrap();
    let seen = probe(&address, options()).await.unwrap();
    assert_eq!((seen.mode, seen.version), (MachineMode::Configured, None));
    let error = probe("127.0.0.1:1", options()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Unavailable, Sent::No)
    );
}

#[tokio::test]
async fn a_reset_ends_in_maintenance_and_some_resets_do_not() {
    let sim = lab().await;
    let talos = support::client(&sim).await;
    let worker = talos.node(support::WORKER);
    let ephemeral = ResetScope::Partitions(vec!["EPHEMERAL".into()]);
    let kept = worker
        .reset_and_wait(ResetOptions::new(ephemeral).reboot(), None, quick(), |_| {})
        .await
        .unwrap();
    assert!(!kept.maintenance);
    worker.version().await.unwrap();

    let address = sim.talos_endpoint("worker-1").unwrap();
    let state = ResetScope::Partitions(vec!["STATE".into(), "EPHEMERAL".into()]);
    let reset = ResetOptions::new(state).reboot();
    let gone = worker
        .reset_and_wait(reset, Some(&address), quick(), |_| {})
        .await
        .unwrap();
    assert!(gone.maintenance);
    let nowhere = ResetOptions::new(ResetScope::SystemDisk).reboot();
    let error = talos
        .endpoint()
        .reset_and_wait(nowhere, None, quick(), |_| {})
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
}

#[tokio::test]
async fn etcd_comes_back_from_a_snapshot() {
    let sim = lab().await;
    let talos = support::client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("etcd.db");
    talos.node(CP1).etcd_snapshot(&file, |_| {}).await.unwrap();
    let runs = talos
        .node(CP1)
        .recover_and_wait(&file, false, quick(), |_| {})
        .await;
    assert_eq!(runs.unwrap_err().kind(), ErrorKind::AlreadyExists);
    for node in [CP1, support::CP2, support::CP3] {
        let ephemeral = ResetScope::Partitions(vec!["EPHEMERAL".into()]);
        let reset = ResetOptions::new(ephemeral).forced().reboot();
        talos.node(node).reset(reset).await.unwrap();
    }
    // A node that has not gone yet still runs etcd, and is refused.
    let mut state = None;
    for _ in 0..1000 {
        let services = talos.node(CP1).services().await.unwrap_or_default();
        state = services
            .into_iter()
            .find(|s| s.id == "etcd")
            .map(|s| s.state);
        if state.as_deref() == Some("Preparing") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(state.as_deref(), Some("Preparing"));
    let back = talos
        .node(CP1)
        .recover_and_wait(&file, false, quick(), |_| {})
        .await
        .unwrap();
    assert!(back.members >= 1);
}
