//! Files, consoles and the agent against somebody else's idea of the server:
//! fakepve, as in `fakepve.rs`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::{
    AgentAvailability, CidataIso, ExecOptions, FetchOptions, FreezeStatus, Node, ProxmoxClient,
    UploadOptions, UploadSource, WaitOptions,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GUESTS: &str = r#"{"guests": [
  {"vmid": 100, "name": "talos-cp-1", "status": "running", "agent": {},
   "config": {"agent": "1", "serial0": "socket",
     "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0"}},
  {"vmid": 101, "name": "mute", "status": "running", "config": {}}
]}"#;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn files_consoles_and_the_agent_are_understood() {
    let named = std::env::var_os("FAKEPVE").map(PathBuf::from);
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/fakepve");
    let Some(program) = named.or_else(|| usual.exists().then_some(usual)) else {
        let _ = writeln!(std::io::stderr(), "fakepve SKIPPED: not installed");
        return;
    };
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let folder = tempfile::tempdir().unwrap();
    let guests = folder.path().join("guests.json");
    std::fs::write(&guests, GUESTS).unwrap();
    let child = Command::new(program)
        .arg(&guests)
        .args(["--host", "127.0.0.1", "--time-scale", "0", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    let pve = connected(port).await;
    let rows = pve.cluster().resources(None).await.unwrap();
    let name = rows.iter().find_map(|r| r.node.clone()).unwrap();
    let node = pve.node(&name);
    let soon = WaitOptions::default()
        .first_pause(Duration::from_millis(50))
        .timeout(Duration::from_secs(20));

    let disc = CidataIso::new("talos-100", "machine: {}")
        .to_bytes()
        .unwrap();
    let size = disc.len() as u64;
    let source = || UploadSource::bytes("talos cidata.iso", disc.clone());
    let made = node
        .upload(
            "local",
            source(),
            UploadOptions::default().verify(true),
            |_| {},
        )
        .await
        .unwrap();
    assert_eq!(made.volume(), "local:iso/talos_cidata.iso");
    made.wait(soon.clone()).await.unwrap();
    let volumes = node.storage("local").content().await.unwrap();
    let volume = volumes.iter().find(|v| v.volume == made.volume()).unwrap();
    assert_eq!(volume.size_bytes, Some(size));
    let again = node
        .upload("local", source(), UploadOptions::default(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        (again.kind(), again.was_sent()),
        (ErrorKind::AlreadyExists, Sent::No)
    );
    let fetched = node
        .download_url(
            "local",
            "https://factory.talos.dev/image/x/v1.13.0/metal-amd64.iso",
            &FetchOptions::default(),
        )
        .await
        .unwrap();
    fetched.wait(soon).await.unwrap();
    let volumes = node.storage("local").content().await.unwrap();
    assert!(volumes.iter().any(|v| v.volume == fetched.volume()));

    terminal(&node).await;
    agent(&node).await;
}

async fn terminal(node: &Node) {
    let mut terminal = node.qemu(100).terminal(None).await.unwrap();
    terminal.resize(80, 25).await.unwrap();
    terminal.write_all("wörld\n".as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with("wörld\n".as_bytes()) {
        let mut chunk = [0; 256];
        let n = terminal.read(&mut chunk).await.unwrap();
        assert!(n > 0);
        seen.extend_from_slice(&chunk[..n]);
    }
    assert!(
        String::from_utf8(seen)
            .unwrap()
            .starts_with("starting serial terminal")
    );
}

async fn agent(node: &Node) {
    let agent = node.qemu(100).agent();
    assert_eq!(
        agent.availability().await.unwrap(),
        AgentAvailability::Ready
    );
    assert_eq!(
        agent.addresses().await.unwrap(),
        ["192.0.2.10".parse::<std::net::IpAddr>().unwrap()]
    );
    let out = agent
        .exec(&["/bin/uname", "-r"], ExecOptions::default())
        .await
        .unwrap();
    assert!(out.success());
    agent.file_write("/tmp/x", b"\xff\x00").await.unwrap();
    assert_eq!(agent.fs_freeze().await.unwrap(), 1);
    assert_eq!(
        agent.fs_freeze_status().await.unwrap(),
        FreezeStatus::Frozen
    );
    agent.fs_thaw().await.unwrap();
    // A real server says "No QEMU guest agent configured" here, which
    // `AgentAvailability` has a unit test for; fakepve has one text for both.
    let mute = node.qemu(101).agent().availability().await.unwrap();
    assert_eq!(mute, AgentAvailability::NotRunning);
}

/// Waits for the server and trusts the certificate that it shows.
async fn connected(port: u16) -> ProxmoxClient {
    let url = format!("https://127.0.0.1:{port}");
    let builder = || ProxmoxClient::builder().endpoint(&url);
    let stranger = builder().fingerprint("00".repeat(32)).build().unwrap();
    for _ in 0..200 {
        let failed = stranger.version().await.unwrap_err();
        if failed.kind() == ErrorKind::Untrusted {
            let fingerprint = failed.message().rsplit(' ').next().unwrap().to_owned();
            let known = builder()
                .fingerprint(fingerprint)
                .ticket("root@pam", "secret");
            return known.build().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("fakepve did not start at {url}");
}
