//! A client certificate made without a node, shown to nodes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::{Duration, SystemTime};

use homelab_core::ErrorKind;
use homelab_sim::Sim;
use support::{CP1, lab, options};
use talos_client::pki::{ClientCertificateOptions, SecretsBundle, ServiceAccountKey};
use talos_client::{TalosClient, TalosConfig};

/// The secrets of the simulated cluster, as far as the nodes have them.
fn secrets(sim: &Sim) -> SecretsBundle {
    let mut secrets =
        SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256).unwrap();
    let (crt, key) = sim.talos_ca("kubernetes").unwrap();
    secrets.os.crt = crt;
    secrets.os.key = key.into();
    secrets
}

#[tokio::test]
async fn nodes_accept_what_their_ca_signed_and_obey_its_roles() {
    let sim = lab().await;
    let secrets = secrets(&sim);
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let reader = ClientCertificateOptions::role("os:reader").lifetime(Duration::from_secs(600));
    let issued = secrets.issue(&reader).unwrap();

    // Through a file, as a user would.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talos/config");
    let mut config = TalosConfig::default();
    config.insert(issued.context("lab", [&endpoint]));
    config.select("lab").unwrap();
    config.write(&path).unwrap();
    let config = TalosConfig::from_file(&path).unwrap();

    let client = TalosClient::connect(config.context(None).unwrap(), options())
        .await
        .unwrap();
    assert_eq!(client.context_info().roles, ["os:reader"]);
    let node = client.node(CP1);
    assert!(node.version().await.is_ok());
    let denied = node
        .list_dynamic("config", "MachineConfigs.config.talos.dev")
        .await
        .unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);

    let both = reader.and_role("os:admin");
    let context = secrets.issue(&both).unwrap().context("lab", [&endpoint]);
    let client = TalosClient::connect(&context, options()).await.unwrap();
    assert_eq!(client.context_info().roles, ["os:reader", "os:admin"]);
    client
        .node(CP1)
        .list_dynamic("config", "MachineConfigs.config.talos.dev")
        .await
        .unwrap();
}

#[tokio::test]
async fn nodes_refuse_what_another_ca_signed() {
    let sim = lab().await;
    let mut secrets = secrets(&sim);
    let trusted = secrets.os.crt.clone();
    secrets.os = SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256)
        .unwrap()
        .os;
    let mut issued = secrets
        .issue(&ClientCertificateOptions::role("os:admin"))
        .unwrap();
    issued.ca = trusted;
    let context = issued.context("lab", [sim.talos_endpoint("cp-1").unwrap()]);
    let client = TalosClient::connect(&context, options()).await.unwrap();
    let error = client.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}
