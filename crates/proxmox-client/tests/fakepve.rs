//! The client against somebody else's idea of the server: fakepve, a program
//! of its own that the test starts and only speaks HTTPS with.
//!
//! `FAKEPVE` names it; without the variable `target/venv/bin/fakepve` is used
//! if it is there (`pip install 'fakepve[crypto]'`), otherwise the test says
//! that it was skipped.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use homelab_core::ErrorKind;
use proxmox_client::endpoints::{GuestState, ResourceKind};
use proxmox_client::{ProxmoxClient, WaitOptions};

const GUESTS: &str = r#"{"guests": [
  {"vmid": 100, "name": "talos-cp-1", "status": "stopped",
   "config": {"memory": 4096, "cores": 4,
     "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=10",
     "smbios1": "uuid=72B6BD14-6c25-4ab4-84b1-a4ef801f89ec",
     "scsi0": "local-lvm:vm-100-disk-0,size=20G"}},
  {"vmid": 101, "name": "other", "status": "running", "config": {}}
]}"#;

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("FAKEPVE").map(PathBuf::from);
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/fakepve");
    named.or_else(|| usual.exists().then_some(usual))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the server and returns the fingerprint that it shows.
async fn first_contact(url: &str) -> String {
    let stranger = ProxmoxClient::builder()
        .endpoint(url)
        .fingerprint("00".repeat(32))
        .build()
        .unwrap();
    for _ in 0..200 {
        let failed = stranger.version().await.unwrap_err();
        if failed.kind() == ErrorKind::Untrusted {
            return failed.message().rsplit(' ').next().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("fakepve did not start at {url}");
}

#[tokio::test]
async fn fakepve_understands_us_and_we_understand_it() {
    let Some(program) = program() else {
        // Straight to the stream: the test harness would hide it.
        let _ = writeln!(std::io::stderr(), "fakepve SKIPPED: not installed");
        return;
    };
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let folder = std::env::temp_dir().join(format!("fakepve-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let guests = folder.join("guests.json");
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
    let url = format!("https://127.0.0.1:{port}");
    let fingerprint = first_contact(&url).await;

    let pve = ProxmoxClient::builder()
        .endpoint(&url)
        .fingerprint(&fingerprint)
        .ticket("root@pam", "secret")
        .build()
        .unwrap();
    assert!(!pve.version().await.unwrap().release.is_empty());
    let rows = pve.cluster().resources(None).await.unwrap();
    let row = rows.iter().find(|r| r.vmid == Some(100)).unwrap();
    assert_eq!(row.kind, ResourceKind::Qemu);
    let name = row.node.clone().unwrap();
    let node = pve.node(&name);
    // Not the node's status: it fills numbers with the word "fake" there.
    assert!(!node.storage().await.unwrap().is_empty());
    assert_eq!(node.qemu_list().await.unwrap().len(), 2);
    pve.cluster().status().await.unwrap();
    pve.cluster().ha_status().await.unwrap();

    let guest = node.qemu(100);
    let config = guest.config().await.unwrap();
    assert_eq!(config.networks["net0"].vlan_tag, Some(10));
    assert_eq!(config.disks["scsi0"].size_bytes, Some(20 << 30));
    assert_eq!(config.memory_bytes, Some(4 << 30));
    assert_eq!(
        config.smbios_uuid().as_deref(),
        Some("72b6bd14-6c25-4ab4-84b1-a4ef801f89ec")
    );

    let options = WaitOptions::default()
        .first_pause(Duration::from_millis(50))
        .timeout(Duration::from_secs(20));
    let start = guest.start().await.unwrap();
    start.wait(options.clone()).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status, GuestState::Running);
    // With a limit: it takes 0 for "none", where the real server means "all".
    assert!(!start.log(0, 50).await.unwrap().is_empty());
    guest.stop().await.unwrap().wait(options).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status, GuestState::Stopped);
    assert!(!node.tasks().await.unwrap().is_empty());
    assert!(pve.cluster().next_id().await.unwrap() >= 100);

    let failed = node.qemu(999).config().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");
    let stranger = ProxmoxClient::builder()
        .endpoint(&url)
        .fingerprint(&fingerprint)
        .ticket("root@pam", "wrong")
        .build()
        .unwrap();
    let failed = stranger.nodes().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated, "{failed}");
    let _ = std::fs::remove_dir_all(&folder);
}
