//! Resources of a simulated node: aliases, queries, and watches that go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::Duration;

use futures_util::StreamExt as _;
use homelab_core::ErrorKind;
use homelab_sim::{ClientCert, SimOptions};
use support::{CP1, client, client_with, lab, lab_with, options};
use talos_client::MachineStatus;
use talos_client::cosi::types::{self, TYPES};
use talos_client::cosi::{
    LabelQuery, ListOptions, Reconnect, ResourceType as _, WatchEventKind, WatchOptions,
};

const WAIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn short_names_are_found_and_ambiguous_ones_refused() {
    let sim = lab().await;
    let node = client(&sim).await.node(CP1);
    let members = node
        .list_by_alias("Members", &ListOptions::default())
        .await
        .unwrap();
    assert_eq!(members.len(), 4);
    let id = &members.first().unwrap().metadata.id;
    let one = node.get_by_alias("member", id).await.unwrap();
    assert_eq!(&one, members.first().unwrap());

    let error = node.resolve_type("as").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(
        error.message().contains("AddressSpecs.net.talos.dev"),
        "{error}"
    );
    assert!(
        error.message().contains("AddressStatuses.net.talos.dev"),
        "{error}"
    );
    let error = node.resolve_type("membrs").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("did you mean"), "{error}");
}

#[tokio::test]
async fn the_table_knows_what_the_node_says() {
    let sim = lab().await;
    let node = client(&sim).await.node(CP1);
    let mut compared = 0;
    for said in node.resource_definitions().await.unwrap() {
        let Some(known) = TYPES.iter().find(|t| t.type_name == said.type_name) else {
            assert!(said.type_name.ends_with(".cosi.dev"), "{}", said.type_name);
            continue;
        };
        assert_eq!(
            known.namespace, said.default_namespace,
            "{}",
            said.type_name
        );
        assert_eq!(known.sensitive, said.sensitive, "{}", said.type_name);
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[tokio::test]
async fn types_without_a_value_type_are_typed_too() {
    let sim = lab().await;
    let node = client(&sim).await.node(CP1);
    let names = node.list::<types::HostnameStatuses>().await.unwrap();
    assert_eq!(names.first().unwrap().spec.0.hostname, "cp-1");
    assert_eq!(types::KubeletConfigs::NAMESPACE, "k8s");
    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = reader
        .node(CP1)
        .list::<types::MachineConfigs>()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn labels_and_ids_pick() {
    let sim = lab().await;
    let node = client(&sim).await.node(CP1);
    let all = node.list::<types::Members>().await.unwrap();
    let one = ListOptions::default().id_pattern("^cp-2$");
    match node.list_with::<types::Members>(&one).await {
        Ok(found) => {
            assert_eq!(found.len(), 1);
            assert_eq!(found.first().unwrap().metadata.id, "cp-2");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
    }
    let none = ListOptions::default().labels(LabelQuery::new().exists("no-such-label"));
    assert!(
        node.list_with::<types::Members>(&none)
            .await
            .unwrap()
            .is_empty()
    );
    let without = ListOptions::default().labels("!no-such-label".parse().unwrap());
    let found = node.list_with::<types::Members>(&without).await.unwrap();
    assert_eq!(found.len(), all.len());
}

#[tokio::test]
async fn any_type_can_be_watched_as_data() {
    let sim = lab().await;
    let node = client(&sim).await.node(CP1);
    let mut watch = node
        .watch_dynamic(
            "network",
            "HostnameStatuses.net.talos.dev",
            WatchOptions::default(),
        )
        .await
        .unwrap();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.kind, WatchEventKind::Created);
    assert_eq!(first.spec.as_ref().unwrap()["hostname"], "cp-1");
    assert!(!first.is_tearing_down());
    let second = watch.next().await.unwrap().unwrap();
    assert_eq!(second.kind, WatchEventKind::Bootstrapped);
}

/// The node reboots: its bookmarks are gone, and all is told anew.
#[tokio::test]
async fn a_watch_outlives_a_reboot() {
    let boot =
        SimOptions::default().boot_times(Duration::from_millis(300), Duration::from_millis(300));
    let sim = lab_with(boot).await;
    // Asked directly: through another node, that one would hold the connection back.
    let options = options().endpoints([sim.talos_endpoint("cp-1").unwrap()]);
    let node = client_with(&sim, &ClientCert::admin(), options)
        .await
        .node(CP1);
    let mut watch =
        node.watch_reconnecting::<MachineStatus>(WatchOptions::default(), Reconnect::default());
    let mut kinds = Vec::new();
    while kinds.last() != Some(&WatchEventKind::Bootstrapped) {
        let event = tokio::time::timeout(WAIT, watch.next())
            .await
            .unwrap()
            .unwrap();
        kinds.push(event.unwrap().kind);
    }
    sim.guest_stop(101).unwrap();
    sim.guest_start(101).unwrap();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&WatchEventKind::Bootstrapped) {
        let event = tokio::time::timeout(WAIT, watch.next())
            .await
            .unwrap()
            .unwrap();
        kinds.push(event.unwrap().kind);
    }
    let at = kinds.iter().position(|k| *k == WatchEventKind::Restarted);
    assert!(at.is_some(), "{kinds:?}");
    assert!(kinds.contains(&WatchEventKind::Created), "{kinds:?}");
}

#[tokio::test]
async fn a_watch_that_cannot_be_opened_gives_up() {
    let sim = lab().await;
    let options = options().endpoints([sim.talos_endpoint("cp-1").unwrap()]);
    let node = client_with(&sim, &ClientCert::admin(), options)
        .await
        .node(CP1);
    sim.guest_stop(101).unwrap();
    let limit = Reconnect::default().give_up_after(Duration::from_millis(700));
    let mut watch = node.watch_reconnecting::<MachineStatus>(WatchOptions::default(), limit);
    let error = tokio::time::timeout(WAIT, watch.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn what_is_forbidden_is_not_tried_again() {
    let sim = lab().await;
    let node = client_with(&sim, &ClientCert::role("os:reader"), options())
        .await
        .node(CP1);
    let mut watch = node
        .watch_reconnecting::<types::MachineConfigs>(WatchOptions::default(), Reconnect::default());
    let error = tokio::time::timeout(WAIT, watch.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
