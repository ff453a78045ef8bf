//! What the face's calls look like on the wire.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::{DataLoss, DestroyScope, WaitOptions};
use support::{Server, VERSION, decoded, error, ok};

const UPID: &str = "\"UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!test:\"";

/// Method, path and query of the last request.
fn last(server: &Server) -> (String, String, Vec<(String, String)>) {
    let request = server.requests().pop().unwrap();
    let form = match request.target.split_once('?') {
        Some((_, query)) => decoded(query),
        None => decoded(&request.body),
    };
    (request.method.clone(), request.path().to_owned(), form)
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn a_call_takes_its_options_before_it_is_made() {
    let server = Server::start(|_| ok(UPID)).await;
    let pve = server.client();
    let guest = pve.node("pve1").qemu(100);
    // Made, but never awaited: nothing is sent.
    drop(guest.start());
    assert!(server.requests().is_empty());
    let task = guest
        .shutdown()
        .with(|request| request.timeout_seconds = Some(30))
        .await
        .unwrap();
    assert_eq!(task.upid().node(), "pve1");
    let path = "/nodes/pve1/qemu/100/status/shutdown".to_owned();
    assert_eq!(
        last(&server),
        ("POST".to_owned(), path, vec![pair("timeout", "30")])
    );

    guest.destroy(DestroyScope::Guest).await.unwrap();
    let (method, path, query) = last(&server);
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("DELETE", "/nodes/pve1/qemu/100")
    );
    assert_eq!(query, [pair("destroy-unreferenced-disks", "0")]);
    let container = pve.node("pve1").lxc(200);
    container.destroy(DestroyScope::Everything).await.unwrap();
    let (_, path, query) = last(&server);
    assert_eq!(path, "/nodes/pve1/lxc/200");
    assert!(query.contains(&pair("purge", "1")));
    assert!(query.contains(&pair("destroy-unreferenced-disks", "1")));

    let storage = pve.node("pve1").storage("local");
    let task = storage
        .delete_volume("local:iso/x.iso", DataLoss::Accepted)
        .await
        .unwrap();
    assert!(task.is_some());
    assert_eq!(
        server.requests().pop().unwrap().path(),
        "/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso"
    );
}

/// The flag that loses data is refused where the word is not given, and set by
/// the method that wants it.
#[tokio::test]
async fn data_is_lost_by_the_word_alone() {
    fn refused<T: std::fmt::Debug>(outcome: homelab_core::Result<T>, method: &str) {
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::InvalidArgument, Sent::No)
        );
        assert!(error.message().contains(method), "{error}");
    }
    let server = Server::start(|request| match request.path() {
        path if path.ends_with("unlink") || path.contains("replication") => ok("null"),
        path if path.ends_with("/lxc/200/config") => ok("null"),
        _ => ok(UPID),
    })
    .await;
    let pve = server.client();
    let (node, cluster) = (pve.node("pve1"), pve.cluster());
    let (guest, container) = (node.qemu(100), node.lxc(200));
    let disks = || vec!["scsi1".to_owned()];
    let unused = || vec!["unused0".to_owned()];

    let call = guest.unlink_disks(disks()).with(|r| r.force = Some(true));
    refused(call.await, "delete_disks");
    refused(guest.unlink_disks(unused()).await, "delete_disks");
    let call = guest.update_config().with(|r| r.delete = unused());
    refused(call.await, "delete_disks");
    let call = guest.configure().with(|r| r.force = Some(true));
    refused(call.await, "delete_disks");
    let call = guest.move_disk("scsi0").with(|r| r.delete = Some(true));
    refused(call.await, "move_disk_and_delete_source");
    // However it is made.
    let call = guest.move_disk("scsi0").with(|r| r.delete = Some(true));
    let waited = call.wait(WaitOptions::default()).await;
    refused(waited, "move_disk_and_delete_source");
    let call = guest.configure().with(|r| r.delete = unused());
    refused(call.wait(WaitOptions::default()).await, "delete_disks");
    let call = guest.remote_migrate(disks(), "x", disks());
    let call = call.with(|r| r.delete = Some(true));
    refused(call.await, "remote_migrate_and_delete_source");
    let call = container.update_config().with(|r| r.delete = unused());
    refused(call.await, "delete_unused");
    let call = container.move_volume("mp0").with(|r| r.delete = Some(true));
    refused(call.await, "move_volume_and_delete_source");
    let call = container.delete_unused(vec!["mp0".into()], DataLoss::Accepted);
    refused(call.await, "mp0");
    let call = node.create_qemu(100).with(|r| r.force = Some(true));
    refused(call.await, "restore_qemu");
    let call = node.create_lxc(200, "local:vztmpl/x.tar.zst");
    refused(call.with(|r| r.force = Some(true)).await, "restore_lxc");
    let call = cluster.update_replication_job("100-0");
    let call = call.with(|r| r.remove_job = Some("full".into()));
    refused(call.await, "delete_replication_job");
    assert!(server.requests().is_empty());

    guest
        .delete_disks(disks(), DataLoss::Accepted)
        .await
        .unwrap();
    let (_, path, form) = last(&server);
    assert_eq!(path, "/nodes/pve1/qemu/100/unlink");
    assert!(form.contains(&pair("force", "1")));
    let moved = guest.move_disk_and_delete_source("scsi0", DataLoss::Accepted);
    moved.await.unwrap();
    assert!(last(&server).2.contains(&pair("delete", "1")));
    let deleted = container.delete_unused(unused(), DataLoss::Accepted);
    deleted.await.unwrap();
    assert!(last(&server).2.contains(&pair("delete", "unused0")));
    let restored = proxmox_client::RestoreOptions::default().replace(DataLoss::Accepted);
    let archive = "local:backup/vzdump-qemu-100-x.vma.zst";
    node.restore_qemu(100, archive, &restored).await.unwrap();
    assert!(last(&server).2.contains(&pair("force", "1")));
}

#[tokio::test]
async fn what_a_guest_and_ha_rules_say() {
    let server = Server::start(|request| match request.path() {
        path if path.ends_with("/agent/get-osinfo") => {
            ok(r#"{"result":{"id":"debian","pretty-name":"Debian 13","machine":"x86_64"}}"#)
        }
        path if path.ends_with("/spiceproxy") => {
            ok(r#"{"type":"spice","tls-port":61000,"password":"s3cret"}"#)
        }
        path if path.ends_with("/cloudinit") => {
            ok(r#"[{"key":"ciuser","value":"a","pending":"b"}]"#)
        }
        "/version" => ok(VERSION),
        _ => ok("null"),
    })
    .await;
    let pve = server.client();
    let guest = pve.node("pve1").qemu(100);
    let system = guest.agent().os_info().await.unwrap();
    assert_eq!(system.pretty_name.as_deref(), Some("Debian 13"));
    let file = guest.spice_viewer_file().await.unwrap();
    assert!(!format!("{file:?}").contains("s3cret"));
    let waiting = guest.cloud_init_pending().await.unwrap();
    assert_eq!(waiting[0].key.as_deref(), Some("ciuser"));

    let ha = pve.cluster().ha();
    let rule = || ha.create_rule("node-affinity".into(), vec!["vm:100".into()], "near");
    let sent = server.requests().len();
    let lacking = rule().await.unwrap_err();
    assert!(lacking.message().contains("parameter nodes"), "{lacking}");
    assert_eq!(server.requests().len(), sent);
    rule()
        .with(|r| r.nodes = vec!["pve1:2".into()])
        .await
        .unwrap();
    let (method, path, form) = last(&server);
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("POST", "/cluster/ha/rules")
    );
    assert!(
        form.contains(&pair("nodes", "pve1:2")) && form.contains(&pair("type", "node-affinity"))
    );
    let change = ha.update_rule("node-affinity".into(), "near");
    change.with(|r| r.disable = Some(true)).await.unwrap();
    let (method, path, _) = last(&server);
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("PUT", "/cluster/ha/rules/near")
    );
}

#[tokio::test]
async fn a_quick_call_has_no_task() {
    let server = Server::start(|_| ok("null")).await;
    let guest = server.client().node("pve1").qemu(100);
    let task = guest.configure().with(|r| r.cores = Some(2)).await.unwrap();
    assert!(task.is_none());
    assert_eq!(last(&server).2, [pair("cores", "2")]);
}

#[tokio::test]
async fn calls_made_by_hand_are_checked_like_typed_ones() {
    let server = Server::start(|_| ok(UPID)).await;
    let pve = server.client();
    let node = pve.node("pve1");
    let options = proxmox_client::RestoreOptions::default().pool("no pool");
    let error = node
        .restore_qemu(100, "local:backup/x", &options)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    assert!(error.message().contains("pool"), "{error}");
    let options =
        proxmox_client::BackupOptions::default().prune("keep-last=many", DataLoss::Accepted);
    let error = node.backup(&[100], &options).await.unwrap_err();
    assert!(error.message().contains("keep-last"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn without_quorum_no_guest_is_deleted() {
    const LOST: &str = r#"[{"type":"cluster","id":"cluster","name":"lab","nodes":3,"quorate":0},{"type":"node","id":"node/pve1","name":"pve1","online":1,"local":1}]"#;
    const ALONE: &str =
        r#"[{"type":"node","id":"node/pve1","name":"pve1","online":1,"local":1,"nodeid":0}]"#;
    const KEPT: &str = r#"[{"type":"cluster","id":"cluster","name":"lab","quorate":1}]"#;
    let deleted = |server: &Server| server.requests().iter().any(|r| r.method == "DELETE");
    let server = |status: &'static str| {
        Server::start(move |request| match request.path() {
            "/cluster/status" if status.is_empty() => {
                error("403 Permission check failed (/, Sys.Audit)")
            }
            "/cluster/status" => ok(status),
            _ => ok(UPID),
        })
    };
    let lost = server(LOST).await;
    let node = lost.client().node("pve1");
    let by_name = [("node", "pve1"), ("vmid", "100")].into_iter().collect();
    for refused in [
        node.qemu(100)
            .destroy(DestroyScope::Guest)
            .await
            .map(drop)
            .unwrap_err(),
        node.lxc(200)
            .destroy(DestroyScope::Guest)
            .await
            .map(drop)
            .unwrap_err(),
        lost.client()
            .call_by_name("DeleteQemu", &by_name)
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(
            (refused.kind(), refused.was_sent()),
            (ErrorKind::FailedPrecondition, Sent::No)
        );
        assert!(refused.message().contains("no quorum"), "{refused}");
        assert!(
            refused
                .operation_name()
                .is_some_and(|o| o.starts_with("DELETE /nodes"))
        );
    }
    // Other calls are not asked about.
    let asked = lost.requests().len();
    node.qemu(100).stop().await.unwrap();
    assert_eq!(lost.requests().len(), asked + 1);
    assert!(!deleted(&lost));
    for status in [ALONE, KEPT, ""] {
        let server = server(status).await;
        let guest = server.client().node("pve1").qemu(100);
        guest.destroy(DestroyScope::Guest).await.unwrap();
        assert!(deleted(&server), "{status}");
    }
}
