//! The client against somebody else's idea of the server: fakepve, in a
//! program of its own (`fakepve_driver.py`) that the tests start, give orders
//! and only speak HTTPS with. Where it and the recordings of a real server
//! differ, the recordings are right.
//!
//! `FAKEPVE` names its program; without the variable `target/venv/bin/fakepve`
//! is used if it is there (`pip install 'fakepve[crypto]'`), otherwise the
//! tests say that they were skipped. The Python beside it runs the driver.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::endpoints::{GuestState, ResourceKind};
use proxmox_client::{
    DataLoss, DestroyScope, Method, Params, ProxmoxClient, UploadOptions, UploadSource, WaitOptions,
};

const GUESTS: &str = r#"[
  {"type": "qemu", "vmid": 100, "name": "talos-cp-1", "status": "stopped",
   "config": {"memory": 4096, "cores": 4,
     "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=10",
     "smbios1": "uuid=72B6BD14-6c25-4ab4-84b1-a4ef801f89ec",
     "scsi0": "local-lvm:vm-100-disk-0,size=20G"}},
  {"type": "qemu", "vmid": 101, "name": "other", "status": "running"},
  {"type": "qemu", "vmid": 110, "name": "elsewhere", "node": "pve2"},
  {"type": "lxc", "vmid": 200, "name": "ct", "status": "stopped"}
]"#;

/// fakepve, running. Its end is the end of the value.
struct Fake {
    child: Child,
    said: BufReader<ChildStdout>,
    url: String,
    fingerprint: String,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fake {
    /// `None`, and a word about it, where it is not installed.
    async fn start() -> Option<Fake> {
        let named = std::env::var_os("FAKEPVE").map(PathBuf::from);
        let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let usual = tests.join("../../target/venv/bin/fakepve");
        let Some(program) = named.or_else(|| usual.exists().then_some(usual)) else {
            // Straight to the stream: the test harness would hide it.
            let _ = writeln!(std::io::stderr(), "fakepve SKIPPED: not installed");
            return None;
        };
        let mut child = Command::new(program.with_file_name("python"))
            .arg(tests.join("tests/fakepve_driver.py"))
            .arg(GUESTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").unwrap().to_owned();
        let url = format!("https://127.0.0.1:{port}");
        let seen = ProxmoxClient::builder()
            .endpoint(&url)
            .first_contact()
            .await
            .unwrap();
        let (_, certificate) = seen.answers().next().unwrap();
        Some(Fake {
            child,
            said,
            fingerprint: certificate.fingerprint.clone(),
            url,
        })
    }

    /// Has something done to it, and waits until it is.
    fn order(&mut self, order: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{order}").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "{order}");
    }

    fn client(&self, password: &str) -> ProxmoxClient {
        ProxmoxClient::builder()
            .endpoint(&self.url)
            .fingerprint(&self.fingerprint)
            .ticket("root@pam", password)
            .build()
            .unwrap()
    }

    fn with_token(&self, secret: &str) -> ProxmoxClient {
        ProxmoxClient::builder()
            .endpoint(&self.url)
            .fingerprint(&self.fingerprint)
            .token("root@pam!ci", secret)
            .build()
            .unwrap()
    }
}

fn soon() -> WaitOptions {
    WaitOptions::default()
        .first_pause(Duration::from_millis(50))
        .timeout(Duration::from_secs(60))
}

#[tokio::test]
async fn logins_and_tokens() {
    let Some(mut fake) = Fake::start().await else {
        return;
    };
    let pve = fake.client("secret");
    assert!(!pve.version().await.unwrap().release.is_empty());
    let failed = fake.client("wrong").nodes().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated, "{failed}");
    fake.order("token root@pam!ci 5e5cb1ac");
    let by_token = fake.with_token("5e5cb1ac");
    assert_eq!(by_token.nodes().await.unwrap().len(), 2);
    // No CSRF token travels with it, and none is needed.
    let task = by_token.node("pve1").qemu(100).start().await.unwrap();
    task.wait(soon()).await.unwrap();
    let failed = fake.with_token("wrong").nodes().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated, "{failed}");
}

#[tokio::test]
async fn resources_guests_and_their_configuration() {
    let Some(fake) = Fake::start().await else {
        return;
    };
    let pve = fake.client("secret");
    let rows = pve.cluster().resources(None).await.unwrap();
    let row = rows.iter().find(|r| r.vmid == Some(100)).unwrap();
    assert_eq!(row.kind, ResourceKind::Qemu);
    assert_eq!(pve.locate(110).await.unwrap().node, "pve2");
    assert!(pve.guest(200).await.unwrap().lxc().is_ok());
    let node = pve.node("pve1");
    // Not the node's status: it fills numbers with the word "fake" there.
    assert!(!node.storages().await.unwrap().is_empty());
    assert_eq!(node.qemu_list().await.unwrap().len(), 2);
    assert_eq!(node.lxc_list().await.unwrap().len(), 1);
    assert!(pve.cluster().status().await.unwrap().quorate);
    pve.cluster().ha().status().await.unwrap();
    pve.cluster().options().await.unwrap();
    pve.storages().await.unwrap();

    let guest = node.qemu(100);
    let config = guest.config().await.unwrap();
    assert_eq!(config.networks["net0"].vlan_tag, Some(10));
    assert_eq!(config.disks["scsi0"].size_bytes, Some(20 << 30));
    assert_eq!(config.memory_bytes, Some(4 << 30));
    assert_eq!(
        config.smbios_uuid().as_deref(),
        Some("72b6bd14-6c25-4ab4-84b1-a4ef801f89ec")
    );
    guest
        .update_config()
        .with(|request| request.cores = Some(2))
        .await
        .unwrap();
    assert_eq!(guest.config().await.unwrap().cores, Some(2));
    let failed = guest
        .update_config()
        .with(|request| {
            request.cores = Some(3);
            request.digest = Some("0".repeat(40));
        })
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Conflict, "{failed}");
    let container = node.lxc(200);
    container.config().await.unwrap();
    container.status().await.unwrap();
}

#[tokio::test]
async fn the_life_of_a_guest() {
    let Some(fake) = Fake::start().await else {
        return;
    };
    let pve = fake.client("secret");
    let node = pve.node("pve1");
    let guest = node.qemu(100);
    let start = guest.start().await.unwrap();
    start.wait(soon()).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status, GuestState::Running);
    // With a limit: it takes 0 for "none", where the real server means "all".
    assert!(!start.log(0, 50).await.unwrap().is_empty());
    guest.reboot().await.unwrap().wait(soon()).await.unwrap();
    let down = guest.shutdown().with(|r| r.timeout_seconds = Some(30));
    down.await.unwrap().wait(soon()).await.unwrap();
    assert_eq!(guest.status().await.unwrap().status, GuestState::Stopped);
    assert!(!node.tasks().await.unwrap().is_empty());

    let taken = guest.snapshot("before").await.unwrap();
    taken.wait(soon()).await.unwrap();
    let snapshots = guest.snapshots().await.unwrap();
    assert!(
        snapshots
            .iter()
            .any(|s| s.name.as_deref() == Some("before")),
        "{snapshots:?}"
    );
    let back = guest.rollback("before", DataLoss::Accepted).await.unwrap();
    back.wait(soon()).await.unwrap();
    let gone = guest
        .delete_snapshot("before", DataLoss::Accepted)
        .await
        .unwrap();
    gone.wait(soon()).await.unwrap();
    assert!(
        guest
            .snapshots()
            .await
            .unwrap()
            .iter()
            .all(|s| s.name.as_deref() != Some("before"))
    );

    let copies = pve.with_new_vmid(|vmid| {
        let guest = guest.clone();
        async move {
            let copy = guest.clone_to(vmid).with(|r| r.name = Some("copy".into()));
            copy.await?.wait(soon()).await?;
            Ok(vmid)
        }
    });
    let vmid = copies.await.unwrap();
    let copy = node.qemu(vmid);
    assert_eq!(copy.config().await.unwrap().name.as_deref(), Some("copy"));
    let gone = copy
        .destroy(DestroyScope::GuestAndReferences)
        .await
        .unwrap();
    gone.wait(soon()).await.unwrap();
    let failed = copy.config().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");
}

#[tokio::test]
async fn storages_and_uploads() {
    let Some(fake) = Fake::start().await else {
        return;
    };
    let pve = fake.client("secret");
    let node = pve.node("pve1");
    let local = node.storage("local");
    local.status().await.unwrap();
    let image = UploadSource::bytes("tiny.iso", vec![7u8; 4096]);
    let made = node
        .upload("local", image, UploadOptions::default(), |_| {})
        .await
        .unwrap();
    made.wait(soon()).await.unwrap();
    assert_eq!(made.volume(), "local:iso/tiny.iso");
    let content = local.content().await.unwrap();
    assert!(
        content.iter().any(|v| v.volume == "local:iso/tiny.iso"),
        "{content:?}"
    );
    if let Some(task) = local
        .delete_volume("local:iso/tiny.iso", DataLoss::Accepted)
        .await
        .unwrap()
    {
        task.wait(soon()).await.unwrap();
    }
}

#[tokio::test]
async fn errors_lost_quorum_and_a_node_that_is_off() {
    let Some(mut fake) = Fake::start().await else {
        return;
    };
    let pve = fake.client("secret");
    let node = pve.node("pve1");
    let failed = node.qemu(999).config().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");
    let mut params = Params::new();
    params.push("net0", "virtio,brigde=vmbr0");
    let failed = pve
        .request(Method::Put, "/nodes/pve1/qemu/100/config", &params)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::InvalidArgument, "{failed}");
    assert!(failed.message().contains("net0"), "{failed}");
    let failed = pve
        .request(Method::Get, "/no/such/call", &Params::new())
        .await
        .unwrap_err();
    // fakepve says 404 where the recordings of a real server say 501.
    assert_eq!(failed.kind(), ErrorKind::NotFound, "{failed}");

    fake.order("quorum lost");
    assert!(!pve.cluster().status().await.unwrap().quorate);
    node.qemu(100).config().await.unwrap();
    let failed = node.qemu(100).start().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::FailedPrecondition, "{failed}");
    assert!(failed.message().contains("no quorum"), "{failed}");
    fake.order("quorum back");

    fake.order("offline pve2");
    let failed = pve.node("pve2").qemu(110).config().await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.was_sent()),
        (ErrorKind::Unavailable, Sent::No),
        "{failed}"
    );
    assert!(
        failed.message().contains("nothing was executed"),
        "{failed}"
    );
    // What is on other nodes goes on.
    node.qemu(100)
        .start()
        .await
        .unwrap()
        .wait(soon())
        .await
        .unwrap();
}
