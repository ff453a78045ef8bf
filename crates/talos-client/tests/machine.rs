//! Questions to the machine and care of etcd against a simulated lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use homelab_core::{ErrorKind, Sent};
use homelab_sim::ClientCert;
use support::{CP1, CP2, CP3, WORKER, client, client_with, lab, options};
use talos_client::{ContainerNamespace, NetstatOptions};

#[tokio::test]
async fn the_machine_tells_how_busy_it_is() {
    let sim = lab().await;
    let talos = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let node = talos.node(CP1);
    assert!(node.load_average().await.unwrap().one_minute > 0.0);
    let processors = node.processors().await.unwrap();
    assert!(processors[0].flags.contains(&"vmx".to_owned()));
    assert_eq!(
        node.cpu_frequencies().await.unwrap().len(),
        processors.len()
    );
    let disks = node.disk_stats().await.unwrap();
    assert_eq!(disks.devices.len(), 1);
    assert!(disks.total.read_bytes >= 80_000 * 512);
    let network = node.network_stats().await.unwrap();
    assert_eq!(network.devices[0].name, "eth0");
    assert!(
        node.mounts()
            .await
            .unwrap()
            .iter()
            .any(|m| m.target == "/var")
    );
    assert_eq!(node.processes().await.unwrap()[0].command, "machined");
    assert_eq!(node.kernel_hostname().await.unwrap(), "cp-1");
    let ahead = node.time().await.unwrap().ahead_seconds.unwrap();
    assert!(ahead.abs() < 1.0, "{ahead}");
    assert_eq!(
        node.time_check("ntp.example").await.unwrap().server,
        "ntp.example"
    );
    let disks = node.storage_disks().await.unwrap();
    assert_eq!(
        (disks[0].kind.as_str(), disks[0].system_disk),
        ("ssd", true)
    );
    let edges = node.controller_dependencies().await.unwrap();
    assert_eq!(edges[0].edge, "input-weak");
}

#[tokio::test]
async fn connections_need_their_flags() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let all = node.netstat(NetstatOptions::default()).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].process.as_deref(), Some("apid"));
    let listening = node
        .netstat(NetstatOptions::default().listening())
        .await
        .unwrap();
    assert!(listening.iter().all(|c| c.state == "listen"));
    assert_eq!(listening.len(), 2);
}

#[tokio::test]
async fn containers_are_talos_or_kubernetes() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let own = node.containers(ContainerNamespace::System).await.unwrap();
    assert!(own.iter().any(|c| c.id == "etcd" && c.pod.is_empty()));
    let pods = node
        .containers(ContainerNamespace::Kubernetes)
        .await
        .unwrap();
    assert!(
        pods.iter()
            .any(|c| c.pod.starts_with("kube-system/kube-apiserver"))
    );
    let stats = talos
        .nodes([CP1, WORKER])
        .container_stats(ContainerNamespace::Kubernetes)
        .await;
    assert_eq!(stats.get(CP1).unwrap().as_ref().unwrap().len(), 2);
    assert_eq!(stats.get(WORKER).unwrap().as_ref().unwrap().len(), 1);
}

#[tokio::test]
async fn members_leave_and_are_removed() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let status = talos.node(CP1).etcd_status().await.unwrap();
    let members = talos.node(CP1).etcd_members().await.unwrap();
    let leader = status.leader_id.unwrap();
    let name = &members.iter().find(|m| m.id == leader).unwrap().hostname;
    let address = [CP1, CP2, CP3][name.trim_start_matches("cp-").parse::<usize>().unwrap() - 1];
    let other = [CP1, CP2, CP3].into_iter().find(|a| *a != address).unwrap();

    assert_eq!(
        talos.node(other).etcd_forfeit_leadership().await.unwrap(),
        None
    );
    let next = talos.node(address).etcd_forfeit_leadership().await.unwrap();
    assert!(next.is_some_and(|next| next != *name));

    let wrong = talos.node(CP1).etcd_remove_member("xyz").await.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    let nobody = talos.node(CP1).etcd_remove_member("1").await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
    let third = members.iter().find(|m| m.hostname == "cp-3").unwrap();
    talos.node(CP1).etcd_remove_member(&third.id).await.unwrap();
    talos.node(CP2).etcd_leave().await.unwrap();
    assert_eq!(talos.node(CP1).etcd_members().await.unwrap().len(), 1);
    let alone = talos.node(CP1).etcd_forfeit_leadership().await.unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::FailedPrecondition);
}

#[tokio::test]
async fn etcd_is_cared_for() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    assert!(node.etcd_alarms().await.unwrap().is_empty());
    assert!(node.etcd_disarm_alarms().await.unwrap().is_empty());
    node.etcd_defragment().await.unwrap();
    let status = node.etcd_status().await.unwrap();
    let unused = status.db_size_bytes - status.db_size_in_use_bytes;
    assert!(unused < 64 << 10, "{unused} bytes are left");
    let mut minor: Vec<u32> = status
        .protocol_version
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    minor[1] -= 1;
    let target = format!("{}.{}", minor[0], minor[1]);
    node.etcd_downgrade_validate(&target).await.unwrap();
    node.etcd_downgrade_enable(&target).await.unwrap();
    node.etcd_downgrade_cancel().await.unwrap();
    assert_eq!(
        node.etcd_downgrade_validate("2.0")
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::InvalidArgument
    );
    let error = node.etcd_downgrade_enable("v3.5.1").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
    let error = talos.node(WORKER).etcd_defragment().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = reader.node(CP1).etcd_defragment().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn only_a_good_snapshot_is_uploaded() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("etcd.db");
    node.etcd_snapshot(&file, |_| {}).await.unwrap();
    node.etcd_recover(&file, false).await.unwrap();

    let mut data = std::fs::read(&file).unwrap();
    data[100] ^= 1;
    std::fs::write(&file, &data).unwrap();
    let before = sim.stats().requests;
    for (path, kind) in [
        (file.clone(), ErrorKind::Corrupt),
        (dir.path().join("nope.db"), ErrorKind::NotFound),
    ] {
        let error = node.etcd_recover(&path, false).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (kind, Sent::No));
    }
    assert_eq!(sim.stats().requests, before);
    // A raw copy has no checksum that could be wrong.
    node.etcd_recover(&file, true).await.unwrap();
    let error = talos
        .node(WORKER)
        .etcd_recover(&file, true)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
