//! Endpoints, limits, broken answers: over real TLS.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use homelab_core::{ErrorKind, Sent};
use proxmox_client::ProxmoxClient;
use support::{Reply, Server, VERSION, answer, closed_port, error, ok};

#[tokio::test]
async fn a_token_travels_and_the_answer_is_decoded() {
    let server = Server::start(|_| ok(VERSION)).await;
    let version = server.client().version().await.unwrap();
    assert_eq!(version.release, "9.2");
    let request = &server.requests()[0];
    assert_eq!(request.target, "/api2/json/version");
    assert_eq!(
        request.header("authorization"),
        Some("PVEAPIToken=root@pam!test=secret")
    );
    assert_eq!(request.header("accept-encoding"), None);
}

#[tokio::test]
async fn the_reason_phrase_is_the_message() {
    let server = Server::start(|_| error("500 VM is locked (backup)")).await;
    let failed = server
        .client()
        .node("pve1")
        .qemu(100)
        .start()
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(failed.message(), "VM is locked (backup)");
    assert_eq!(failed.status_text(), Some("500 VM is locked (backup)"));
    assert_eq!(failed.target_name(), Some("pve1"));
    assert_eq!(
        failed.operation_name(),
        Some("POST /nodes/{node}/qemu/{vmid}/status/start")
    );
    assert!(failed.is_retryable());
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over_for_every_method() {
    let server =
        Server::start(|_| ok("\"UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam:\""))
            .await;
    let dead = closed_port().await;
    let pve = ProxmoxClient::builder()
        .endpoint(format!("https://127.0.0.1:{dead}"))
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .token("root@pam!test", "secret")
        .build()
        .unwrap();
    let task = pve.node("pve1").qemu(100).start().await.unwrap();
    assert_eq!(task.upid().kind(), "qmstart");
    let health = pve.endpoints();
    assert!(!health[0].healthy && health[1].healthy && health[1].preferred);
    assert!(
        health[0].last_error.as_deref().unwrap().contains("refused"),
        "{health:?}"
    );
}

#[tokio::test]
async fn a_silent_endpoint_costs_its_timeout_once() {
    let server = Server::start(|_| ok(VERSION)).await;
    // Accepts, and never says a word: the TLS handshake hangs.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let tried = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tried);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = silent.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            held.push(connection);
        }
    });
    let pve = ProxmoxClient::builder()
        .endpoint(format!("https://{address}"))
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .connect_timeout(Duration::from_millis(300))
        .clock(Arc::new(support::TestClock::default()))
        .build()
        .unwrap();
    for _ in 0..10 {
        pve.version().await.unwrap();
    }
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn when_nobody_answers_the_error_says_nothing_was_sent() {
    let dead = closed_port().await;
    let pve = ProxmoxClient::builder()
        .endpoint(format!("https://127.0.0.1:{dead}"))
        .fingerprint("AB".repeat(32))
        .build()
        .unwrap();
    for _ in 0..2 {
        let failed = pve.version().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
        assert_eq!(failed.was_sent(), Sent::No);
        assert_eq!(failed.target_name().unwrap(), format!("127.0.0.1:{dead}"));
        assert!(failed.message().contains("refused"), "{failed}");
    }
}

#[tokio::test]
async fn a_read_is_repeated_when_a_kept_connection_was_closed() {
    let server = Server::start(|request| match request.connection {
        0 if request.path() == "/nodes" => Reply::Cut(Vec::new()),
        _ if request.path() == "/nodes" => ok("[]"),
        _ => ok(VERSION),
    })
    .await;
    let pve = server.client();
    pve.version().await.unwrap();
    assert!(pve.nodes().await.unwrap().is_empty());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_write_is_never_repeated() {
    let server = Server::start(|_| Reply::Cut(Vec::new())).await;
    let other = Server::start(|_| Reply::Cut(Vec::new())).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .endpoint(other.url())
        .ca_pem(server.ca_pem.clone())
        .build()
        .unwrap();
    let failed = pve.node("pve1").qemu(100).stop().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert_eq!(failed.was_sent(), Sent::Maybe);
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_read_moves_on_when_an_endpoint_keeps_breaking() {
    let broken = Server::start(|_| Reply::Cut(Vec::new())).await;
    let server = Server::start(|_| ok(VERSION)).await;
    let pve = ProxmoxClient::builder()
        .endpoint(broken.url())
        .endpoint(server.url())
        .ca_pem(broken.ca_pem.clone())
        .ca_pem(server.ca_pem.clone())
        .build()
        .unwrap();
    pve.version().await.unwrap();
    assert_eq!(broken.requests().len(), 2);
    assert_eq!(pve.endpoints()[1].url, server.url());
}

#[tokio::test]
async fn a_stalled_read_leaves_time_for_the_next_endpoint() {
    let stalled = Server::start(|_| Reply::Stall).await;
    let server = Server::start(|_| ok(VERSION)).await;
    let pve = ProxmoxClient::builder()
        .endpoint(stalled.url())
        .endpoint(server.url())
        .ca_pem(stalled.ca_pem.clone())
        .ca_pem(server.ca_pem.clone())
        .request_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    pve.version().await.unwrap();
}

#[tokio::test]
async fn the_deadline_holds_and_says_what_is_known() {
    let server = Server::start(|_| Reply::Stall).await;
    let pve = server.client().with_timeout(Duration::from_millis(200));
    let start = Instant::now();
    let failed = pve.node("pve1").qemu(100).stop().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert_eq!(failed.was_sent(), Sent::Maybe);
}

#[tokio::test]
async fn no_more_than_four_calls_at_once_on_a_node() {
    let server = Server::start(|_| {
        Reply::Slow(Duration::from_millis(30), answer("200 OK", "{\"data\":[]}"))
    })
    .await;
    let pve = server.client();
    let calls = (0..16).map(|_| {
        let pve = pve.clone();
        tokio::spawn(async move { pve.node("pve1").qemu_list().await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(server.most_in_flight(), 4);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(|_| Reply::Raw(answer("301 Moved Permanently", ""))).await;
    let failed = server.client().version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Protocol);
    assert!(failed.message().contains("Moved"), "{failed}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn repeated_connection_headers_are_fine() {
    let server = Server::start(|_| {
        Reply::Raw(
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: Keep-Alive\r\nContent-Length: {}\r\n\r\n{{\"data\":{VERSION}}}", VERSION.len() + 9).into_bytes(),
        )
    })
    .await;
    let pve = server.client();
    pve.version().await.unwrap();
    pve.version().await.unwrap();
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let server = Server::start(|_| Reply::Stall).await;
    let pve = server.client();
    let call = tokio::spawn(async move { pve.version().await });
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    let start = Instant::now();
    while server.hung_up() == 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "still open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A proxy that understands CONNECT, and counts.
async fn connect_proxy() -> (u16, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heads = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let heads = std::sync::Arc::clone(&heads);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    client.read_exact(&mut byte).await.unwrap();
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                heads.lock().unwrap().push(head);
                let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, asked)
}

#[tokio::test]
async fn an_explicit_proxy_is_used_and_tls_ends_at_the_server() {
    let server = Server::start(|_| ok(VERSION)).await;
    let (port, asked) = connect_proxy().await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .proxy(format!("http://user:pw@127.0.0.1:{port}"))
        .build()
        .unwrap();
    pve.version().await.unwrap();
    let heads = asked.lock().unwrap().clone();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with(&format!("CONNECT 127.0.0.1:{} ", server.port)));
    assert!(
        heads[0]
            .to_lowercase()
            .contains("proxy-authorization: basic")
    );
    // The server never sees what was meant for the proxy.
    assert_eq!(server.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_packed_answer_is_unpacked_though_nobody_asked() {
    let server = Server::start(|request| {
        assert_eq!(request.header("accept-encoding"), None);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let text = format!("{{\"data\":{VERSION}}}");
        std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
        let body = packer.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Reply::Raw([head.into_bytes(), body].concat())
    })
    .await;
    assert_eq!(server.client().version().await.unwrap().release, "9.2");
}
