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

/// What the program says about a lab before it is ready, and whether it gets so.
fn said(inventory: &str, more: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .arg("--lab")
        .arg(lab(&folder, inventory))
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // With its input closed it ends as soon as it is ready.
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

#[test]
fn memory_that_is_not_there_is_a_warning() {
    let crowded = LAB.replace(
        "address: 192.168.1.50}",
        "address: 192.168.1.50, memory: 48GB}",
    );
    let (ready, text) = said(&crowded, &[]);
    assert!(ready, "{text}");
    for part in [
        "warning: ",
        "homelab.yaml:4:5",
        "`pve1`",
        "48.0 GiB",
        "32.0 GiB",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(said(LAB, &[]), (true, String::new()));
}

#[test]
fn what_cannot_be_placed_names_file_and_line() {
    let pool = "pools:\n  - {name: fast, kind: lvm-thin, hosts: [pve2]}\nclusters:";
    let two = "  - {name: pve2, address: 192.168.1.3, memory: 32GB}\nclusters:";
    let base = LAB.replace("clusters:", two).replace("clusters:", pool);
    let disk = "address: 192.168.1.50, disks: [{storage: fast, size: 10GB}]}";
    let disk = base.replace("address: 192.168.1.50}", disk);
    let gpu = base.replace(
        "address: 192.168.1.50}",
        "address: 192.168.1.50, gpus: [Arc A310]}",
    );
    let twice = base.replace(
        "address: 192.168.1.50}",
        "address: 192.168.1.50, vmid: 100}",
    ) + "      - {name: cp-2, role: control-plane, host: pve2, address: 192.168.1.51, vmid: 100}\n";
    let nowhere = base.replace("host: pve1,", "host: pve3,");
    let cases: [(&str, &[&str]); 4] = [
        (
            &disk,
            &["homelab.yaml:11:", "`cp-1`", "pool `fast`", "pve2 only"],
        ),
        (&gpu, &["homelab.yaml:11:", "`Arc A310`", "host `pve1`"]),
        (
            &twice,
            &["homelab.yaml:12:", "VMID 100", "homelab.yaml:11:"],
        ),
        (&nowhere, &["homelab.yaml:11:", "`pve3`", "did you mean"]),
    ];
    for (inventory, parts) in cases {
        let (ready, text) = said(inventory, &[]);
        assert!(!ready);
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for option in ["--ports", "--control"] {
        let (ready, text) = said(LAB, &[option, &port]);
        assert!(!ready && text.contains(&port), "{option}: {text}");
    }
}

#[test]
fn only_a_name_opens_it_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _output, lines) = start(&folder);
    let listens = |line: &&String| line.contains("listens on");
    let everywhere = lines.iter().filter(listens);
    assert!(everywhere.clone().count() >= 2);
    for line in everywhere {
        assert!(line.contains(" 127.0.0.1:"), "{line}");
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    let (ready, text) = said(LAB, &["--listen", "somewhere"]);
    assert!(
        !ready && text.contains("somewhere is no IP address"),
        "{text}"
    );
    assert!(said(LAB, &["--listen", "127.0.0.2"]).0);
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
