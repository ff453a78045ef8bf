//! What goes wrong before anything is asked.

mod common;

use common::{credentials, example, simulated};
use homelab::{Credentials, ErrorKind, Lab};
use homelab_sim::ClientCert;

#[tokio::test]
async fn an_expired_client_certificate_is_an_error_at_once() {
    let (sim, mut env) = simulated().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talosconfig");
    let expired = ClientCert::admin().expired();
    std::fs::write(&path, sim.talosconfig(&expired).unwrap()).unwrap();
    env.insert("TALOSCONFIG".into(), path.display().to_string());
    let error = example().connect(credentials(&env)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("expired"), "{error}");
    sim.stop().await;
}

#[tokio::test]
async fn files_that_are_not_there_are_named() {
    let (sim, env) = simulated().await;
    for name in ["TALOSCONFIG", "HOMELAB_PROXMOX_CA"] {
        let mut env = env.clone();
        env.insert(name.into(), "/nonexistent/file".into());
        let error = example().connect(credentials(&env)).await.unwrap_err();
        assert!(
            error.to_string().contains("/nonexistent/file"),
            "{name}: {error}"
        );
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_malformed_talosconfig_has_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talosconfig");
    std::fs::write(&path, "context: lab\ncontexts:\n  lab: [not, a, context]\n").unwrap();
    let credentials = Credentials::builder().talosconfig(&path).build().unwrap();
    let error = example().connect(credentials).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.location().unwrap().file, path.display().to_string());
    assert!(error.location().unwrap().line > 0, "{error}");
}

#[tokio::test]
async fn an_unknown_cluster_is_told_the_nearest() {
    let (sim, env) = simulated().await;
    let live = common::connect(&env).await;
    let error = live.cluster("kubernets").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("did you mean kubernetes?"),
        "{error}"
    );
    sim.stop().await;
}

#[test]
fn a_missing_or_malformed_inventory_is_one_clear_error() {
    let error = Lab::from_file("/nonexistent/homelab.yaml").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("/nonexistent/homelab.yaml"),
        "{error}"
    );

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("homelab.yaml");
    std::fs::write(
        &path,
        "name: lab\nhosts:\n  - name: pve1\n    memory: lots\n",
    )
    .unwrap();
    let error = Lab::from_file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.location().unwrap().line, 4);
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}:4:", path.display())),
        "{error}"
    );
}
