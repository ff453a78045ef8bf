//! Locks that pass, and races for ids.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use homelab_core::ErrorKind;
use proxmox_client::{Method, Params, ProxmoxClient, Task, WaitOptions};
use support::{Reply, Server, error, ok};

#[tokio::test]
async fn a_lock_that_passes_is_waited_for() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => error("500 VM is locked (clone)"),
        1 => error("500 can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"),
        _ => ok("null"),
    })
    .await;
    server
        .patient_client()
        .request(Method::Put, "/nodes/pve1/qemu/100/config", &Params::new())
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_lock_that_stays_ends_with_the_time() {
    let server = Server::start(|_| error("500 VM is locked (backup)")).await;
    let failed = server
        .patient_client()
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
    let template = server.patient_client().node("pve1").qemu(900);
    let clone = template.clone_to(101);
    let outcome = clone.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(outcome.exit_status, "OK");
    assert_eq!(orders(&server), 3);

    let server = tasks(&["VM is locked (clone)", "OK"]).await;
    let guest = server.patient_client().node("pve1").qemu(900);
    let changed = guest.configure().wait(WaitOptions::default()).await;
    assert!(changed.unwrap().is_some());
    assert_eq!(orders(&server), 2);
}

#[tokio::test]
async fn a_lock_that_stays_ends_the_wait_for_the_task_with_its_time() {
    let eight = || WaitOptions::default().timeout(Duration::from_secs(8));
    let server = tasks(&["VM is locked (backup)"]).await;
    let pve = server.patient_client();
    let failed = pve.node("pve1").qemu(900).stop().wait(eight()).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert_eq!(failed.reference(), Some(TASK));
    // At 0, 1, 3 and 7 of 8 seconds.
    assert_eq!(orders(&server), 4);
    // A task that a call gave back knows its call, one that is only named does not.
    let task = pve.node("pve1").qemu(900).stop().await.unwrap();
    task.wait(eight()).await.unwrap_err();
    assert_eq!(orders(&server), 8);
    let named = pve.task(task.upid().clone());
    named.wait(eight()).await.unwrap_err();
    assert_eq!(orders(&server), 8);
    let strict = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .retry_locks(false)
        .build()
        .unwrap();
    let stop = strict.node("pve1").qemu(900).stop();
    stop.wait(eight()).await.unwrap_err();
    assert_eq!(orders(&server), 9);
}

/// A server whose n-th task has the number n in its name; the first one ends
/// for a lock, all later ones well.
async fn numbered() -> Server {
    let calls = AtomicUsize::new(0);
    Server::start(move |request| {
        let upid =
            |n: usize| format!("UPID:pve1:{n:08X}:0010ABCD:6B0343B7:qmclone:900:root@pam!test:");
        match request.method.as_str() {
            "POST" => ok(&format!(
                "\"{}\"",
                upid(calls.fetch_add(1, Ordering::SeqCst) + 1)
            )),
            "DELETE" => ok("null"),
            _ => {
                let first = request.path().contains("%3A00000001%3A");
                let (n, end) = if first {
                    (1, "VM is locked (clone)")
                } else {
                    (2, "OK")
                };
                ok(&format!(
                    r#"{{"status":"stopped","exitstatus":"{end}","upid":"{}"}}"#,
                    upid(n)
                ))
            }
        }
    })
    .await
}

fn number(upid: &proxmox_client::Upid) -> u32 {
    let part = upid.as_str().split(':').nth(2).unwrap();
    u32::from_str_radix(part, 16).unwrap()
}

#[tokio::test]
async fn of_several_who_wait_for_one_call_one_makes_it_again() {
    let server = numbered().await;
    let template = server.patient_client().node("pve1").qemu(900);
    let task = template.clone_to(101).await.unwrap();
    let wait = || task.wait(WaitOptions::default());
    let (one, two) = tokio::try_join!(wait(), wait()).unwrap();
    assert_eq!((number(&one.upid), number(&two.upid)), (2, 2));
    assert_eq!(orders(&server), 2);
    // Whoever waits later waits for the task that ended well.
    let third = task.clone().wait(WaitOptions::default()).await.unwrap();
    assert_eq!((number(&third.upid), number(task.upid())), (2, 1));
    assert_eq!(orders(&server), 2);
    // So is what the task was cancelled by.
    task.cancel().await.unwrap();
    let all = server.requests();
    let stop = all.iter().find(|r| r.method == "DELETE").unwrap();
    assert!(stop.path().contains("%3A00000002%3A"), "{}", stop.path());
}

#[tokio::test]
async fn a_cancelled_call_is_not_made_again() {
    let server = tasks(&["VM is locked (backup)"]).await;
    let task: Task = server
        .patient_client()
        .node("pve1")
        .qemu(900)
        .stop()
        .await
        .unwrap();
    task.cancel().await.unwrap();
    let failed = task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert!(failed.message().contains("was cancelled"), "{failed}");
    assert_eq!(orders(&server), 1);
}

#[tokio::test]
async fn a_task_that_fails_otherwise_is_not_made_again() {
    for end in ["VM is locked (suspended)", "VM 900 already running"] {
        let server = match end {
            "VM 900 already running" => tasks(&["VM 900 already running"]).await,
            _ => tasks(&["VM is locked (suspended)"]).await,
        };
        let start = server.patient_client().node("pve1").qemu(900).start();
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
    let pve = server.patient_client();
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
    let pve = server.patient_client();
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
