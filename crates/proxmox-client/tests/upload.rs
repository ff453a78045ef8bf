//! Uploads and downloads, byte by byte: what goes over the wire, what is left
//! when it breaks.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::{
    Checksum, DataLoss, DownloadOptions, FetchOptions, JournalQuery, UploadOptions, UploadSource,
};
use sha2::{Digest, Sha256};
use support::{Reply, Server, answer, decoded, error, ok};

const UPID: &str = "UPID:c1:000026CD:00069782:6B033862:imgcopy::root@pam!test:";

async fn taking(list: &'static str) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "POST" => ok(&format!("\"{UPID}\"")),
        _ => ok(list),
    })
    .await
}

#[tokio::test]
async fn an_upload_is_one_whole_form_and_its_task_is_where_it_was_taken() {
    let server = taking("[]").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my disk (1).iso");
    std::fs::write(&path, "x".repeat(600_000)).unwrap();
    let seen = Mutex::new(Vec::new());
    let made = server
        .client()
        .node("c2")
        .upload(
            "local",
            path.as_path(),
            UploadOptions::default().verify(true),
            |p| seen.lock().unwrap().push(p.sent_bytes),
        )
        .await
        .unwrap();
    assert_eq!(made.volume(), "local:iso/my_disk__1_.iso");
    assert_eq!(made.task().upid().node(), "c1");

    let requests = server.requests();
    let upload = requests.last().unwrap();
    assert_eq!(upload.path(), "/nodes/c2/storage/local/upload");
    assert_eq!(
        upload.header("content-length").unwrap(),
        upload.body.len().to_string()
    );
    assert!(upload.header("transfer-encoding").is_none());
    let kind = upload.header("content-type").unwrap();
    assert!(kind.starts_with("multipart/form-data; boundary=-") && !kind.contains('"'));
    assert!(
        upload
            .body
            .contains("name=\"checksum-algorithm\"\r\n\r\nsha256\r\n")
    );
    let digest = Sha256::digest("x".repeat(600_000));
    let digits: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = digits.concat();
    assert!(
        upload
            .body
            .contains(&format!("name=\"checksum\"\r\n\r\n{hex}\r\n"))
    );
    assert!(upload.body.contains("filename=\"my_disk__1_.iso\""));
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.last() <= Some(&600_000));
}

#[tokio::test]
async fn nothing_is_overwritten_without_the_word() {
    let server = taking(r#"[{"volid":"local:iso/a.iso","content":"iso"}]"#).await;
    let client = server.client();
    let node = client.node("pve1");
    let source = || UploadSource::bytes("a.iso", "data");
    let refused = node
        .upload("local", source(), UploadOptions::default(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(refused.was_sent(), Sent::No);
    assert!(server.requests().iter().all(|r| r.method == "GET"));
    let options = UploadOptions::default().overwrite(DataLoss::Accepted);
    let made = node.upload("local", source(), options, |_| {}).await;
    assert_eq!(made.unwrap().volume(), "local:iso/a.iso");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_servers_refusal_is_told_in_its_words() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => error("500 storage 'local-dir' does not support 'iso' content"),
        _ => ok("[]"),
    })
    .await;
    let error = server
        .client()
        .node("pve1")
        .upload(
            "local-dir",
            UploadSource::bytes("a.iso", "x"),
            UploadOptions::default(),
            |_| {},
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not support 'iso' content"));
}

#[tokio::test]
async fn a_broken_upload_is_not_repeated() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::Cut(Vec::new()),
        _ => ok("[]"),
    })
    .await;
    let error = server
        .client()
        .node("pve1")
        .upload(
            "local",
            UploadSource::bytes("a.iso", "x"),
            UploadOptions::default(),
            |_| {},
        )
        .await
        .unwrap_err();
    // All of it was sent: only the server knows what became of it.
    assert_eq!(error.was_sent(), Sent::Maybe);
    assert!(error.message().contains("imgcopy"), "{error}");
    assert!(!error.is_retryable());
    let posts = server
        .requests()
        .iter()
        .filter(|r| r.method == "POST")
        .count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn a_stalled_upload_ends() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::Stall,
        _ => ok("[]"),
    })
    .await;
    let error = server
        .client()
        .node("pve1")
        .upload(
            "local",
            UploadSource::bytes("a.iso", "x"),
            UploadOptions::default().stall_timeout(Duration::from_millis(300)),
            |_| {},
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_node_fetches_with_all_that_it_must_know() {
    let server = taking("[]").await;
    let client = server.client();
    let sum: Checksum = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    let made = client
        .node("pve1")
        .download_url(
            "local",
            "https://factory.talos.dev/image/abc/v1.13.0/metal-amd64.iso?x=1",
            &FetchOptions::default().checksum(sum),
        )
        .await
        .unwrap();
    assert_eq!(made.volume(), "local:iso/metal-amd64.iso");
    let requests = server.requests();
    let form = decoded(&requests[0].body);
    let value = |name: &str| {
        form.iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    assert_eq!(value("content"), Some("iso"));
    assert_eq!(value("filename"), Some("metal-amd64.iso"));
    assert_eq!(value("checksum-algorithm"), Some("sha256"));
    assert!(value("url").unwrap().ends_with("?x=1"));

    for (url, options, word) in [
        ("ftp://x/y.iso", FetchOptions::default(), "https://"),
        (
            "https://x/y.raw.zst",
            FetchOptions::default().compression("zst"),
            "unpacks only",
        ),
        (
            "https://x/y.iso.xz",
            FetchOptions::default().compression("xz"),
            "cannot unpack xz",
        ),
    ] {
        let error = client
            .node("pve1")
            .download_url("local", url, &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(word), "{error}");
    }
    assert_eq!(server.requests().len(), 1);
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_packed_download_is_unpacked_and_whole() {
    let server = Server::start(|_| {
        let body = gzip("{\"data\":[\"line\"]}");
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        Reply::Raw(bytes)
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("journal.json");
    let got = server
        .client()
        .node("pve1")
        .download_journal(
            &JournalQuery::default().last_entries(5),
            &to,
            DownloadOptions::default(),
            |_| {},
        )
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(&to).unwrap(),
        "{\"data\":[\"line\"]}"
    );
    assert_eq!(got.size_bytes, 17);
    assert!(
        server.requests()[0]
            .target
            .ends_with("/journal?lastentries=5")
    );
}

#[tokio::test]
async fn a_download_that_breaks_off_leaves_nothing() {
    let upid: proxmox_client::Upid = UPID.parse().unwrap();
    for (bytes, kind) in [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec(),
            ErrorKind::Unavailable,
        ),
        (answer("500 got no worker upid", ""), ErrorKind::Unknown),
    ] {
        let server = Server::start(move |_| Reply::Cut(bytes.clone())).await;
        let dir = tempfile::tempdir().unwrap();
        let error = server
            .client()
            .node("pve1")
            .download_task_log(
                &upid,
                dir.path().join("x"),
                DownloadOptions::default(),
                |_| {},
            )
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    let server = Server::start(|_| Reply::Raw(answer("200 OK", "0123456789"))).await;
    let dir = tempfile::tempdir().unwrap();
    let error = server
        .client()
        .node("pve1")
        .download_task_log(
            &upid,
            dir.path().join("x"),
            DownloadOptions::default().max_bytes(5),
            |_| {},
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn whoever_may_upload_but_not_look_is_told_what_to_do() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => error(
            "403 Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)",
        ),
        _ => ok(&format!("\"{UPID}\"")),
    })
    .await;
    let node = server.client().node("pve1");
    let iso = || UploadSource::bytes("a.iso", "x");
    let refused = node
        .upload("local", iso(), UploadOptions::default(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.was_sent()),
        (ErrorKind::PermissionDenied, Sent::No)
    );
    for word in ["Datastore.Audit on the storage", "overwrite"] {
        assert!(refused.message().contains(word), "{refused}");
    }
    let over = UploadOptions::default().overwrite(DataLoss::Accepted);
    let made = node.upload("local", iso(), over, |_| {}).await.unwrap();
    assert_eq!(made.volume(), "local:iso/a.iso");
}
