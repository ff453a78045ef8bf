//! The official Go client library and etcd's storage library judge the
//! simulator (`tests/peers/talos`), where Go is installed.

use std::path::Path;
use std::process::{Command, Output};

use homelab_sim::world::{Machine, Stage};

use crate::lab;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_library_finds_what_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/talos");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("talos-peer");
    let go = |arguments: &[&str]| -> Option<Output> {
        Command::new("go")
            .args(arguments)
            .current_dir(&folder)
            .output()
            .ok()
    };
    let Some(modules) = go(&["mod", "download"]) else {
        eprintln!("SKIPPED: Go is not installed");
        return;
    };
    if !modules.status.success() {
        let why = String::from_utf8_lossy(&modules.stderr).into_owned();
        eprintln!("SKIPPED: the Go modules cannot be had: {why}");
        return;
    }
    let built = go(&["build", "-o", &binary.to_string_lossy(), "."]).unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );

    let sim = lab::start().await;
    sim.add_machine(&Machine::on("pve1", "new-1", "v1.12.4"))
        .unwrap();
    lab::eventually("maintenance mode", || {
        sim.world()
            .read(|s| s.node("new-1").unwrap().stage == Stage::Maintenance)
    })
    .await;
    let newer = lab::start_version("v1.13.0").await;
    let mut peer = Command::new(binary);
    peer.arg(sim.files())
        .env("TALOSCONFIG", &sim.env()["TALOSCONFIG"])
        .env("TALOSCONFIG_113", &newer.env()["TALOSCONFIG"])
        .env("MAINTENANCE", sim.talos_endpoint("new-1").unwrap());
    let output = tokio::task::spawn_blocking(move || peer.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    assert_eq!(
        said.lines().filter(|l| l.starts_with("ok ")).count(),
        17,
        "{said}"
    );
}
