//! Bad answers: one clear error each, bounded memory. What callers say wrong is
//! in `bad_input.rs`.
//!
//! | what comes | test |
//! |---|---|
//! | HTML | `html_is_told_apart_whoever_asked` |
//! | nothing | `an_empty_answer` |
//! | half of one: cut JSON, a cut body, a cut chunk | `a_truncated_answer` |
//! | 100 MB, announced, unannounced or packed | `a_hundred_megabytes_are_not_taken` |
//! | a wrong type, nesting without end | `an_answer_of_the_wrong_type` |
//! | `NaN`, infinity | `no_number_where_one_is_due` |
//! | the same key twice | `a_key_that_occurs_twice` |
//! | an error text without end | `an_error_text_has_a_largest_size` |
//!
//! What the parsers make of random input is in `fuzz_bodies.rs` of both crates.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_client::{DownloadOptions, Method, Params, UploadOptions, UploadSource};
use support::{Reply, Server, VERSION, answer, error, ok};

/// The error of a typed read, of an untyped one and of one that was put
/// together by hand, to the same answer.
async fn errors_to(reply: &Reply) -> [Error; 3] {
    let reply = reply.clone();
    let server = Server::start(move |_| reply.clone()).await;
    let pve = server.client();
    let untyped = pve.request(Method::Get, "/version", &Params::new()).await;
    let by_hand = pve.node("pve1").url_metadata("https://x/y.iso").await;
    [
        pve.version().await.unwrap_err(),
        untyped.unwrap_err(),
        by_hand.unwrap_err(),
    ]
}

/// The same answer means the same, whoever asked.
async fn unusable(reply: Reply, word: &str) {
    for error in errors_to(&reply).await {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert_eq!(error.was_sent(), Sent::Yes, "{error:?}");
        assert!(error.message().contains(word), "{word}: {error}");
        assert!(error.operation_name().is_some() && error.target_name().is_some());
    }
}

fn page(status: &str) -> Reply {
    let html = "<!DOCTYPE html><html><body>welcome</body></html>";
    Reply::Raw(
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{html}",
            html.len()
        )
        .into_bytes(),
    )
}

#[tokio::test]
async fn html_is_told_apart_whoever_asked() {
    unusable(page("200 OK"), "HTML").await;
    unusable(page("404 Not Found"), "HTML, not JSON (404 Not Found)").await;

    let server = Server::start(|request| match request.method.as_str() {
        "GET" if request.path().ends_with("/content") => ok("[]"),
        _ => page("200 OK"),
    })
    .await;
    let node = server.client().node("pve1");
    let dir = tempfile::tempdir().unwrap();
    let upid = "UPID:pve1:000026CD:00069782:6B033862:imgcopy::root@pam!test:".parse();
    let upid = upid.unwrap();
    let download = node.download_task_log(
        &upid,
        dir.path().join("log"),
        DownloadOptions::default(),
        |_| {},
    );
    let iso = UploadSource::bytes("a.iso", "x");
    let upload = node.upload("local", iso, UploadOptions::default(), |_| {});
    let said: [Result<()>; 4] = [
        download.await.map(drop),
        upload.await.map(drop),
        node.qemu(100).vnc().await.map(drop),
        node.shell().await.map(drop),
    ];
    for error in said.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert!(error.message().contains("HTML"), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_empty_answer() {
    unusable(Reply::Raw(answer("200 OK", "")), "empty").await;
    unusable(Reply::Raw(answer("200 OK", " \r\n")), "empty").await;
    // No data where a value is due is no answer either; JSON as such it is.
    let server = Server::start(|_| ok("null")).await;
    let error = server.client().version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("no data"), "{error}");
}

#[tokio::test]
async fn a_truncated_answer() {
    unusable(
        Reply::Raw(answer("200 OK", "{\"data\":{\"version\":")),
        "decoded",
    )
    .await;
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":[";
    lost(Reply::Cut(cut.to_vec())).await;
    let cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"data\":[\r\n";
    lost(Reply::Cut(cut.to_vec())).await;
}

/// The connection is at fault, not what was said: the server did its work.
async fn lost(reply: Reply) {
    for error in errors_to(&reply).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_eq!(error.was_sent(), Sent::Yes, "{error:?}");
        assert!(error.message().contains("broke off after 9 bytes"));
    }
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_taken() {
    const BYTES: usize = 100 << 20;
    // What the kernel keeps for both ends of a connection at most.
    const BUFFERS: usize = 24 << 20;
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n");
    let unannounced = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"data\":[".to_owned();
    for (head, taken) in [(announced, 0), (unannounced, 64 << 20)] {
        let server = Server::start(move |_| Reply::Flood(head.clone().into(), BYTES)).await;
        let error = server.client().version().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(error.message(), "the answer is larger than 64 MiB");
        let flooded = server.flooded();
        assert!(flooded <= taken + BUFFERS, "{flooded}");
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..BYTES >> 20 {
        std::io::Write::write_all(&mut packer, &vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    );
    let reply = Reply::Raw([head.into_bytes(), bomb].concat());
    unusable(reply, "larger than 64 MiB").await;
}

#[tokio::test]
async fn an_answer_of_the_wrong_type() {
    unusable(Reply::Raw(answer("200 OK", "hello")), "text, not JSON").await;
    unusable(Reply::Raw(answer("200 OK", "[1]")), "text, not JSON").await;
    let deep = format!("{{\"data\":{}", "[".repeat(1 << 20));
    unusable(Reply::Raw(answer("200 OK", &deep)), "decoded").await;
    let binary = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\xff\xfe}";
    unusable(Reply::Raw(binary.to_vec()), "UTF-8").await;
    for (data, word) in [
        ("[1]", "an object"),
        ("\"9.2\"", "an object"),
        ("{\"release\":\"9.2\"}", "version"),
    ] {
        let server = Server::start(move |_| ok(data)).await;
        let error = server.client().version().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{data}");
        assert!(error.message().contains(word), "{error}");
    }
    // A list where an object is due, an object where a list is, a name that is none.
    let server = Server::start(|_| ok("{\"a\":{}}")).await;
    let pve = server.client();
    let list = pve.nodes().await.unwrap_err();
    let upid = pve.node("pve1").qemu(100).start().await.unwrap_err();
    for error in [list, upid] {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert_eq!(error.was_sent(), Sent::Yes, "{error:?}");
    }
}

#[tokio::test]
async fn no_number_where_one_is_due() {
    for number in ["NaN", "Infinity", "-Infinity", "0x10"] {
        let body = format!("{{\"data\":{{\"version\":{number}}}}}");
        unusable(Reply::Raw(answer("200 OK", &body)), "decoded").await;
    }
    // As a text it is JSON: no number, so nothing is known; what identifies a
    // row must be one.
    let row = |vmid: &str| {
        format!("[{{\"vmid\":{vmid},\"status\":\"running\",\"cpu\":\"NaN\",\"mem\":\"inf\"}}]")
    };
    let (good, bad) = (row("100"), row("\"NaN\""));
    let server = Server::start(move |request| match request.path() {
        "/nodes/pve1/qemu" => ok(&good),
        _ => ok(&bad),
    })
    .await;
    let pve = server.client();
    let guests = pve.node("pve1").qemu_list().await.unwrap();
    assert_eq!(
        (guests[0].cpu_fraction, guests[0].memory_used_bytes),
        (None, None)
    );
    let error = pve.node("pve2").qemu_list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("NaN"), "{error}");
}

#[tokio::test]
async fn a_key_that_occurs_twice() {
    let twice = r#"{"data":{"version":"9.2.1","version":"8.4.1","release":"9.2","repoid":"0"}}"#;
    let envelope = format!("{{\"data\":{VERSION},\"data\":{VERSION}}}");
    for body in [twice, &envelope] {
        let reply = answer("200 OK", body);
        let server = Server::start(move |_| Reply::Raw(reply.clone())).await;
        let pve = server.client();
        let untyped = pve.request(Method::Get, "/version", &Params::new()).await;
        for error in [pve.version().await.unwrap_err(), untyped.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.message().contains("duplicate field `"), "{error}");
        }
    }
    // In a row of a list, and in a configuration.
    let server = Server::start(|request| match request.path() {
        "/nodes/pve1/qemu/100/config" => ok(r#"{"net0":"virtio","digest":"x","net0":"e1000"}"#),
        _ => ok(r#"[{"vmid":100,"status":"running","name":"a","name":"b"}]"#),
    })
    .await;
    let node = server.client().node("pve1");
    let list = node.qemu_list().await.unwrap_err();
    let config = node.qemu(100).config().await.unwrap_err();
    for (error, key) in [(list, "`name`"), (config, "`net0`")] {
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.message().contains(key), "{error}");
    }
}

#[tokio::test]
async fn an_error_text_has_a_largest_size() {
    let body = format!(
        "{{\"data\":null,\"message\":\"{}\"}}",
        "no such VM ".repeat(1 << 20)
    );
    let reply = answer("500 no such VM", &body);
    let server = Server::start(move |_| Reply::Raw(reply.clone())).await;
    let failed = server.client().version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
    assert!(failed.message().starts_with("no such VM"));
    assert!(
        failed.message().len() < 32 << 10,
        "{}",
        failed.message().len()
    );
    // A body that is no error's leaves the reason phrase.
    let server = Server::start(|_| error("500 VM is locked (backup)")).await;
    let failed = server.client().version().await.unwrap_err();
    assert_eq!(failed.message(), "VM is locked (backup)");
}
