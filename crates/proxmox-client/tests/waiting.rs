//! Locks, races for ids, guests that move, the HA manager: what has to be
//! waited for or looked up again.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homelab_core::ErrorKind;
use proxmox_client::{GuestKind, Method, Params, ProxmoxClient, WaitOptions};
use support::{Reply, Server, TestClock, error, ok};

fn client(server: &Server) -> ProxmoxClient {
    ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .token("root@pam!test", "secret")
        .clock(Arc::new(TestClock::default()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_lock_that_passes_is_waited_for() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => error("500 VM is locked (clone)"),
        1 => error("500 can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"),
        _ => ok("null"),
    })
    .await;
    client(&server)
        .request(Method::Put, "/nodes/pve1/qemu/100/config", &Params::new())
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_lock_that_stays_ends_with_the_time() {
    let server = Server::start(|_| error("500 VM is locked (backup)")).await;
    let failed = client(&server)
        .with_timeout(Duration::from_secs(8))
        .request(Method::Put, "/nodes/pve1/qemu/100/config", &Params::new())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::FailedPrecondition);
    assert!(failed.message().contains("locked (backup)") && failed.is_retryable());
    // At 0, 1, 3 and 7 of 8 seconds.
    assert_eq!(server.requests().len(), 4);
    let strict = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .retry_locks(false)
        .build()
        .unwrap();
    strict.cluster().tasks().await.unwrap_err();
    assert_eq!(server.requests().len(), 5);
}

const TASK: &str = "UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmclone:900:root@pam!test:";

/// A server whose n-th task ends with the n-th word, and all later ones with the last.
async fn tasks(ends: &'static [&'static str]) -> Server {
    let calls = AtomicUsize::new(0);
    Server::start(move |request| {
        if request.method == "POST" {
            calls.fetch_add(1, Ordering::SeqCst);
            return ok(&format!("\"{TASK}\""));
        }
        let nth = calls.load(Ordering::SeqCst) - 1;
        let end = ends[nth.min(ends.len() - 1)];
        ok(&format!(
            r#"{{"status":"stopped","exitstatus":"{end}","upid":"{TASK}"}}"#
        ))
    })
    .await
}

fn orders(server: &Server) -> usize {
    let all = server.requests();
    all.iter().filter(|r| r.method == "POST").count()
}

#[tokio::test]
async fn a_lock_that_only_the_task_meets_is_waited_for() {
    let server = tasks(&[
        "can't lock file '/var/lock/qemu-server/lock-900.conf' - got timeout",
        "VM is locked (snapshot)",
        "OK",
    ])
    .await;
    let template = client(&server).node("pve1").qemu(900);
    let clone = template.clone_to(101);
    let outcome = clone.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(outcome.exit_status, "OK");
    assert_eq!(orders(&server), 3);

    let server = tasks(&["VM is locked (clone)", "OK"]).await;
    let guest = client(&server).node("pve1").qemu(900);
    let changed = guest.configure().wait(WaitOptions::default()).await;
    assert!(changed.unwrap().is_some());
    assert_eq!(orders(&server), 2);
}

#[tokio::test]
async fn a_lock_that_stays_ends_the_wait_for_the_task_with_its_time() {
    let eight = || WaitOptions::default().timeout(Duration::from_secs(8));
    let server = tasks(&["VM is locked (backup)"]).await;
    let pve = client(&server);
    let failed = pve.node("pve1").qemu(900).stop().wait(eight()).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert_eq!(failed.reference(), Some(TASK));
    // At 0, 1, 3 and 7 of 8 seconds.
    assert_eq!(orders(&server), 4);
    // The task alone is what it is, and so is the first answer when asked for.
    let task = pve.node("pve1").qemu(900).stop().await.unwrap();
    task.wait(eight()).await.unwrap_err();
    assert_eq!(orders(&server), 5);
    let strict = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .retry_locks(false)
        .build()
        .unwrap();
    let stop = strict.node("pve1").qemu(900).stop();
    stop.wait(eight()).await.unwrap_err();
    assert_eq!(orders(&server), 6);
}

#[tokio::test]
async fn a_task_that_fails_otherwise_is_not_made_again() {
    for end in ["VM is locked (suspended)", "VM 900 already running"] {
        let server = match end {
            "VM 900 already running" => tasks(&["VM 900 already running"]).await,
            _ => tasks(&["VM is locked (suspended)"]).await,
        };
        let start = client(&server).node("pve1").qemu(900).start();
        let failed = start.wait(WaitOptions::default()).await.unwrap_err();
        assert!(failed.message().ends_with(end), "{failed}");
        assert_eq!(orders(&server), 1);
    }
}

#[tokio::test]
async fn a_race_for_an_id_goes_on_with_the_next() {
    let server = Server::start(|request| {
        let form = support::decoded(&request.body);
        match request.path() {
            "/cluster/nextid" => ok("\"100\""),
            _ if form.iter().any(|(n, v)| n == "vmid" && v == "100") => {
                error("500 unable to create VM 100 - VM 100 already exists on node 'pve2'")
            }
            _ => ok("\"UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmcreate:101:root@pam!test:\""),
        }
    })
    .await;
    let pve = client(&server);
    // Somebody else has 100: this server goes on telling it, so all tries fail.
    let create = |vmid: u32| {
        let pve = pve.clone();
        async move {
            let mut params = Params::new();
            params.push("vmid", vmid.to_string());
            pve.request(Method::Post, "/nodes/pve1/qemu", &params).await
        }
    };
    let failed = pve.with_new_vmid(create).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn calls_of_one_client_never_get_the_same_id() {
    let server = Server::start(|request| match request.target.split_once('?') {
        Some((_, "vmid=101")) => Reply::Raw(support::answer(
            "400 Parameter verification failed.",
            r#"{"data":null,"errors":{"vmid":"VM 101 already exists"}}"#,
        )),
        Some((_, query)) => ok(&format!("\"{}\"", query.trim_start_matches("vmid="))),
        None => ok("\"100\""),
    })
    .await;
    let pve = client(&server);
    // Both hold their id until both have one.
    let meet = Arc::new(tokio::sync::Barrier::new(2));
    let take = || {
        let meet = Arc::clone(&meet);
        pve.with_new_vmid(move |vmid| {
            let meet = Arc::clone(&meet);
            async move {
                meet.wait().await;
                Ok(vmid)
            }
        })
    };
    // Neither waits for the other when one fails.
    let (one, two) = tokio::try_join!(take(), take()).unwrap();
    let mut ids = [one, two];
    ids.sort_unstable();
    assert_eq!(ids, [100, 102]);
}

#[tokio::test]
async fn a_guest_is_located_by_its_id() {
    let server = Server::start(|_| {
        ok(
            r#"[{"id":"lxc/200","type":"lxc","vmid":200,"node":"c2","status":"running"},
               {"id":"qemu/100","type":"qemu","vmid":"100","node":"c1","status":"stopped"}]"#,
        )
    })
    .await;
    let pve = client(&server);
    let place = pve.locate(200).await.unwrap();
    assert_eq!((place.kind, place.node.as_str()), (GuestKind::Lxc, "c2"));
    assert_eq!(pve.locate(100).await.unwrap().kind, GuestKind::Qemu);
    let failed = pve.locate(7).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
}

/// The HA manager of a small cluster: a request is served some looks later.
async fn ha_server(kind: &'static str, end: &'static str) -> Server {
    let looks = AtomicUsize::new(0);
    Server::start(move |request| {
        let path = request.path();
        if path.ends_with("/log") {
            return ok(r#"[{"n":1,"t":"Requesting HA migration for VM 100 to node c2"},{"n":2,"t":"TASK OK"}]"#);
        }
        if path.contains("/tasks/") {
            let upid = format!("UPID:c1:00001A2B:0010ABCD:6B0343B7:{kind}:100:root@pam!test:");
            return ok(&format!(
                r#"{{"upid":"{upid}","status":"stopped","exitstatus":"OK","type":"{kind}","id":"100","node":"c1"}}"#
            ));
        }
        let look = looks.load(Ordering::SeqCst);
        if path == "/cluster/resources" {
            let node = if kind == "hamigrate" && look >= 2 { "c2" } else { "c1" };
            return ok(&format!(
                r#"[{{"id":"qemu/100","type":"qemu","vmid":100,"node":"{node}","status":"unknown"}}]"#
            ));
        }
        match looks.fetch_add(1, Ordering::SeqCst) {
            0 => ok(r#"{"status":"stopped","ha":{"managed":1,"state":null}}"#),
            1 => error("500 Configuration file 'nodes/c1/qemu-server/100.conf' does not exist"),
            2 => ok(r#"{"status":"running","lock":"migrate","ha":{"managed":1,"state":"migrate"}}"#),
            _ => ok(end),
        }
    })
    .await
}

#[tokio::test]
async fn an_ha_managed_guest_is_waited_for_by_its_state() {
    let running = r#"{"status":"running","ha":{"managed":1,"state":"started"}}"#;
    for kind in ["hastart", "hamigrate"] {
        let server = ha_server(kind, running).await;
        let upid = format!("UPID:c1:00001A2B:0010ABCD:6B0343B7:{kind}:100:root@pam!test:");
        let task = client(&server).task(upid.parse().unwrap());
        let outcome = task.wait(WaitOptions::default()).await.unwrap();
        assert_eq!(outcome.exit_status, "OK");
        let looks = server.requests();
        let looks = looks
            .iter()
            .filter(|r| r.path().ends_with("/status/current"));
        assert_eq!(looks.count(), 4, "{kind}");
    }
    let server = ha_server(
        "hastart",
        r#"{"status":"stopped","ha":{"managed":1,"state":"error"}}"#,
    )
    .await;
    let upid = "UPID:c1:00001A2B:0010ABCD:6B0343B7:hastart:100:root@pam!test:";
    let task = client(&server).task(upid.parse().unwrap());
    let failed = task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert!(failed.message().contains("state 'error'"), "{failed}");
    // A manager that does nothing is waited for, but not for ever.
    let server = ha_server(
        "hastart",
        r#"{"status":"stopped","ha":{"managed":1,"state":null}}"#,
    )
    .await;
    let task = client(&server).task(upid.parse().unwrap());
    let patience = WaitOptions::default().timeout(Duration::from_secs(40));
    let failed = task.wait(patience).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert!(
        failed.message().contains("not running after 40s"),
        "{failed}"
    );
}

/// `POST /cluster/ha/resources/…/migrate` has no task to wait for.
#[tokio::test]
async fn a_move_that_was_only_asked_for_is_waited_for() {
    let running = r#"{"status":"running","ha":{"managed":1,"state":"started"}}"#;
    let there = |looks: usize| if looks < 4 { "c1" } else { "c2" };
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    let server = Server::start(move |request| match request.path() {
        "/cluster/ha/resources/vm%3A100" | "/cluster/ha/resources/vm:100" => {
            ok(r#"{"sid":"vm:100","state":"started"}"#)
        }
        "/cluster/resources" => ok(&format!(
            r#"[{{"id":"qemu/100","type":"qemu","vmid":100,"node":"{}","status":"running"}}]"#,
            there(seen.fetch_add(1, Ordering::SeqCst))
        )),
        path if path.ends_with("/status/current") => ok(running),
        _ => error("500 no such HA resource"),
    })
    .await;
    let options = WaitOptions::default();
    let manager = client(&server).cluster().ha();
    let waited = manager.wait_until_on("vm:100", "c2", options.clone());
    waited.await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 5);

    let patience = options.clone().timeout(Duration::from_secs(40));
    let failed = manager.wait_until_on("vm:100", "c3", patience).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    let why = "vm:100 is not on c3 after 40s: it is on c2 in state 'started'";
    assert!(failed.message().contains(why), "{failed}");

    let failed = manager.wait_until_on("vm:101", "c2", options).await;
    assert!(
        failed
            .unwrap_err()
            .message()
            .contains("no such HA resource")
    );
    let sent = server.requests().len();
    let failed = manager.wait_until_on("web", "c2", WaitOptions::default());
    assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(server.requests().len(), sent);
}
