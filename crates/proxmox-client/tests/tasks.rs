//! Waiting for tasks, in the time of a clock that the test owns.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use homelab_core::{Clock, ErrorKind, Sent};
use proxmox_client::{ExecOptions, ProxmoxClient, Task, WaitOptions};
use support::{Reply, Request, Server, TestClock, answer, error, ok};

const UPID: &str = "UPID:pve2:00001A2B:0010ABCD:6B0343B7:qmclone:130:root@pam!full:";

/// What the server says at the n-th look: the status, and the log so far.
type Look = (&'static str, &'static [&'static str]);

const RUNNING: &str = r#"{"status":"running"}"#;

fn status(look: &str) -> Reply {
    let mut data: serde_json::Value = serde_json::from_str(look).unwrap();
    data["upid"] = UPID.into();
    ok(&data.to_string())
}

fn log(lines: &[&str], request: &Request) -> Reply {
    let query = support::decoded(request.target.split_once('?').map_or("", |q| q.1));
    let start: usize = query
        .iter()
        .find(|(n, _)| n == "start")
        .map_or(0, |(_, v)| v.parse().unwrap());
    let mut rows: Vec<_> = lines
        .iter()
        .enumerate()
        .skip(start)
        .map(|(at, text)| serde_json::json!({"n": at + 1, "t": text}))
        .collect();
    if lines.is_empty() {
        rows.push(serde_json::json!({"n": 1, "t": "no content"}));
    }
    let body = serde_json::json!({"total": lines.len(), "data": rows});
    Reply::Raw(answer("200 OK", &body.to_string()))
}

struct Scene {
    server: Server,
    clock: Arc<TestClock>,
    pve: ProxmoxClient,
    task: Task,
}

/// A task that shows `looks` one after the other, and the last one from then on.
async fn scene(looks: &'static [Look]) -> Scene {
    let seen = AtomicUsize::new(0);
    with(move |request| {
        let at = |n: usize| &looks[n.min(looks.len() - 1)];
        if request.path().ends_with("/status") {
            status(at(seen.fetch_add(1, Ordering::SeqCst)).0)
        } else {
            log(at(seen.load(Ordering::SeqCst).saturating_sub(1)).1, request)
        }
    })
    .await
}

async fn with(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Scene {
    let server = Server::start(handler).await;
    let clock = Arc::new(TestClock::default());
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .token("root@pam!full", "secret")
        .clock(clock.clone())
        .build()
        .unwrap();
    let task = pve.task(UPID.parse().unwrap());
    Scene {
        server,
        clock,
        pve,
        task,
    }
}

#[tokio::test]
async fn it_is_asked_of_the_node_in_its_name_with_growing_pauses() {
    let scene = scene(&[
        (RUNNING, &[]),
        (RUNNING, &[]),
        (RUNNING, &[]),
        (r#"{"status":"stopped","exitstatus":"OK"}"#, &[]),
    ])
    .await;
    let outcome = scene.task.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(outcome.exit_status, "OK");
    assert!(outcome.warnings.is_empty());
    let requests = scene.server.requests();
    assert_eq!(requests.len(), 4);
    assert!(
        requests[0]
            .path()
            .starts_with("/nodes/pve2/tasks/UPID%3Apve2")
    );
    // 0.5 + 0.75 + 1.125 seconds
    assert_eq!(scene.clock.elapsed(), Duration::from_millis(2375));
}

#[tokio::test]
async fn warnings_are_success() {
    let scene = scene(&[(
        r#"{"status":"stopped","exitstatus":"WARNINGS: 1"}"#,
        &["mounting", "WARN: no systemd", "TASK WARNINGS: 1"],
    )])
    .await;
    let outcome = scene.task.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(outcome.exit_status, "WARNINGS: 1");
    assert_eq!(outcome.warnings, ["no systemd"]);
}

#[tokio::test]
async fn a_failure_has_the_servers_last_words_and_the_upid() {
    let scene = scene(&[(
        r#"{"status":"stopped","exitstatus":"VM 130 already running"}"#,
        &[],
    )])
    .await;
    let failed = scene.task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert_eq!(
        failed.message(),
        "task qmclone of 130 failed: VM 130 already running"
    );
    assert_eq!(failed.reference(), Some(UPID));
    assert_eq!(failed.target_name(), Some("pve2"));
}

#[tokio::test]
async fn an_end_without_a_word_is_looked_at_again() {
    // It shows for an instant before the last line is written.
    const UNEXPECTED: &str = r#"{"status":"stopped","exitstatus":"unexpected status"}"#;
    let scene = scene(&[
        (UNEXPECTED, &[]),
        (UNEXPECTED, &[]),
        (r#"{"status":"stopped","exitstatus":"OK"}"#, &[]),
    ])
    .await;
    assert!(scene.task.wait(WaitOptions::default()).await.is_ok());
    let scene = self::scene(&[(UNEXPECTED, &["create full clone", "transferred 1.0 MiB"])]).await;
    let failed = scene.task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TaskFailed);
    assert!(
        failed.message().ends_with("transferred 1.0 MiB"),
        "{failed}"
    );
}

#[tokio::test]
async fn progress_is_told_as_the_log_grows() {
    let scene = scene(&[
        (RUNNING, &[]),
        (
            RUNNING,
            &[
                "create full clone",
                "transferred 0.5 GiB of 2.0 GiB (25.00%)",
            ],
        ),
        (
            RUNNING,
            &[
                "create full clone",
                "transferred 0.5 GiB of 2.0 GiB (25.00%)",
            ],
        ),
        (
            r#"{"status":"stopped","exitstatus":"OK"}"#,
            &[
                "create full clone",
                "transferred 0.5 GiB of 2.0 GiB (25.00%)",
                "TASK OK",
            ],
        ),
    ])
    .await;
    let mut told = Vec::new();
    scene
        .task
        .wait_with(WaitOptions::default(), |progress| told.push(progress))
        .await
        .unwrap();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].fraction, Some(0.25));
    assert_eq!(
        (told[1].message.as_str(), told[1].log_lines),
        ("TASK OK", 3)
    );
}

#[tokio::test]
async fn the_time_runs_out() {
    let scene = scene(&[(RUNNING, &[])]).await;
    let options = WaitOptions::default().timeout(Duration::from_secs(30));
    let failed = scene.task.wait(options).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert_eq!(failed.was_sent(), Sent::Yes);
    assert!(
        failed.message().contains("still runs after 30s"),
        "{failed}"
    );
    assert_eq!(scene.clock.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn a_lost_connection_is_borne_until_the_time_runs_out() {
    let looks = AtomicUsize::new(0);
    let scene = with(move |_| match looks.fetch_add(1, Ordering::SeqCst) {
        0..4 => error("595 No route to host"),
        _ => status(r#"{"status":"stopped","exitstatus":"OK"}"#),
    })
    .await;
    assert!(scene.task.wait(WaitOptions::default()).await.is_ok());

    let scene = with(|_| error("595 No route to host")).await;
    let failed = scene.task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert!(
        failed
            .message()
            .contains("it may still run: No route to host"),
        "{failed}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_and_a_proxys_page_are_borne_too() {
    let looks = AtomicUsize::new(0);
    let scene = with(move |_| match looks.fetch_add(1, Ordering::SeqCst) {
        // Twice: a read is made again at once.
        0 | 1 => Reply::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":".to_vec()),
        2 => Reply::Raw(answer(
            "502 Bad Gateway",
            "<html><h1>Bad Gateway</h1></html>",
        )),
        3 => Reply::Raw(answer("504 Gateway Time-out", "<html>504</html>")),
        _ => status(r#"{"status":"stopped","exitstatus":"OK"}"#),
    })
    .await;
    scene.task.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(scene.server.requests().len(), 5);
}

#[tokio::test]
async fn half_an_answer_is_borne_a_few_times_in_a_row() {
    let half = || Reply::Raw(answer("200 OK", r#"{"data":{"status":"sto"#));
    let looks = AtomicUsize::new(0);
    let scene = with(move |_| match looks.fetch_add(1, Ordering::SeqCst) {
        0..=2 | 4..=6 => half(),
        3 => status(RUNNING),
        _ => status(r#"{"status":"stopped","exitstatus":"OK"}"#),
    })
    .await;
    scene.task.wait(WaitOptions::default()).await.unwrap();
    assert_eq!(scene.server.requests().len(), 8);

    let scene = with(move |_| half()).await;
    let failed = scene.task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Protocol);
    assert_eq!(failed.reference(), Some(UPID));
    assert_eq!(scene.server.requests().len(), 4);
    // The log that is followed is read the same way.
    let failed = scene.task.follow_log().next().await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Protocol);
    assert_eq!(scene.server.requests().len(), 8);
}

/// A task on a server that takes requests and never answers, in real time.
async fn silent() -> (Server, Task) {
    let server = Server::start(|_| Reply::Stall).await;
    let pve = server.client();
    let task = pve.task(UPID.parse().unwrap());
    (server, task)
}

#[tokio::test]
async fn a_silent_host_does_not_hold_a_wait_beyond_its_time() {
    let (_server, task) = silent().await;
    let began = std::time::Instant::now();
    let options = WaitOptions::default().timeout(Duration::from_secs(1));
    let failed = task.wait(options).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert!(failed.message().contains("may still run"), "{failed}");
    // The calls themselves would have ten seconds.
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn following_gives_up_after_half_a_minute_however_long_a_look_takes() {
    let clock = Arc::new(TestClock::default());
    let slow = Arc::clone(&clock);
    // Each look takes ten seconds of the clock and fails.
    let server = Server::start(move |_| {
        slow.advance(Duration::from_secs(10));
        error("595 No route to host")
    })
    .await;
    let pve = ProxmoxClient::builder()
        .endpoint(server.url())
        .ca_pem(server.ca_pem.clone())
        .token("root@pam!full", "secret")
        .clock(clock.clone())
        .build()
        .unwrap();
    let task = pve.task(UPID.parse().unwrap());
    let failed = task.follow_log().next().await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert!(clock.elapsed() < Duration::from_secs(45));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_forgotten_task_is_an_error_at_once() {
    let body = r#"{"data":null,"errors":{"upid":"no such task"}}"#;
    let scene = with(move |_| Reply::Raw(answer("400 Parameter verification failed.", body))).await;
    let failed = scene.task.wait(WaitOptions::default()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
    assert_eq!(failed.reference(), Some(UPID));
    assert_eq!(scene.server.requests().len(), 1);
}

#[tokio::test]
async fn the_log_is_followed_to_its_last_line() {
    let scene = scene(&[
        (RUNNING, &[]),
        (RUNNING, &["one"]),
        (RUNNING, &["one", "two"]),
        (
            r#"{"status":"stopped","exitstatus":"OK"}"#,
            &["one", "two", "TASK OK"],
        ),
    ])
    .await;
    let lines: Vec<_> = scene
        .task
        .follow_log()
        .map(|line| line.unwrap().text)
        .collect()
        .await;
    assert_eq!(lines, ["one", "two", "TASK OK"]);
}

#[tokio::test]
async fn cancelling_asks_the_server_to_stop_it() {
    let scene = with(|_| ok("null")).await;
    scene.task.cancel().await.unwrap();
    let request = &scene.server.requests()[0];
    assert_eq!(request.method, "DELETE");
    assert!(request.body.is_empty() && !request.target.contains('?'));
}

/// What a guest's agent answers to the start of a program.
fn exec_started(request: &Request) -> Option<Reply> {
    let start = request.method == "POST" && request.path().ends_with("/agent/exec");
    start.then(|| ok(r#"{"pid":7}"#))
}

#[tokio::test]
async fn a_program_is_waited_for_through_a_lost_connection() {
    let looks = AtomicUsize::new(0);
    let scene = with(move |request| {
        exec_started(request).unwrap_or_else(|| match looks.fetch_add(1, Ordering::SeqCst) {
            0 => error("595 No route to host"),
            1 => ok(r#"{"exited":0}"#),
            _ => ok(r#"{"exited":1,"exitcode":3}"#),
        })
    })
    .await;
    let agent = scene.pve.node("pve2").qemu(130).agent();
    let ended = agent.exec(&["/bin/x"], ExecOptions::default()).await;
    assert_eq!(ended.unwrap().exit_code, Some(3));
}

#[tokio::test]
async fn a_silent_host_does_not_hold_a_program_beyond_its_time() {
    let server = Server::start(|request| exec_started(request).unwrap_or(Reply::Stall)).await;
    let agent = server.client().node("pve2").qemu(130).agent();
    let began = std::time::Instant::now();
    let options = ExecOptions::default().timeout(Duration::from_secs(1));
    let failed = agent.exec(&["/bin/x"], options).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert!(failed.message().contains("process 7"), "{failed}");
    // The call itself would have ten seconds.
    assert!(began.elapsed() < Duration::from_secs(4));
}
