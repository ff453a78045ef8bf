//! Which certificates are trusted, and what is said of the others.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::ProxmoxClient;
use support::{Server, VERSION, closed_port, ok};

#[tokio::test]
async fn a_pinned_fingerprint_is_enough() {
    let server = Server::start(|_| ok(VERSION)).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .fingerprint(server.fingerprint.to_lowercase())
        .build()
        .unwrap();
    pve.version().await.unwrap();
}

#[tokio::test]
async fn a_wrong_fingerprint_shows_the_one_that_was_seen() {
    let server = Server::start(|_| ok(VERSION)).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .fingerprint("AB".repeat(32))
        .build()
        .unwrap();
    let failed = pve.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Untrusted);
    assert_eq!(failed.was_sent(), Sent::No);
    assert!(failed.message().contains(&server.fingerprint), "{failed}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn another_ca_is_not_trusted_and_the_fingerprint_is_shown() {
    let server = Server::start(|_| ok(VERSION)).await;
    let stranger = Server::start(|_| ok(VERSION)).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(stranger.ca_pem.clone())
        .build()
        .unwrap();
    let failed = pve.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Untrusted);
    assert!(failed.message().contains(&server.fingerprint), "{failed}");
    // The system's roots do not know it either.
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .build()
        .unwrap();
    assert_eq!(
        pve.version().await.unwrap_err().kind(),
        ErrorKind::Untrusted
    );
}

#[tokio::test]
async fn first_contact_shows_the_certificate_and_trusts_nobody() {
    let server = Server::start(|_| ok("[]")).await;
    let dead = closed_port().await;
    let seen = ProxmoxClient::builder()
        .endpoint(server.url())
        .endpoint(format!("127.0.0.1:{dead}"))
        .token("root@pam!test", "secret")
        .first_contact()
        .await
        .unwrap();
    let host = format!("127.0.0.1:{}", server.port);
    let certificate = seen.get(&host).unwrap().as_ref().unwrap();
    assert_eq!(certificate.fingerprint, server.fingerprint);
    assert_eq!(certificate.server.as_deref(), Some("pve-api-daemon/3.0"));
    assert!(certificate.pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let failed = seen
        .get(&format!("127.0.0.1:{dead}"))
        .unwrap()
        .as_ref()
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    // Nothing secret was sent to a stranger.
    assert!(
        server
            .requests()
            .iter()
            .all(|r| r.header("authorization").is_none())
    );
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .fingerprint(&certificate.fingerprint)
        .build()
        .unwrap();
    pve.cluster().tasks().await.unwrap();
}
