//! Guests that move: found, followed, waited for where the HA manager brings
//! them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homelab_core::ErrorKind;
use proxmox_client::{GuestKind, WaitOptions};
use support::{Reply, Request, Server, answer, error, ok};

#[tokio::test]
async fn a_guest_is_located_by_its_id() {
    let server = Server::start(|_| {
        ok(
            r#"[{"id":"lxc/200","type":"lxc","vmid":200,"node":"c2","status":"running"},
               {"id":"qemu/100","type":"qemu","vmid":"100","node":"c1","status":"stopped"}]"#,
        )
    })
    .await;
    let pve = server.patient_client();
    let place = pve.locate(200).await.unwrap();
    assert_eq!((place.kind, place.node.as_str()), (GuestKind::Lxc, "c2"));
    assert_eq!(pve.locate(100).await.unwrap().kind, GuestKind::Qemu);
    let failed = pve.locate(7).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
}

/// A cluster of c1 and c2 whose guest is on c2 from the second look on. What c1
/// says is up to the test.
async fn moving(elsewhere: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    let looks = AtomicUsize::new(0);
    Server::start(move |request| {
        let path = request.path();
        if path == "/cluster/resources" {
            let node = ["c1", "c2"][looks.fetch_add(1, Ordering::SeqCst).min(1)];
            return ok(&format!(
                r#"[{{"id":"qemu/100","type":"qemu","vmid":100,"node":"{node}","status":"running"}}]"#
            ));
        }
        if !path.starts_with("/nodes/c2/") {
            return elsewhere(request);
        }
        match path.rsplit('/').next() {
            Some("start") => ok(r#""UPID:c2:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!test:""#),
            Some("config") => ok(r#"{"name":"web"}"#),
            _ => ok(r#"{"status":"stopped","exitstatus":"OK","upid":"UPID:c2:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!test:"}"#),
        }
    })
    .await
}

const LEFT: &str = "500 Configuration file 'nodes/c1/qemu-server/100.conf' does not exist";

fn paths(server: &Server) -> Vec<String> {
    let all = server.requests();
    all.iter().map(|r| r.path().to_owned()).collect()
}

#[tokio::test]
async fn a_guest_that_was_found_is_followed() {
    // It left, or its node went down and took the way to it along.
    for answer in [LEFT, "595 No route to host"] {
        let server = moving(move |_| error(answer)).await;
        let guest = server.patient_client().guest(100).await.unwrap();
        assert_eq!(guest.node(), "c1");
        let guest = guest.qemu().unwrap();
        for _ in 0..2 {
            assert_eq!(guest.config().await.unwrap().name.as_deref(), Some("web"));
        }
        let expected = [
            "/cluster/resources",
            "/nodes/c1/qemu/100/config",
            "/cluster/resources",
            "/nodes/c2/qemu/100/config",
            // By now it is known where the guest is.
            "/nodes/c2/qemu/100/config",
        ];
        assert_eq!(paths(&server), expected);
        // One that was named with its node is asked of that.
        let named = server.patient_client().node("c1").qemu(100);
        named.config().await.unwrap_err();
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_made_is_not_made_elsewhere() {
    for answer in ["596 Connection timed out", "500 VM 100 already running"] {
        let server = moving(move |_| error(answer)).await;
        let guest = server
            .patient_client()
            .guest(100)
            .await
            .unwrap()
            .qemu()
            .unwrap();
        guest.start().await.unwrap_err();
        let paths = paths(&server);
        assert!(
            paths.iter().all(|p| !p.starts_with("/nodes/c2")),
            "{paths:?}"
        );
    }
}

#[tokio::test]
async fn a_task_that_did_not_find_its_guest_is_started_where_that_is() {
    let upid = "UPID:c1:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!test:";
    let server = moving(move |request| match request.method.as_str() {
        "POST" => ok(&format!("\"{upid}\"")),
        _ => ok(&format!(
            r#"{{"status":"stopped","exitstatus":"{}","upid":"{upid}"}}"#,
            LEFT.trim_start_matches("500 ")
        )),
    })
    .await;
    let guest = server
        .patient_client()
        .guest(100)
        .await
        .unwrap()
        .qemu()
        .unwrap();
    let task = guest.start().await.unwrap();
    assert_eq!(task.upid().node(), "c1");
    let outcome = task.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(outcome.upid.node(), "c2");
    // The task of a guest that was named with its node is what it is.
    let named = server.patient_client().node("c1").qemu(100);
    let failed = named.start().wait(WaitOptions::default()).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::TaskFailed);
}

#[tokio::test]
async fn several_calls_are_made_where_the_guest_is() {
    let server = moving(|_| error("595 No route to host")).await;
    let name = server
        .patient_client()
        .on_guest(100, |guest| async { guest.qemu()?.config().await })
        .await
        .unwrap()
        .name;
    assert_eq!(name.as_deref(), Some("web"));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_guest_that_moved_is_found_again() {
    let server = Server::start(|request| match request.path() {
        "/cluster/resources" => {
            ok(r#"[{"id":"qemu/100","type":"qemu","vmid":100,"node":"c1","status":"running"}]"#)
        }
        _ => error("500 Configuration file 'nodes/c1/qemu-server/100.conf' does not exist"),
    })
    .await;
    let pve = server.client();
    let failed = pve
        .on_guest(100, |guest| async { guest.qemu()?.config().await })
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
    // Looked for once, and three times more.
    let looks = server.requests();
    let looks = looks.iter().filter(|r| r.path() == "/cluster/resources");
    assert_eq!(looks.count(), 4);
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
        let task = server.patient_client().task(upid.parse().unwrap());
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
    let task = server.patient_client().task(upid.parse().unwrap());
    let failed = task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert!(failed.message().contains("state 'error'"), "{failed}");
    // A manager that does nothing is waited for, but not for ever.
    let server = ha_server(
        "hastart",
        r#"{"status":"stopped","ha":{"managed":1,"state":null}}"#,
    )
    .await;
    let task = server.patient_client().task(upid.parse().unwrap());
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
    let manager = server.patient_client().cluster().ha();
    let waited = manager.wait_until_on("vm:100", "c2", options.clone());
    waited.await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 5);

    let patience = options.clone().timeout(Duration::from_secs(40));
    let failed = manager.wait_until_on("vm:100", "c3", patience).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    let why = "guest 100 is not settled on c3 after 40s: it is on c2 in state 'started'";
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

#[tokio::test]
async fn looks_at_a_guest_bear_answers_that_make_no_sense_a_few_times() {
    let cut = || Reply::Raw(answer("200 OK", r#"{"data":{"sta"#));
    let looks = AtomicUsize::new(0);
    let upid = "UPID:c1:00001A2B:0010ABCD:6B0343B7:hastop:100:root@pam!test:";
    let server = Server::start(move |request| {
        if request.path().contains("/tasks/") {
            return ok(&format!(
                r#"{{"upid":"{upid}","status":"stopped","exitstatus":"OK"}}"#
            ));
        }
        if request.path() == "/cluster/resources" {
            return ok(r#"[{"id":"qemu/100","type":"qemu","vmid":100,"node":"c1"}]"#);
        }
        match looks.fetch_add(1, Ordering::SeqCst) {
            0 | 1 | 3..=5 => cut(),
            2 => ok(r#"{"status":"running"}"#),
            _ => ok(r#"{"status":"stopped"}"#),
        }
    })
    .await;
    let task = server.patient_client().task(upid.parse().unwrap());
    task.wait(WaitOptions::default()).await.unwrap();
}

/// In real time: the clock of the other tests does not wait for sockets.
#[tokio::test]
async fn a_silent_host_does_not_hold_the_looks_at_a_guest_beyond_their_time() {
    let upid = "UPID:c1:00001A2B:0010ABCD:6B0343B7:hastart:100:root@pam!test:";
    let server = Server::start(move |request| match request.path() {
        "/cluster/ha/resources/vm%3A100" => ok(r#"{"sid":"vm:100","state":"started"}"#),
        "/cluster/resources" => ok(r#"[{"id":"qemu/100","type":"qemu","vmid":100,"node":"c1"}]"#),
        path if path.contains("/tasks/") => ok(&format!(
            r#"{{"upid":"{upid}","status":"stopped","exitstatus":"OK"}}"#
        )),
        _ => Reply::Stall,
    })
    .await;
    let pve = server.client();
    let second = || WaitOptions::default().timeout(Duration::from_secs(1));
    let began = std::time::Instant::now();
    let failed = pve
        .task(upid.parse().unwrap())
        .wait(second())
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert!(failed.message().contains("out of sight"), "{failed}");
    let manager = pve.cluster().ha();
    let failed = manager.wait_until_on("vm:100", "c2", second()).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
    // Each call would have ten seconds.
    assert!(began.elapsed() < Duration::from_secs(7));
}
