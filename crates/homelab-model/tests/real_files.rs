//! A real repository's talhelper files, where they are at hand: a folder with
//! `talconfig.yaml` in `HOMELAB_TALHELPER_FILES`, else `../shared/labs/ragas/talos`
//! beside the repository.
#![allow(missing_docs, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};

use homelab_core::Error;
use homelab_model::inventory::NodeRole;
use homelab_model::talhelper;

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/labs/ragas/talos");
    let named = std::env::var_os("HOMELAB_TALHELPER_FILES").map(PathBuf::from);
    named
        .or(Some(beside))
        .filter(|folder| folder.join("talconfig.yaml").exists())
}

#[test]
fn a_real_talconfig_is_read_without_a_warning() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no talhelper files (set HOMELAB_TALHELPER_FILES)");
        return;
    };
    let read = |path: &str| {
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))
    };
    let env = read("talenv.yaml").unwrap();
    let text = read("talconfig.yaml").unwrap();
    let import =
        talhelper::import("talconfig.yaml", &text, Some(("talenv.yaml", &env)), &read).unwrap();
    assert_eq!(import.warnings, []);
    assert_eq!(import.contradictions, []);
    let cluster = import.cluster;
    if cluster.name != "kubernetes" {
        return;
    }
    assert_eq!(cluster.vip.as_deref(), Some("172.16.1.49"));
    assert_eq!(cluster.talos_version.as_deref(), Some("v1.12.1"));
    assert_eq!(cluster.kubernetes_version.as_deref(), Some("v1.34.2"));
    assert_eq!(cluster.nodes.len(), 6);
    assert_eq!(
        cluster
            .nodes
            .iter()
            .filter(|n| n.role == NodeRole::ControlPlane)
            .count(),
        3
    );
    assert_eq!(cluster.nodes[0].macs, ["bc:24:11:62:66:6e"]);
    assert_eq!(cluster.nameservers, ["172.16.1.11"]);
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
    assert_eq!(cluster.kube_proxy_disabled, Some(true));
}
