//! The read calls against a simulated lab, over real mTLS.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use homelab_core::ErrorKind;
use homelab_sim::ClientCert;
use support::{CP1, CP2, CP3, WORKER, client, client_with, lab, options};
use talos_client::cosi::{LinkStatus, MachineStage, MachineType, Member};

#[tokio::test]
async fn the_machine_answers() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);

    let version = node.version().await.unwrap();
    assert!(version.tag.starts_with('v'), "{version:?}");
    assert!(version.rbac);

    let services = node.services().await.unwrap();
    let etcd = services.iter().find(|s| s.id == "etcd").unwrap();
    assert_eq!((etcd.state.as_str(), etcd.healthy), ("Running", Some(true)));

    let memory = node.memory().await.unwrap();
    assert!(memory.total_bytes > 1 << 30, "{memory:?}");
    assert!(memory.available_bytes <= memory.total_bytes);

    let stat = node.system_stat().await.unwrap();
    assert!(stat.boot_time.ends_with('Z'), "{stat:?}");
    assert!(stat.cpu_count > 0);
}

#[tokio::test]
async fn etcd_answers_on_control_planes_only() {
    let sim = lab().await;
    let talos = client(&sim).await;

    let members = talos.node(CP1).etcd_members().await.unwrap();
    assert_eq!(members.len(), 3);
    assert!(members.iter().all(|m| m.id.len() == 16 && !m.learner));

    let status = talos.node(CP2).etcd_status().await.unwrap();
    assert!(members.iter().any(|m| m.id == status.member_id));
    assert!(
        members
            .iter()
            .any(|m| Some(&m.id) == status.leader_id.as_ref())
    );
    assert!(status.db_size_bytes > 0);

    let local = talos.node(CP2).etcd_member().await.unwrap();
    assert_eq!(local.member_id, status.member_id);

    let error = talos.node(WORKER).etcd_status().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.target_name(), Some(WORKER));
    let error = talos.node(WORKER).etcd_member().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn resources_are_typed() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);

    let mut members = node.members().await.unwrap();
    members.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    let names: Vec<_> = members.iter().map(|m| m.hostname.as_str()).collect();
    assert_eq!(names, ["cp-1", "cp-2", "cp-3", "worker-1"]);
    assert_eq!(members[3].machine_type, MachineType::Worker);
    assert_eq!(members[0].addresses[0], CP1);

    let status = node.machine_status().await.unwrap();
    assert_eq!(status.stage, MachineStage::Running);
    assert!(status.ready);

    assert_eq!(node.hostname().await.unwrap().hostname, "cp-1");
    assert_eq!(node.nodename().await.unwrap().nodename, "cp-1");

    let addresses = node.node_addresses().await.unwrap();
    let current = addresses.iter().find(|a| a.id == "current").unwrap();
    assert!(
        current.addresses.contains(&format!("{CP1}/24")),
        "{current:?}"
    );

    let links = node.links().await.unwrap();
    let nic = links.iter().find(|l| l.physical).unwrap();
    assert_eq!(nic.hardware_address.as_ref().unwrap().len(), 17);

    let system = node.system_information().await.unwrap();
    assert_eq!(system.uuid.len(), 36, "{system:?}");
    assert!(!node.disks().await.unwrap().is_empty());
    node.security_state().await.unwrap();
    node.extensions().await.unwrap();
}

#[tokio::test]
async fn resources_have_metadata_and_text() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);

    let links = node.list::<LinkStatus>().await.unwrap();
    let link = &links[0];
    assert_eq!(link.metadata.type_name, "LinkStatuses.net.talos.dev");
    assert_eq!(link.metadata.namespace, "network");
    assert_eq!(link.metadata.phase, "running");
    assert_eq!(link.metadata.id, link.spec.name);

    let text = node
        .get_dynamic("network", "HostnameStatuses.net.talos.dev", "hostname")
        .await
        .unwrap();
    assert!(text.yaml.contains("hostname: cp-1"), "{}", text.yaml);
    let texts = node
        .list_dynamic("cluster", "Members.cluster.talos.dev")
        .await
        .unwrap();
    assert_eq!(texts.len(), 4);
}

#[tokio::test]
async fn what_is_not_there_has_its_kind() {
    let sim = lab().await;
    let talos = client(&sim).await;

    let error = talos.node(CP1).get::<Member>("cp-9").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.operation_name(),
        Some("Get Members.cluster.talos.dev")
    );

    let error = talos
        .node(CP1)
        .list_dynamic("cluster", "Nonsense.talos.dev")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);

    for wrong in ["", "172.16.1.50:50000", "[fd00::1]", "a,b"] {
        let error = talos.node(wrong).version().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
    }
}

#[tokio::test]
async fn fan_out_keeps_every_node_in_order() {
    let sim = lab().await;
    let talos = client(&sim).await;
    sim.guest_stop(103).unwrap();

    let asked = [WORKER, CP3, CP1];
    let names = talos
        .nodes(asked)
        .each(|node| async move { node.hostname().await })
        .await;
    let order: Vec<_> = names.iter().map(|(node, _)| node).collect();
    assert_eq!(order, asked);
    assert_eq!(names.answers().count(), 2);
    let (node, error) = names.failures().next().unwrap();
    assert_eq!((node, error.kind()), (CP3, ErrorKind::Unavailable));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_endpoint_answers_for_itself() {
    let sim = lab().await;
    let endpoint = sim.talos_endpoint("cp-2").unwrap();
    let only = options().endpoints([endpoint]);
    let talos = client_with(&sim, &ClientCert::admin(), only).await;
    assert_eq!(talos.endpoint().hostname().await.unwrap().hostname, "cp-2");
}

#[tokio::test]
async fn roles_decide() {
    let sim = lab().await;
    let talos = client_with(&sim, &ClientCert::role("os:etcd:backup"), options()).await;
    assert_eq!(talos.context_info().roles, ["os:etcd:backup"]);
    talos.node(CP1).etcd_status().await.unwrap();
    let error = talos.node(CP1).version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.status_text(), Some("PERMISSION_DENIED"));
}

#[tokio::test]
async fn the_raw_clients_share_the_connection() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let answer = talos
        .raw(Some(CP2))
        .unwrap()
        .machine()
        .hostname(())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.messages[0].hostname, "cp-2");
    talos.node(CP1).version().await.unwrap();
    assert!(sim.stats().connections <= 2);
}
