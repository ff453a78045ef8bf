//! `node` and `nodes`.

use std::time::Duration;

use homelab_sim::Down;
use talos_proto::cosi::resource as cosi;
use talos_proto::machine::{EtcdSnapshotRequest, EventsRequest};
use tonic::Code;

use crate::lab;

#[tokio::test]
async fn one_node_answers_through_another() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-1");
    for (target, hostname) in [
        ("192.168.1.53", "worker-1"),
        ("cp-3", "cp-3"),
        ("192.168.1.50", "cp-1"),
        ("192.168.1.49", "cp-1"),
    ] {
        let answer = client
            .hostname(lab::to(target, ()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.messages[0].hostname, hostname);
        assert!(answer.messages[0].metadata.is_none());
    }
    let ported = client.hostname(lab::to("192.168.1.51:50000", ())).await;
    assert_eq!(lab::code(ported), Code::Internal);
    let nobody = client.hostname(lab::to("192.168.1.99", ())).await;
    assert_eq!(lab::code(nobody), Code::Unavailable);
}

#[tokio::test]
async fn what_was_passed_on_once_stays() {
    let sim = lab::start().await;
    let mut request = lab::to("192.168.1.53", ());
    let from = "192.168.1.51".parse().unwrap();
    request.metadata_mut().insert("proxyfrom", from);
    let answer = lab::machine(&sim, "cp-1").hostname(request).await.unwrap();
    assert_eq!(answer.into_inner().messages[0].hostname, "cp-1");
}

#[tokio::test]
async fn workers_do_not_forward() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "worker-1");
    assert!(client.hostname(lab::to("192.168.1.53", ())).await.is_ok());
    assert!(client.hostname(()).await.is_ok());
    let other = client.hostname(lab::to("192.168.1.50", ())).await;
    assert_eq!(lab::code(other), Code::PermissionDenied);
}

#[tokio::test]
async fn several_nodes_merge_and_failures_are_elements() {
    let sim = lab::start().await;
    sim.guest_stop(103).unwrap();
    let mut client = lab::machine(&sim, "cp-1");
    let request = lab::to_all(&["192.168.1.50", "cp-3", "192.168.1.53"], ());
    let answer = client.hostname(request).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 3);
    let by_name = |name: &str| {
        let mut found = answer.messages.iter().filter(|m| {
            m.metadata
                .as_ref()
                .is_some_and(|meta| meta.hostname == name)
        });
        found.next().unwrap()
    };
    assert_eq!(by_name("cp-3").hostname, "cp-3");
    assert_eq!(by_name("192.168.1.50").hostname, "cp-1");
    let failed = by_name("192.168.1.53").metadata.as_ref().unwrap();
    assert!(
        failed.error.contains("connection refused"),
        "{}",
        failed.error
    );
    assert_eq!(
        failed.status.as_ref().unwrap().code,
        i32::from(Code::Unavailable)
    );

    let list = cosi::ListRequest {
        namespace: "cluster".into(),
        r#type: "Members.cluster.talos.dev".into(),
        options: None,
    };
    let refused = lab::state(&sim, "cp-1")
        .list(lab::to_all(&["cp-1"], list))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn streams_of_several_nodes_interleave() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-1");
    let request = EventsRequest {
        tail_events: -1,
        ..EventsRequest::default()
    };
    let request = lab::to_all(&["cp-1", "worker-1"], request);
    let mut stream = client.events(request).await.unwrap().into_inner();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        let event = stream.message().await.unwrap().unwrap();
        seen.insert(event.metadata.unwrap().hostname);
    }

    // A node that cannot answer is one frame; the stream itself ends well.
    let request = lab::to_all(&["worker-1"], EtcdSnapshotRequest {});
    let mut stream = client.etcd_snapshot(request).await.unwrap().into_inner();
    let frame = stream.message().await.unwrap().unwrap();
    let status = frame.metadata.unwrap().status.unwrap();
    assert_eq!(status.code, i32::from(Code::Unimplemented));
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_dead_target_fails_and_a_silent_one_hangs() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-1");
    sim.host_down("pve2", Down::Refuse).unwrap();
    let status = client
        .version(lab::to("192.168.1.52", ()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    sim.host_up("pve2").unwrap();
    sim.host_down("pve2", Down::Blackhole).unwrap();
    let waiting = client.version(lab::to("192.168.1.52", ()));
    assert!(
        tokio::time::timeout(Duration::from_millis(200), waiting)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_stream_through_an_endpoint_breaks_with_its_node() {
    let sim = lab::start().await;
    let mut client = lab::machine(&sim, "cp-1");
    let request = lab::to("cp-3", EventsRequest::default());
    let mut stream = client.events(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    sim.guest_stop(102).unwrap();
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
}
