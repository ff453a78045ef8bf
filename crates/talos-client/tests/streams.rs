//! Watches, events and snapshots, to their good and bad ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use homelab_core::{ErrorKind, Sent};
use homelab_sim::{ClientCert, Fault, SimOptions};
use support::{CP1, CP2, WORKER, client, client_with, eventually, lab, lab_with, options};
use talos_client::cosi::{MachineStatus, Member, WatchEventKind, WatchOptions};
use talos_client::{EventKind, EventOptions};

fn files(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_watch_sends_what_exists_and_then_changes() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let mut watch = talos
        .node(CP1)
        .watch::<Member>(WatchOptions::default())
        .await
        .unwrap();
    let mut names = Vec::new();
    let bookmark = loop {
        let event = watch.next().await.unwrap().unwrap();
        match event.kind {
            WatchEventKind::Created => names.push(event.spec.unwrap().hostname),
            WatchEventKind::Bootstrapped => break event.bookmark,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names.len(), 4);
    assert!(bookmark.is_some());
}

#[tokio::test]
async fn a_watch_of_one_id_begins_with_it() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let one = |id: &str| WatchOptions::default().id(id);
    let mut there = talos
        .node(CP1)
        .watch::<MachineStatus>(one("machine"))
        .await
        .unwrap();
    let event = there.next().await.unwrap().unwrap();
    assert_eq!(event.kind, WatchEventKind::Created);
    assert!(event.spec.unwrap().ready);

    let mut absent = talos
        .node(CP1)
        .watch::<MachineStatus>(one("other"))
        .await
        .unwrap();
    let event = absent.next().await.unwrap().unwrap();
    assert_eq!(event.kind, WatchEventKind::Destroyed);
    assert_eq!(event.spec, None);
}

#[tokio::test]
async fn a_watch_on_a_node_that_goes_ends_with_an_error() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let mut watch = talos
        .node(CP2)
        .watch::<MachineStatus>(WatchOptions::default().changes_only())
        .await
        .unwrap();
    sim.guest_stop(102).unwrap();
    let error = loop {
        match tokio::time::timeout(Duration::from_secs(5), watch.next()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => break error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_dropped_watch_ends_on_the_node() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let watch = talos
        .node(CP1)
        .watch::<Member>(WatchOptions::default())
        .await
        .unwrap();
    assert_eq!(sim.stats().open_streams, 1);
    drop(watch);
    eventually("the stream is closed", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn a_watch_of_an_unknown_type_is_refused() {
    #[derive(Debug)]
    struct Nonsense;
    impl talos_client::cosi::ResourceType for Nonsense {
        const TYPE: &'static str = "Nonsense.talos.dev";
        const NAMESPACE: &'static str = "runtime";
        fn decode(_: &talos_client::cosi::Metadata, _: &[u8]) -> homelab_core::Result<Self> {
            Ok(Nonsense)
        }
    }
    let sim = lab().await;
    let talos = client(&sim).await;
    let error = talos
        .node(CP1)
        .watch::<Nonsense>(WatchOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn events_come_without_the_hello() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let mut events = talos
        .node(CP1)
        .events(EventOptions::default().tail_events(-1))
        .await
        .unwrap();
    let event = tokio::time::timeout(Duration::from_secs(5), events.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(!event.id.is_empty());
    assert!(!matches!(event.kind, EventKind::Other(_)), "{event:?}");
    drop(events);
    eventually("the stream is closed", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn events_that_the_node_ends_are_noticed() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let mut events = node.events(EventOptions::default()).await.unwrap();
    node.shutdown(false).await.unwrap();
    // The node says nothing of an error: it ends the stream, as after an overrun.
    let mut seen = 0;
    let error = loop {
        let next = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
        match next.unwrap().unwrap() {
            Ok(_) => seen += 1,
            Err(error) => break error,
        }
    };
    assert!(seen > 0);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_retryable(), "{error:?}");
    assert!(events.next().await.is_none());
    // Two starting points are none.
    let mut both = EventOptions::default();
    (both.tail_events, both.tail_seconds) = (Some(3), Some(5));
    let error = talos.node(CP2).events(both).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_snapshot_appears_whole() {
    let sim = lab_with(SimOptions::default().etcd_db_bytes(3 << 20)).await;
    let talos = client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let snapshot = talos
        .node(CP1)
        .etcd_snapshot(dir.path(), |p| seen.push(p))
        .await
        .unwrap();
    assert_eq!(snapshot.size_bytes % 512, 32);
    assert_eq!(
        std::fs::metadata(&snapshot.path).unwrap().len(),
        snapshot.size_bytes
    );
    let name = snapshot.path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("etcd-172.16.1.50-2"), "{name}");
    assert_eq!(files(dir.path()), [name]);
    let last = seen.last().unwrap();
    assert_eq!(last.bytes, snapshot.size_bytes);
    assert!(last.expected_bytes.unwrap() > 0);
    assert!(seen.is_sorted_by_key(|p| p.bytes));
    assert_eq!(sim.stats().open_streams, 0);
}

#[tokio::test]
async fn a_named_file_is_replaced_only_by_a_good_one() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd.db");
    std::fs::write(&path, "yesterday's").unwrap();

    sim.fault("cp-1", Fault::TruncateSnapshot).unwrap();
    let error = talos
        .node(CP1)
        .etcd_snapshot(&path, |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.message().contains("bytes arrived"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "yesterday's");
    assert_eq!(files(dir.path()), ["etcd.db"]);

    sim.clear_faults();
    let snapshot = talos.node(CP1).etcd_snapshot(&path, |_| {}).await.unwrap();
    assert_eq!(snapshot.path, path);
}

#[tokio::test]
async fn bad_snapshots_leave_nothing() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    for (fault, kind) in [
        (Fault::TruncateSnapshot, Some(ErrorKind::Corrupt)),
        (Fault::CorruptSnapshot, Some(ErrorKind::Corrupt)),
        (Fault::CutSnapshot, None),
    ] {
        sim.clear_faults();
        sim.fault("cp-1", fault).unwrap();
        let error = talos
            .node(CP1)
            .etcd_snapshot(dir.path(), |_| {})
            .await
            .unwrap_err();
        assert!(kind.is_none_or(|kind| kind == error.kind()), "{error:?}");
        assert_eq!(error.target_name(), Some(CP1));
        assert_eq!(files(dir.path()), Vec::<String>::new(), "{fault}");
    }
}

#[tokio::test]
async fn a_snapshot_over_a_breaking_connection_may_have_been_sent() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-1").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    let dir = tempfile::tempdir().unwrap();
    sim.fault("cp-1", Fault::Reset).unwrap();
    let error = talos
        .node(CP1)
        .etcd_snapshot(dir.path(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.was_sent(), Sent::Maybe);
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn a_cancelled_snapshot_stops_the_node_and_leaves_nothing() {
    let sim = lab_with(SimOptions::default().etcd_db_bytes(1 << 30)).await;
    let talos = client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    let (begun, mut first) = tokio::sync::mpsc::unbounded_channel();
    let node = talos.node(CP1);
    let to = dir.path().to_owned();
    let task = tokio::spawn(async move {
        node.etcd_snapshot(&to, |p| {
            let _ = begun.send(p.bytes);
        })
        .await
    });
    assert!(first.recv().await.unwrap() > 0);
    assert_eq!(files(dir.path()).len(), 1, "the temporary file");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(files(dir.path()).is_empty());
    eventually("the stream is closed", || sim.stats().open_streams == 0).await;
}

#[tokio::test]
async fn a_snapshot_from_a_worker_or_into_nowhere() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let dir = tempfile::tempdir().unwrap();
    let error = talos
        .node(WORKER)
        .etcd_snapshot(dir.path(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let before = sim.stats().requests;
    let error = talos
        .node(CP1)
        .etcd_snapshot("/nonexistent/etcd.db", |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.was_sent(), Sent::No);
    assert_eq!(sim.stats().requests, before);

    let talos = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = talos
        .node(CP1)
        .etcd_snapshot(dir.path().join("new/"), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
