//! Which nodes are meant and whether they are well, against a simulated lab.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::time::Duration;

use homelab_core::ErrorKind;
use support::{CP1, CP2, CP3, WORKER, client, lab};
use talos_client::{
    CheckName, CheckOutcome, HealthCheckOptions, HealthOptions, HealthReport, NodeSelector,
};

#[tokio::test]
async fn nodes_are_selected_by_what_discovery_knows() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let select = async |text: &str| {
        let nodes = talos.select(&text.parse::<NodeSelector>().unwrap()).await?;
        let names: Vec<_> = nodes
            .iter()
            .filter_map(|n| n.name())
            .map(str::to_owned)
            .collect();
        Ok::<_, homelab_core::Error>(names)
    };
    assert_eq!(select("*").await.unwrap(), [CP1, CP2, CP3, WORKER]);
    assert_eq!(select("role=worker").await.unwrap(), [WORKER]);
    assert_eq!(select("cp-?,address=*.51").await.unwrap(), [CP2]);
    let error = select("name=db-*").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("worker-1"), "{error}");
    let all = talos.context_nodes().unwrap().version().await;
    assert_eq!(all.answers().count(), 4);
}

fn outcome(report: &HealthReport, name: CheckName) -> (CheckOutcome, &str) {
    let check = report.checks.iter().find(|c| c.name == name).unwrap();
    (check.outcome, &check.message)
}

#[tokio::test]
async fn what_is_not_well_is_named_with_its_node() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let options = HealthOptions::default().skip_kubernetes();
    let report = talos.check_health(&options).await.unwrap();
    assert_eq!(report.checks.len(), 16);
    assert_eq!(report.control_planes, [CP1, CP2, CP3]);
    for name in [
        CheckName::EtcdService,
        CheckName::EtcdAgreement,
        CheckName::EtcdMembers,
        CheckName::Api,
        CheckName::Memory,
        CheckName::Kubelet,
        CheckName::Boot,
    ] {
        assert_eq!(outcome(&report, name), (CheckOutcome::Passed, ""), "{name}");
    }

    talos.node(CP2).service_stop("kubelet").await.unwrap();
    sim.host_down("pve4", homelab_sim::Down::Refuse).unwrap();
    let report = talos.check_health(&options).await.unwrap();
    assert!(!report.healthy);
    let (kubelet, why) = outcome(&report, CheckName::Kubelet);
    assert_eq!(kubelet, CheckOutcome::Failed);
    assert!(why.starts_with(CP2) && why.contains("Finished"), "{why}");
    let (api, why) = outcome(&report, CheckName::Api);
    assert_eq!(api, CheckOutcome::Failed);
    assert!(why.starts_with(WORKER), "{why}");
}

#[tokio::test]
async fn a_wait_says_which_check_it_waited_for() {
    let sim = lab().await;
    let talos = client(&sim).await;
    talos.node(CP1).service_stop("kubelet").await.unwrap();
    let options = HealthOptions::default()
        .nodes([CP1, CP2, CP3], [WORKER])
        .skip_kubernetes()
        .deadline(Duration::from_secs(2))
        .poll(Duration::from_millis(50));
    let error = talos.wait_for_health(&options, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("kubelet: 172.16.1.50"), "{error}");
}

#[tokio::test]
async fn a_control_plane_checks_by_itself() {
    let sim = lab().await;
    let talos = client(&sim).await;
    let mut lines = Vec::new();
    let options = HealthCheckOptions::default().wait(Duration::from_secs(40));
    talos
        .node(CP1)
        .health_check(&options, |line| lines.push(line.to_owned()))
        .await
        .unwrap();
    assert!(lines.len() >= 10, "{lines:?}");
    let error = talos.node(WORKER).health_check(&options, |_| {}).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    sim.host_down("pve2", homelab_sim::Down::Refuse).unwrap();
    let soon = options.clone().wait(Duration::from_secs(1));
    let error = talos.node(CP1).health_check(&soon, |_| {}).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    let never = options.wait(Duration::ZERO);
    let error = talos.node(CP1).health_check(&never, |_| {}).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[cfg(feature = "kubernetes")]
#[tokio::test]
async fn what_waits_for_a_network_is_skipped_when_talos_installs_none() {
    use talos_client::ApplyOptions;
    use talos_client::machine_config::Patch;

    let sim = lab().await;
    let talos = client(&sim).await;
    // Nobody is there: every check that asks Kubernetes fails.
    let options = HealthOptions::default().kubernetes_endpoint("https://127.0.0.1:1");
    let kubernetes = [
        CheckName::KubernetesNodes,
        CheckName::ControlPlanePods,
        CheckName::KubernetesReady,
        CheckName::KubeProxy,
        CheckName::CoreDns,
        CheckName::Schedulable,
    ];
    let report = talos.check_health(&options).await.unwrap();
    for name in kubernetes {
        let (outcome, why) = outcome(&report, name);
        assert_eq!(outcome, CheckOutcome::Failed, "{name}");
        assert!(why.contains("127.0.0.1:1"), "{why}");
    }

    let none = Patch::parse("cni.yaml", "cluster: {network: {cni: {name: none}}}").unwrap();
    for node in [CP1, CP2, CP3] {
        let node = talos.node(node);
        let mut config = node.machine_config().await.unwrap();
        config.apply(&none).unwrap();
        assert_eq!(config.view().cluster.cni.as_deref(), Some("none"));
        let text = config.to_yaml();
        let text = homelab_core::ExposeSecret::expose_secret(&text);
        node.apply_configuration(text, ApplyOptions::default())
            .await
            .unwrap();
    }
    let report = talos.check_health(&options).await.unwrap();
    for name in kubernetes {
        let expected = match name {
            CheckName::KubernetesReady | CheckName::CoreDns => CheckOutcome::Skipped,
            _ => CheckOutcome::Failed,
        };
        assert_eq!(outcome(&report, name).0, expected, "{name}");
    }
}
