//! The disc, read by a library that knows nothing of ours: pycdlib, in the
//! tests' virtual environment.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they skip"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use proxmox_client::CidataIso;

const READ: &str = r#"
import io, json, sys, pycdlib
iso = pycdlib.PyCdlib()
iso.open(sys.argv[1])
def read(**path):
    out = io.BytesIO()
    iso.get_file_from_iso_fp(out, **path)
    return out.getvalue().decode()
names = ["meta-data", "network-config", "user-data"]
print(json.dumps({
    "label": iso.pvd.volume_identifier.decode().strip(),
    "joliet_label": iso.joliet_vd.volume_identifier.decode("utf-16-be").strip(),
    "rock_ridge": iso.rock_ridge,
    "rr": {n: read(rr_path="/" + n) for n in names},
    "joliet": {n: read(joliet_path="/" + n) for n in names},
    "plain": sorted(c.file_identifier().decode() for c in iso.list_children(iso_path="/") if c.is_file()),
}))
"#;

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import pycdlib"])
        .output()
        .is_ok_and(|out| out.status.success());
    has.then_some(python)
}

#[test]
fn another_reader_finds_every_file_under_its_long_name() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no pycdlib in target/venv; `cargo xtask test venv` installs it");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // Longer than a sector, and not a multiple of one.
    let config = format!("version: v1alpha1\n# {}\n", "x".repeat(5_000));
    let path = CidataIso::new("talos-101", config.clone())
        .hostname("talos-cp-1.lab.example")
        .network_config("version: 1\n")
        .write(dir.path().join("cidata.iso"))
        .unwrap();
    let out = Command::new(python)
        .args(["-c", READ])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{told}");
    let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(seen["label"], "cidata");
    assert_eq!(seen["joliet_label"], "cidata");
    assert_eq!(seen["rock_ridge"], "1.09");
    for view in ["rr", "joliet"] {
        assert_eq!(seen[view]["user-data"], config);
        assert_eq!(seen[view]["network-config"], "version: 1\n");
        let meta = seen[view]["meta-data"].as_str().unwrap();
        assert_eq!(
            meta,
            "instance-id: \"talos-101\"\nlocal-hostname: \"talos-cp-1.lab.example\"\n"
        );
    }
    assert_eq!(
        seen["plain"],
        serde_json::json!(["META_DATA.;1", "NETWORK_CONFIG.;1", "USER_DATA.;1"])
    );
}

#[test]
fn the_same_input_is_the_same_image() {
    let disc = || CidataIso::new("a", "machine: {}").to_bytes().unwrap();
    assert_eq!(disc(), disc());
    assert_eq!(disc().len() % 2048, 0);
}
