//! Calls and parameters that the server's release does not have.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use homelab_core::{ErrorKind, Sent};
use proxmox_client::{Method, Params, Release};
use support::{Server, VERSION, error, ok};

const UPID: &str = "\"UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!test:\"";

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
