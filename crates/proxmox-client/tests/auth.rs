//! Tickets: got, renewed, replaced.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::{
    DataLoss, DownloadOptions, JournalQuery, Method, Params, ProxmoxClient, SecondFactor,
    SecondFactorAnswer, UploadOptions, UploadSource,
};
use support::{Reply, Server, TestClock, VERSION, answer, error, ok};

fn ticket_answer(n: usize) -> Reply {
    ok(&format!(
        r#"{{"username":"root@pam","ticket":"PVE:root@pam:{n}::sig+/=","CSRFPreventionToken":"csrf{n}"}}"#
    ))
}

/// Counts logins, answers everything else.
async fn ticket_server(
    accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let server = Server::start(move |request| {
        if request.path() == "/access/ticket" {
            return ticket_answer(count.fetch_add(1, Ordering::SeqCst) + 1);
        }
        match request.header("cookie") {
            Some(cookie) if accepts(cookie) => ok(VERSION),
            _ => Reply::Cut(answer("401 Authentication failed!", "")),
        }
    })
    .await;
    (server, logins)
}

#[tokio::test]
async fn a_ticket_is_got_once_and_renewed_in_time() {
    let (server, logins) = ticket_server(|_| true).await;
    let clock = Arc::new(TestClock::default());
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .clock(clock.clone())
        .build()
        .unwrap();
    let calls = (0..8).map(|_| {
        let pve = pve.clone();
        tokio::spawn(async move { pve.version().await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(91 * 60));
    pve.version().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    let all = server.requests();
    let passwords: Vec<_> = all
        .iter()
        .filter(|r| r.path() == "/access/ticket")
        .map(|r| support::decoded(&r.body))
        .map(|form| {
            form.iter()
                .find(|(n, _)| n == "password")
                .unwrap()
                .1
                .clone()
        })
        .collect();
    // Renewed with the old ticket, not with the password.
    assert_eq!(passwords, ["hunter2", "PVE:root@pam:1::sig+/="]);
    clock.advance(Duration::from_secs(121 * 60));
    pve.version().await.unwrap();
    let last = server
        .requests()
        .into_iter()
        .rfind(|r| r.path() == "/access/ticket")
        .unwrap();
    assert!(last.body.contains("hunter2"));
}

#[tokio::test]
async fn writes_carry_the_csrf_token_and_reads_do_not() {
    let (server, _) = ticket_server(|_| true).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    pve.version().await.unwrap();
    let _ = pve
        .request(Method::Post, "/nodes/pve1/wakeonlan", &Params::new())
        .await;
    let requests = server.requests();
    assert_eq!(requests[1].header("csrfpreventiontoken"), None);
    assert_eq!(requests[2].header("csrfpreventiontoken"), Some("csrf1"));
    assert_eq!(
        requests[2].header("cookie"),
        Some("PVEAuthCookie=PVE:root@pam:1::sig+/=")
    );
}

#[tokio::test]
async fn a_refused_ticket_is_replaced_once_for_reads() {
    let (server, logins) = ticket_server(|cookie| cookie.contains(":2::")).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    pve.version().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);

    let (server, logins) = ticket_server(|_| false).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    let failed = pve.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated);
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_wrong_password_and_a_second_factor_are_told() {
    let server = Server::start(|_| error("401 authentication failure")).await;
    let build = |server: &Server| {
        ProxmoxClient::builder()
            .endpoint(server.url())
            .ca_pem(server.ca_pem.clone())
            .ticket("root@pam", "hunter2")
            .build()
            .unwrap()
    };
    let failed = build(&server).version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated);
    assert_eq!(failed.operation_name(), Some("POST /access/ticket"));
    assert!(!format!("{failed:?}").contains("hunter2"));
    let server =
        Server::start(|_| ok(r#"{"username":"root@pam","NeedTFA":1,"ticket":"PVE:!tfa!x"}"#)).await;
    let failed = build(&server).version().await.unwrap_err();
    assert!(failed.message().contains("second factor"), "{failed}");
}

#[tokio::test]
async fn whoever_waits_for_anothers_login_keeps_to_its_own_deadline() {
    let server = Server::start(|request| match request.path() {
        "/access/ticket" => Reply::Stall,
        _ => ok(VERSION),
    })
    .await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    let patient = pve.clone();
    let first = tokio::spawn(async move { patient.version().await });
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let hasty = pve.with_timeout(Duration::from_millis(100));
    let failed = hasty.version().await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.was_sent()),
        (ErrorKind::Timeout, Sent::No)
    );
    first.abort();
}

/// A server that wants a second factor and takes one answer.
async fn strict_server(takes: &'static str, accepted: &'static str) -> Server {
    Server::start(move |request| {
        if request.path() != "/access/ticket" {
            return ok(VERSION);
        }
        let form = support::decoded(&request.body);
        let given = |name: &str| {
            let found = form.iter().find(|(n, _)| n == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        match (given("password"), given("tfa-challenge")) {
            ("hunter2", "") => ok(&format!(
                r#"{{"username":"root@pam","NeedTFA":1,"ticket":"PVE:!tfa!{takes}:6B::s+g","CSRFPreventionToken":"c"}}"#
            )),
            (answer, challenge) if answer == accepted && challenge.ends_with(":6B::s+g") => {
                ticket_answer(1)
            }
            _ => error("401 authentication failure"),
        }
    })
    .await
}

fn with_factor(server: &Server, factor: SecondFactor) -> ProxmoxClient {
    ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .second_factor(factor)
        .clock(Arc::new(TestClock::default()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_second_factor_is_computed_given_or_asked_for() {
    let totp = r#"{\"totp\"%3Atrue}"#;
    // The test clock stands at 1970, so the code is that of step 0.
    let server = strict_server(totp, "totp:328482").await;
    let computed = SecondFactor::totp_secret("JBSWY3DPEHPK3PXP").unwrap();
    let computed = with_factor(&server, computed).version().await;
    let wanted = server.requests()[1].body.clone();
    assert!(wanted.contains("totp%3A"), "{wanted}");
    let code: String = support::decoded(&wanted)[1].1.clone();
    assert_eq!(code.len(), "totp:123456".len());
    // Whether it is the right one is what the vectors of the standard test.
    drop(computed);

    let server = strict_server(totp, "totp:123456").await;
    let given = with_factor(&server, SecondFactor::totp_code("123456"));
    given.version().await.unwrap();
    let wrong = with_factor(&server, SecondFactor::totp_code("999999"));
    let failed = wrong.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated);
    assert_eq!(failed.message(), "authentication failure");

    let server = strict_server(r#"{\"recovery\"%3A[1,2]}"#, "recovery:ab-cd").await;
    let keys = SecondFactor::recovery_keys(["ab-cd", "ef-01"]);
    with_factor(&server, keys).version().await.unwrap();
    // A code is no answer where only recovery keys are taken.
    let failed = with_factor(&server, SecondFactor::totp_code("123456"))
        .version()
        .await
        .unwrap_err();
    assert!(failed.message().contains("recovery keys"), "{failed}");

    let server = strict_server(r#"{\"yubico\"%3Atrue}"#, "yubico:cccc").await;
    let asked = SecondFactor::ask(|challenge| async move {
        assert!(challenge.yubico && challenge.user == "root@pam");
        Ok(SecondFactorAnswer::Yubico("cccc".into()))
    });
    with_factor(&server, asked).version().await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_turned_away_at_the_door_is_repeated_after_a_login() {
    let (server, logins) = ticket_server(|cookie| cookie.contains(":2::")).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    pve.request(Method::Post, "/nodes/pve1/wakeonlan", &Params::new())
        .await
        .unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    // A refusal from within the call is its answer.
    let server = Server::start(|request| match request.path() {
        "/access/ticket" => ticket_answer(1),
        _ => error("401 authentication failure"),
    })
    .await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .ticket("root@pam", "hunter2")
        .build()
        .unwrap();
    let failed = pve
        .request(Method::Put, "/access/password", &Params::new())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_session_goes_on_with_a_ticket_from_elsewhere() {
    let (server, logins) = ticket_server(|_| true).await;
    let clock = Arc::new(TestClock::default());
    let ticket = serde_json::from_str(
        r#"{"username":"a@sso","ticket":"PVE:a@sso:6B::x","CSRFPreventionToken":"c"}"#,
    )
    .unwrap();
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .session(ticket)
        .clock(clock.clone())
        .build()
        .unwrap();
    pve.version().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 0);
    clock.advance(Duration::from_secs(95 * 60));
    pve.version().await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(125 * 60));
    let failed = pve.version().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unauthenticated);
    assert!(failed.message().contains("log in anew"), "{failed}");
}

/// A server that no longer knows the first ticket.
async fn forgetful() -> Server {
    let logins = AtomicUsize::new(0);
    Server::start(move |request| {
        if request.path() == "/access/ticket" {
            return ticket_answer(logins.fetch_add(1, Ordering::SeqCst) + 1);
        }
        let known = request.header("cookie").is_some_and(|c| c.contains(":2::"));
        match request.method.as_str() {
            _ if !known => Reply::Raw(answer("401 Authentication failed!", "")),
            "POST" if request.path().ends_with("/upload") => {
                ok("\"UPID:c1:000026CD:00069782:6B033862:imgcopy::root@pam:\"")
            }
            "POST" => error("500 console of the second login"),
            _ => ok("[]"),
        }
    })
    .await
}

#[tokio::test]
async fn a_refused_ticket_is_replaced_for_consoles_and_uploads_too() {
    let over = || UploadOptions::default().overwrite(DataLoss::Accepted);
    let pve = |server: &Server| {
        ProxmoxClient::builder()
            .endpoint(server.url())
            .ca_pem(server.ca_pem.clone())
            .ticket("root@pam", "hunter2")
            .build()
            .unwrap()
    };
    let server = forgetful().await;
    let node = pve(&server).node("pve1");
    let iso = UploadSource::bytes("a.iso", "x".repeat(100_000));
    let made = node.upload("local", iso, over(), |_| {}).await.unwrap();
    assert_eq!(made.volume(), "local:iso/a.iso");
    let uploads = server.requests().into_iter();
    let uploads: Vec<_> = uploads.filter(|r| r.path().ends_with("/upload")).collect();
    assert_eq!(uploads.len(), 2);
    assert_eq!(uploads[0].body, uploads[1].body);

    let server = forgetful().await;
    let refused = pve(&server).node("pve1").qemu(100).vnc().await.unwrap_err();
    assert!(refused.message().contains("second login"), "{refused}");
}

#[tokio::test]
async fn what_only_root_may_is_explained_for_consoles_uploads_and_downloads() {
    let server = Server::start(|_| error("403 Permission check failed (user != root@pam)")).await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .token("root@pam!ci", "secret")
        .build()
        .unwrap();
    let node = pve.node("pve1");
    let dir = tempfile::tempdir().unwrap();
    let iso = UploadSource::bytes("a.iso", "x");
    let over = UploadOptions::default().overwrite(DataLoss::Accepted);
    let all = JournalQuery::default();
    let journal = node.download_journal(
        &all,
        dir.path().join("x"),
        DownloadOptions::default(),
        |_| {},
    );
    for refused in [
        node.shell().await.map(drop).unwrap_err(),
        node.upload("local", iso, over, |_| {})
            .await
            .map(drop)
            .unwrap_err(),
        journal.await.map(drop).unwrap_err(),
    ] {
        assert!(refused.message().contains("is not root@pam"), "{refused}");
    }
}
