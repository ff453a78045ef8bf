//! Resources: read, listed, watched.

use prost::Message;
use talos_proto::cosi::resource::{
    self as pb, EventType, GetRequest, ListRequest, WatchOptions, WatchRequest,
};
use talos_proto::definitions;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::lab;

type Client = pb::state_client::StateClient<Channel>;

async fn get(client: &mut Client, ns: &str, kind: &str, id: &str) -> Result<pb::Resource, Status> {
    let request = GetRequest {
        namespace: ns.into(),
        r#type: kind.into(),
        id: id.into(),
        options: None,
    };
    Ok(client.get(request).await?.into_inner().resource.unwrap())
}

async fn list(client: &mut Client, ns: &str, kind: &str) -> Vec<pb::Resource> {
    let request = ListRequest {
        namespace: ns.into(),
        r#type: kind.into(),
        options: None,
    };
    let mut stream = client.list(request).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        all.push(answer.resource.unwrap());
    }
    all
}

fn spec(resource: &pb::Resource) -> &pb::Spec {
    resource.spec.as_ref().unwrap()
}

#[tokio::test]
async fn both_encodings_of_what_the_join_needs() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "cp-1");
    for (ns, kind, count) in [
        ("cluster", "Members.cluster.talos.dev", 4),
        ("runtime", "MachineStatuses.runtime.talos.dev", 1),
        ("network", "HostnameStatuses.net.talos.dev", 1),
        ("network", "NodeAddresses.net.talos.dev", 4),
        ("network", "LinkStatuses.net.talos.dev", 2),
        ("hardware", "SystemInformations.hardware.talos.dev", 1),
        ("runtime", "ExtensionStatuses.runtime.talos.dev", 2),
        ("runtime", "Disks.block.talos.dev", 1),
        ("runtime", "SecurityStates.talos.dev", 1),
        ("etcd", "EtcdMembers.etcd.talos.dev", 1),
        ("k8s", "Nodenames.kubernetes.talos.dev", 1),
        ("k8s", "NodeStatuses.kubernetes.talos.dev", 1),
        ("k8s", "StaticPodStatuses.kubernetes.talos.dev", 3),
        ("runtime", "VolumeStatuses.block.talos.dev", 3),
        ("runtime", "DiscoveredVolumes.block.talos.dev", 5),
        ("runtime", "SystemDisks.block.talos.dev", 1),
        ("runtime", "TimeStatuses.v1alpha1.talos.dev", 1),
        ("runtime", "KernelCmdlines.runtime.talos.dev", 1),
        ("runtime", "Versions.runtime.talos.dev", 1),
        ("network", "RouteStatuses.net.talos.dev", 1),
        ("network", "AddressStatuses.net.talos.dev", 1),
        ("config", "MachineConfigs.config.talos.dev", 2),
        ("hardware", "Processors.hardware.talos.dev", 1),
    ] {
        let all = list(&mut client, ns, kind).await;
        assert_eq!(all.len(), count, "{kind}");
        for resource in &all {
            assert!(!spec(resource).proto_spec.is_empty(), "{kind}");
            assert!(!spec(resource).yaml_spec.is_empty(), "{kind}");
            let metadata = resource.metadata.as_ref().unwrap();
            assert_eq!(
                (metadata.version.as_str(), metadata.phase.as_str()),
                ("1", "running")
            );
        }
    }
    let link = get(
        &mut client,
        "network",
        "LinkStatuses.net.talos.dev",
        "ens18",
    )
    .await
    .unwrap();
    let decoded =
        definitions::network::LinkStatusSpec::decode(spec(&link).proto_spec.clone()).unwrap();
    assert_eq!(decoded.hardware_addr, [0xbc, 0x24, 0x11, 0x62, 0x66, 0x6e]);
    assert!(
        spec(&link)
            .yaml_spec
            .contains("hardwareAddr: bc:24:11:62:66:6e\n")
    );

    let guest_uuid = sim
        .world()
        .read(|s| s.guest(100).unwrap().smbios_uuid.clone());
    let kind = "SystemInformations.hardware.talos.dev";
    let info = get(&mut client, "hardware", kind, "systeminformation")
        .await
        .unwrap();
    assert!(spec(&info).yaml_spec.contains(&guest_uuid));
}

#[tokio::test]
async fn what_is_not_there() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "cp-1");
    let nobody = get(
        &mut client,
        "cluster",
        "Members.cluster.talos.dev",
        "nobody",
    )
    .await;
    assert_eq!(lab::code(nobody), Code::NotFound);
    for (ns, kind) in [
        ("cluster", "members.cluster.talos.dev"),
        ("cluster", "Nothings.cluster.talos.dev"),
        ("nowhere", "Members.cluster.talos.dev"),
    ] {
        assert_eq!(
            lab::code(get(&mut client, ns, kind, "x").await),
            Code::PermissionDenied
        );
    }
    let created = client.create(pb::CreateRequest::default()).await;
    assert_eq!(lab::code(created), Code::PermissionDenied);
    let mut worker = lab::state(&sim, "worker-1");
    assert!(
        list(&mut worker, "etcd", "EtcdMembers.etcd.talos.dev")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn types_describe_themselves() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "cp-1");
    let kind = "ResourceDefinitions.meta.cosi.dev";
    let all = list(&mut client, "meta", kind).await;
    assert!(all.len() > 190);
    let members = get(&mut client, "meta", kind, "members.cluster.talos.dev")
        .await
        .unwrap();
    let definition =
        pb::meta::ResourceDefinitionSpec::decode(spec(&members).proto_spec.clone()).unwrap();
    assert_eq!(definition.default_namespace, "cluster");
    assert!(definition.all_aliases.iter().any(|a| a == "members"));
    let spaces = list(&mut client, "meta", "Namespaces.meta.cosi.dev").await;
    assert!(
        spaces
            .iter()
            .any(|n| n.metadata.as_ref().unwrap().id == "network")
    );
}

async fn watch(client: &mut Client, request: WatchRequest) -> Streaming<pb::WatchResponse> {
    let mut stream = client.watch(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(
        first.event.is_empty(),
        "the first message only says that the watch stands"
    );
    stream
}

async fn next(stream: &mut Streaming<pb::WatchResponse>) -> pb::Event {
    let mut message = stream.message().await.unwrap().unwrap();
    assert_eq!(message.event.len(), 1);
    message.event.remove(0)
}

fn services(id: Option<&str>, options: WatchOptions) -> WatchRequest {
    WatchRequest {
        namespace: "runtime".into(),
        r#type: "Services.v1alpha1.talos.dev".into(),
        id: id.map(str::to_owned),
        options: Some(options),
        api_version: 1,
    }
}

#[tokio::test]
async fn a_watch_shows_the_present_then_changes_and_resumes() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "cp-3");
    let contents = WatchOptions {
        bootstrap_contents: true,
        ..WatchOptions::default()
    };
    let mut stream = watch(&mut client, services(None, contents)).await;
    let mut ids = Vec::new();
    let bookmark = loop {
        let event = next(&mut stream).await;
        match event.event_type() {
            EventType::Created => ids.push(event.resource.unwrap().metadata.unwrap().id),
            EventType::Bootstrapped => break event.bookmark.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert!(ids.is_sorted());
    assert!(ids.contains(&"etcd".to_owned()));

    sim.guest_stop(100).unwrap();
    sim.guest_stop(101).unwrap();
    let event = next(&mut stream).await;
    assert_eq!(event.event_type(), EventType::Updated);
    let (new, old) = (event.resource.unwrap(), event.old.unwrap());
    assert_eq!(new.metadata.as_ref().unwrap().version, "2");
    assert!(spec(&old).yaml_spec.contains("healthy: true"));
    assert!(spec(&new).yaml_spec.contains("healthy: false"));

    let resume = WatchOptions {
        start_from_bookmark: Some(bookmark.clone()),
        ..WatchOptions::default()
    };
    let mut stream = watch(&mut client, services(None, resume.clone())).await;
    assert_eq!(next(&mut stream).await.event_type(), EventType::Updated);

    // A bookmark does not survive a reboot.
    sim.guest_stop(102).unwrap();
    sim.guest_start(102).unwrap();
    lab::eventually("cp-3 answers", || {
        sim.world().read(|s| s.node("cp-3").unwrap().reachable())
    })
    .await;
    let mut client = lab::state(&sim, "cp-3");
    let stale = client.watch(services(None, resume)).await;
    assert_eq!(stale.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_watch_of_one() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "cp-1");
    let plain = WatchOptions::default();
    let mut stream = watch(&mut client, services(Some("etcd"), plain.clone())).await;
    assert_eq!(next(&mut stream).await.event_type(), EventType::Created);
    let mut stream = watch(&mut client, services(Some("nothing"), plain)).await;
    let tombstone = next(&mut stream).await;
    assert_eq!(tombstone.event_type(), EventType::Destroyed);
    assert!(
        tombstone
            .resource
            .unwrap()
            .spec
            .unwrap()
            .yaml_spec
            .is_empty()
    );
    let contents = WatchOptions {
        bootstrap_contents: true,
        ..WatchOptions::default()
    };
    let refused = client.watch(services(Some("etcd"), contents)).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn old_clients_see_no_control_events_and_batches_come_together() {
    let sim = lab::start().await;
    let mut client = lab::state(&sim, "worker-1");
    let options = WatchOptions {
        bootstrap_contents: true,
        aggregated: true,
        ..WatchOptions::default()
    };
    let mut request = services(None, options);
    let mut stream = watch(&mut client, request.clone()).await;
    let batch = stream.message().await.unwrap().unwrap().event;
    assert_eq!(batch.last().unwrap().event_type(), EventType::Bootstrapped);
    request.api_version = 0;
    let mut stream = watch(&mut client, request).await;
    let old = stream.message().await.unwrap().unwrap().event;
    assert_eq!(old.len() + 1, batch.len());
}
