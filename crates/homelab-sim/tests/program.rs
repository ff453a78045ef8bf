//! The program `homelab-sim` as a user starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

const LAB: &str = "
name: tiny
hosts:
  - {name: pve1, address: 192.168.1.2, memory: 32GB}
clusters:
  - name: home
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, address: 192.168.1.50}
";

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_homelab-sim"))
}

fn lab(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("homelab.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Starts the program and returns the lines it prints until it is ready.
fn start(folder: &tempfile::TempDir) -> (Child, BufReader<ChildStdout>, Vec<String>) {
    let mut child = program()
        .arg("--lab")
        .arg(lab(folder, LAB))
        .args(["--latency", "1", "--seed", "3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    while !lines.last().is_some_and(|l| l.starts_with("# ready")) {
        let mut line = String::new();
        assert_ne!(
            output.read_line(&mut line).unwrap(),
            0,
            "ended early: {lines:?}"
        );
        lines.push(line.trim_end().to_owned());
    }
    (child, output, lines)
}

#[test]
fn prints_what_clients_need_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _output, lines) = start(&folder);
    for name in [
        "HOMELAB_PROXMOX_CA",
        "HOMELAB_PROXMOX_ENDPOINTS",
        "HOMELAB_PROXMOX_TOKEN",
        "HOMELAB_TALOS_CONTEXT",
        "TALOSCONFIG",
    ] {
        let start = format!("export {name}='");
        assert!(
            lines.iter().any(|l| l.starts_with(&start)),
            "{name} in {lines:?}"
        );
    }
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("# cp-1 listens on 127.0.0.1:"))
    );
    let config = lines
        .iter()
        .find_map(|l| l.strip_prefix("export TALOSCONFIG='"))
        .unwrap();
    let config = PathBuf::from(config.trim_end_matches('\''));
    assert!(config.exists());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(!config.exists(), "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn ends_with_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, _output, _) = start(&folder);
        let pid = child.id().to_string();
        let killed = Command::new("kill").args([signal, &pid]).status();
        assert!(killed.unwrap().success());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn bad_input_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing.yaml");
    let twice = LAB.replace("192.168.1.50", "192.168.1.2");
    let nowhere = LAB.replace("host: pve1", "host: pve7");
    let named = LAB.replace("address: 192.168.1.50", "address: cp-1.lan");
    for (arguments, expected) in [
        (vec![], "which lab?"),
        (vec!["--lab".to_owned()], "--lab needs a value"),
        (
            vec!["--lab".into(), missing.to_string_lossy().into_owned()],
            "nothing.yaml",
        ),
        (
            vec![
                "--lab".into(),
                "x".into(),
                "--latency".into(),
                "much".into(),
            ],
            "much is not a",
        ),
        (vec!["--frob".into()], "unknown argument --frob"),
        (vec!["--lab".into(), "TEXT".into(), twice], "192.168.1.2"),
        (vec!["--lab".into(), "TEXT".into(), nowhere], "pve7"),
        (vec!["--lab".into(), "TEXT".into(), named], "cp-1.lan"),
    ] {
        let mut command = program();
        // A third argument after TEXT is the inventory itself.
        if let [flag, text, inventory] = &arguments[..]
            && text == "TEXT"
        {
            command.arg(flag).arg(lab(&folder, inventory));
        } else {
            command.args(&arguments);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(error.starts_with("homelab-sim: "), "{error}");
        assert!(error.contains(expected), "{expected} in {error}");
    }
}
