//! What a configuration would change, and a kubeconfig that finds its place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::ClientCert;
use support::{CP1, WORKER, client, client_with, lab, options};
use talos_client::machine_config::{MachineConfig, Patch};
use talos_client::{ApplyOptions, KubeconfigMergeOptions};

#[tokio::test]
async fn a_plan_says_what_would_change_and_changes_nothing() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let running = node.machine_config().await.unwrap();
    let plan = node
        .plan_configuration(&running, ApplyOptions::default())
        .await
        .unwrap();
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);

    let mut wanted = running.clone();
    let patch = "machine: {token: abcdef.aaaaaaaaaaaaaaaa, sysctls: {vm.nr_hugepages: '1024'}}";
    wanted
        .apply(&Patch::parse("patch.yaml", patch).unwrap())
        .unwrap();
    let plan = node
        .plan_configuration(&wanted, ApplyOptions::default())
        .await
        .unwrap();
    let paths: Vec<_> = plan.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths.iter().any(|p| p.contains("sysctls")), "{paths:?}");
    assert!(
        !format!("{plan:?}").contains("aaaaaaaaaaaaaaaa"),
        "{plan:?}"
    );
    // The node's own account of it holds no secret either.
    let details = &plan.dry_run.details;
    assert!(details.contains("vm.nr_hugepages"), "{details}");
    let token = running.documents()[0].value().path(&["machine", "token"]);
    let token = token.and_then(|t| t.as_str()).unwrap();
    for secret in ["aaaaaaaaaaaaaaaa", token] {
        assert!(!details.contains(secret), "{details}");
    }
    assert_eq!(node.machine_config().await.unwrap(), running);

    // The node's own judgement counts too.
    let broken = MachineConfig::parse("broken.yaml", "version: v1alpha1\nmachine: {}\n").unwrap();
    let error = node
        .plan_configuration(&broken, ApplyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = reader
        .node(CP1)
        .plan_configuration(&wanted, ApplyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_kubeconfig_is_merged_into_the_file_that_is_there() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kube/config");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(
        &path,
        "apiVersion: v1\nkind: Config\npreferences: {colors: true}\n",
    )
    .unwrap();
    let merge = async |node: &str| {
        let options = KubeconfigMergeOptions::default();
        talos.node(node).kubeconfig_merge(&path, &options).await
    };
    let first = merge(CP1).await.unwrap();
    assert_eq!(
        (first.renewed, first.path.as_path()),
        (false, path.as_path())
    );
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(before.contains("colors: true"));

    // Again: the same entries, with another certificate.
    let second = merge(support::CP2).await.unwrap();
    assert!(second.renewed);
    assert_eq!(second.context, first.context);
    let after = std::fs::read_to_string(&path).unwrap();
    assert_ne!(before, after);
    assert_eq!(after.matches("client-key-data").count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let error = merge(WORKER).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
    std::fs::write(&path, "clusters: 5\n").unwrap();
    let error = merge(CP1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_ne!(error.was_sent(), Sent::Yes);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "clusters: 5\n");
}
