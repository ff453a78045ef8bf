//! What the face's calls look like on the wire.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::endpoints::{AgentExec, StartQemu, UpdateQemuConfig};
use proxmox_client::{DataLoss, DestroyScope, Method, Params, Release, WaitOptions};
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
    let rule = ha.create_rule("node-affinity".into(), vec!["vm:100".into()], "near");
    rule.with(|r| r.nodes = vec!["pve1:2".into()])
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
async fn missing_privileges_are_named_before_the_call() {
    let server = Server::start(|request| {
        let path = "\"/vms/100\"";
        assert!(request.target.contains("path=%2Fvms%2F100"), "{request:?}");
        ok(&format!("{{{path}:{{\"VM.Audit\":1}}}}"))
    })
    .await;
    let pve = server.client();
    let preflight = pve.preflight(&StartQemu::new("pve1", 100)).await.unwrap();
    assert!(!preflight.allowed());
    assert_eq!(preflight.missing[0].path, "/vms/100");
    assert_eq!(preflight.missing[0].one_of, ["VM.PowerMgmt"]);
    let missing = pve
        .missing_privileges(&[("/vms/100", "VM.Audit"), ("/vms/100", "VM.Clone")])
        .await
        .unwrap();
    assert_eq!(missing.len(), 1);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_older_server_is_told_apart() {
    let server = Server::start(|request| match request.path() {
        "/version" => ok(VERSION),
        "/cluster/ha/groups" => ok(r#"[{"group":"fast","nodes":"pve1:2,pve2","restricted":"1"}]"#),
        "/cluster/ha/resources" => ok(r#"[{"sid":"vm:100","group":"fast"},{"sid":"vm:101"}]"#),
        _ => error("501 Method 'GET /cluster/ha/rules' not implemented"),
    })
    .await;
    let pve = server.client();
    assert!(pve.release().await.unwrap() > Release::new(9, 2));
    let failed = pve.cluster().ha().rules().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unsupported);
    assert!(failed.message().contains("from release 9.0 on"), "{failed}");
    // What rules say from 9.0 on, groups said before.
    let affinity = pve.cluster().ha().node_affinity().await.unwrap();
    assert_eq!(affinity[0].name, "fast");
    assert_eq!(affinity[0].nodes["pve1"], 2);
    assert_eq!(affinity[0].resources, ["vm:100"]);
    assert!(affinity[0].strict && affinity[0].enabled);
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

#[tokio::test]
async fn what_came_after_the_nodes_release_is_refused_before_it_is_sent() {
    let server = Server::start(|request| match request.path() {
        "/nodes/pve1/version" | "/version" => {
            ok(r#"{"version":"8.4.1","release":"8.4","repoid":"0"}"#)
        }
        _ => ok(UPID),
    })
    .await;
    let pve = server.client();
    let guest = pve.node("pve1").qemu(100);
    let newer = guest
        .migrate("pve2")
        .with(|request| request.with_conntrack_state = Some(true))
        .await
        .unwrap_err();
    assert_eq!(
        (newer.kind(), newer.was_sent()),
        (ErrorKind::Unsupported, Sent::No)
    );
    let said = newer.message();
    assert!(
        said.contains("with-conntrack-state") && said.contains("9.0"),
        "{said}"
    );
    assert!(said.contains("8.4.1"), "{said}");
    let asked = server.requests();
    assert!(asked.iter().all(|r| r.path() == "/nodes/pve1/version"));

    // A whole call that came later.
    let rules = proxmox_client::endpoints::ListHaRules::new();
    let newer = pve.send(&rules).await.unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::Unsupported);
    assert!(newer.message().contains("9.0"), "{newer}");
    // By name too.
    let params = [
        ("node", "pve1"),
        ("vmid", "100"),
        ("target", "pve2"),
        ("with-conntrack-state", "1"),
    ];
    let params = params.into_iter().collect();
    let newer = pve.call_by_name("MigrateQemu", &params).await.unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::Unsupported);

    // What every release has is not asked about.
    let before = server.requests().len();
    guest.migrate("pve2").await.unwrap();
    assert_eq!(server.requests().len(), before + 1);
}

#[tokio::test]
async fn a_node_that_is_new_enough_is_asked_once_and_one_that_does_not_tell_decides_itself() {
    let server = Server::start(|request| match request.path() {
        "/nodes/pve1/version" => ok(r#"{"version":"9.1.2","release":"9.1","repoid":"0"}"#),
        "/nodes/pve2/version" => ok("null"),
        _ => ok(UPID),
    })
    .await;
    let pve = server.client();
    for node in ["pve1", "pve1", "pve2"] {
        let guest = pve.node(node).qemu(100);
        let migrate = guest.migrate("pve3");
        migrate
            .with(|r| r.with_conntrack_state = Some(true))
            .await
            .unwrap();
    }
    let asked = |path: &str| {
        server
            .requests()
            .iter()
            .filter(|r| r.path() == path)
            .count()
    };
    assert_eq!(asked("/nodes/pve1/version"), 1);
    assert_eq!(asked("/nodes/pve1/qemu/100/migrate"), 2);
    assert_eq!(asked("/nodes/pve2/qemu/100/migrate"), 1);
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

/// `maxworkers` became `max-workers` in 9.1.2, which still takes the old name.
#[tokio::test]
async fn a_parameter_that_was_renamed_goes_by_the_nodes_release() {
    for (version, takes_new) in [("9.1.1", false), ("9.1.2", true), ("9.2.11", true)] {
        let told = format!(r#"{{"version":"{version}","release":"9.1","repoid":"0"}}"#);
        let server = Server::start(move |request| match request.path() {
            "/version" => ok(&told),
            _ => ok(UPID),
        })
        .await;
        let cluster = server.client().cluster();
        let new = cluster.bulk_start().with(|r| r.max_workers = Some(2)).await;
        match new {
            Ok(_) => assert!(takes_new, "{version}"),
            Err(error) => {
                assert!(!takes_new, "{version}: {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert_eq!(error.was_sent(), Sent::No);
                let said = error.message();
                assert!(
                    said.contains("max-workers") && said.contains("9.1.2"),
                    "{said}"
                );
            }
        }
        let old = cluster.bulk_start().with(|r| r.maxworkers = Some(2));
        old.await.unwrap();
        let sent = server.requests().pop().unwrap();
        assert_eq!(sent.body, "maxworkers=2");
    }
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

#[tokio::test]
async fn untyped_calls_too_say_which_release_first_has_them() {
    let server = Server::start(|request| match request.path() {
        "/version" => ok(VERSION),
        _ => error("501 Method 'GET /cluster/ha/rules' not implemented"),
    })
    .await;
    let pve = server.client();
    let none = Params::new();
    let rules = pve.request(Method::Get, "/cluster/ha/rules", &none);
    for refused in [
        rules.await.unwrap_err(),
        pve.call_by_name("ListHaRules", &Params::new())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert!(
            refused.message().contains("from release 9.0 on"),
            "{refused}"
        );
    }
    // Of what is not known nothing is said.
    let path = "/cluster/no/such";
    let refused = pve.request(Method::Get, path, &Params::new()).await;
    assert!(!refused.unwrap_err().message().contains("release"));
}

/// A server of this release whose caller holds one privilege on guest 100.
async fn holding(version: &'static str, privilege: &'static str) -> Server {
    Server::start(move |request| match request.path() {
        "/access/permissions" => ok(&format!(r#"{{"/vms/100":{{"{privilege}":1}}}}"#)),
        _ => ok(version),
    })
    .await
}

#[tokio::test]
async fn a_preflight_goes_by_the_keys_of_a_configuration() {
    let server = holding(VERSION, "VM.Config.CDROM").await;
    let mut change = UpdateQemuConfig::new("pve1", 100);
    change.cores = Some(4);
    let preflight = server.client().preflight(&change).await.unwrap();
    assert_eq!(preflight.missing.len(), 1);
    assert_eq!(preflight.missing[0].one_of, ["VM.Config.CPU"]);
    let server = holding(VERSION, "VM.Config.CPU").await;
    let preflight = server.client().preflight(&change).await.unwrap();
    assert!(preflight.allowed() && !preflight.incomplete);
}

#[tokio::test]
async fn a_preflight_says_that_tokens_may_not() {
    let server = holding(VERSION, "User.Modify").await;
    let params = [("userid", "me@pve"), ("password", "hunter2hunter2")];
    let params = params.into_iter().collect();
    let name = "ChangePassword";
    let pve = server.client();
    let preflight = pve.preflight_by_name(name, &params).await.unwrap();
    assert!(preflight.token_refused && !preflight.allowed());
    let start = StartQemu::new("pve1", 100);
    assert!(!pve.preflight(&start).await.unwrap().token_refused);
}

#[tokio::test]
async fn a_preflight_names_the_privilege_of_the_nodes_release() {
    const OLD: &str = r#"{"version":"8.4.1","release":"8.4","repoid":"x"}"#;
    let exec = AgentExec::new("pve1", 100, vec!["id".to_owned()]);
    let server = holding(OLD, "VM.Monitor").await;
    assert!(server.client().preflight(&exec).await.unwrap().allowed());
    let server = holding(OLD, "VM.GuestAgent.Unrestricted").await;
    let preflight = server.client().preflight(&exec).await.unwrap();
    assert_eq!(preflight.missing[0].one_of, ["VM.Monitor"]);
    let server = holding(VERSION, "VM.GuestAgent.Unrestricted").await;
    assert!(server.client().preflight(&exec).await.unwrap().allowed());
    let server = holding(VERSION, "VM.Monitor").await;
    assert!(!server.client().preflight(&exec).await.unwrap().allowed());
}
