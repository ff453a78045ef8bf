//! A cluster from nothing: secrets and configurations of our own, given to
//! machines that wait; what then runs knows the administrator of those secrets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{ErrorKind, ExposeSecret};
use homelab_sim::Sim;
use homelab_sim::world::{Machine, Stage};
use support::{eventually, lab, options};
use talos_client::machine_config::{ClusterOptions, MachineConfig, NewCluster, Patch};
use talos_client::pki::{ClientCertificateOptions, SecretsBundle, ServiceAccountKey};
use talos_client::{
    ApplyMode, ApplyOptions, FlowOptions, HealthOptions, KubeconfigMergeOptions, MaintenanceClient,
    MaintenanceTrust, TalosClient, TalosConfig,
};

const FIRST: &str = "172.16.1.90";
const SECOND: &str = "172.16.1.91";

fn quick() -> FlowOptions {
    FlowOptions::default()
        .deadline(Duration::from_secs(60))
        .poll(Duration::from_millis(20))
}

/// A machine that waits, trusted by the fingerprint on its console.
async fn machine(sim: &Sim, name: &str, version: &str) -> MaintenanceClient {
    let machine = Machine::on("pve4", name, version);
    sim.add_machine(&machine).unwrap();
    eventually("maintenance mode", || {
        sim.world()
            .read(|s| s.node(name).unwrap().stage == Stage::Maintenance)
    })
    .await;
    let trust = MaintenanceTrust::fingerprint(&sim.talos_fingerprint(name).unwrap()).unwrap();
    MaintenanceClient::connect(&sim.talos_endpoint(name).unwrap(), &trust, options()).unwrap()
}

/// In how many documents a configuration is written.
#[derive(Clone, Copy)]
enum Form {
    /// As before v1.12: in one.
    One,
    /// As since v1.12: the network in documents of its own.
    Network,
    /// As v1.14 can be: Kubernetes and the installation too.
    Split,
}

/// What takes the v1alpha1 document apart.
fn split(secrets: &SecretsBundle, control_plane: bool) -> String {
    let pem = |text: &str| serde_json::to_string(text).unwrap();
    let crt = pem(&secrets.kubernetes.crt);
    let ca = if control_plane {
        let key = pem(secrets.kubernetes.key.expose_secret());
        format!("issuingCA: {{cert: {crt}, key: {key}}}")
    } else {
        format!("acceptedCAs: [{crt}]")
    };
    let documents = [
        (
            "KubeClusterConfig",
            format!("clusterName: mine\nendpoint: https://{FIRST}:6443"),
        ),
        ("KubeAPIServerCAConfig", ca),
        (
            "KubeletConfig",
            "image: ghcr.io/siderolabs/kubelet:v1.34.0".to_owned(),
        ),
        (
            "KubeNetworkConfig",
            "podSubnets: [10.244.0.0/16]\nserviceSubnets: [10.96.0.0/12]".to_owned(),
        ),
        (
            "UnattendedInstallConfig",
            "provisioning: {diskSelector: {match: 'disk.dev_path == \"/dev/sda\"'}}".to_owned(),
        ),
    ];
    let gone = "{$patch: delete}";
    let mut patch = format!(
        "machine: {{kubelet: {gone}, install: {gone}}}\n\
         cluster: {{clusterName: {gone}, controlPlane: {gone}, network: {gone}, ca: {gone}}}\n"
    );
    for (kind, says) in documents {
        let _ = write!(patch, "---\napiVersion: v1alpha1\nkind: {kind}\n{says}\n");
    }
    patch
}

/// The cluster's configuration with what this node has of its own.
fn own(
    cluster: &MachineConfig,
    secrets: &SecretsBundle,
    hostname: &str,
    address: &str,
    form: Form,
) -> String {
    let mut config = cluster.clone();
    if let Form::Split = form {
        let control_plane = config.view().machine_type.as_deref() == Some("controlplane");
        let patch = split(secrets, control_plane);
        config
            .apply(&Patch::parse("split.yaml", &patch).unwrap())
            .unwrap();
        let view = config.view();
        assert_eq!(view.cluster.name.as_deref(), Some("mine"));
        assert_eq!(view.install.disk.as_deref(), Some("/dev/sda"));
    }
    let patch = match form {
        Form::Network | Form::Split => format!(
            "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: {hostname}\n---\n\
             apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\naddresses:\n  - address: {address}/24\n"
        ),
        Form::One => format!(
            "machine:\n  network:\n    hostname: {hostname}\n    interfaces:\n      - interface: \
             eth0\n        addresses: [{address}/24]\n"
        ),
    };
    config
        .apply(&Patch::parse("own.yaml", &patch).unwrap())
        .unwrap();
    config.to_yaml().expose_secret().to_owned()
}

async fn version_of(talos: &TalosClient) -> String {
    let mut last = None;
    for _ in 0..1000 {
        match talos.endpoint().version().await {
            Ok(version) => return version.tag,
            Err(e) => last = Some(e),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never up: {last:?}");
}

/// Nobody else gets in, not even the administrator of the lab's own cluster.
async fn no_stranger_gets_in(sim: &Sim, endpoint: &str) {
    let text = sim.talosconfig(&homelab_sim::ClientCert::admin()).unwrap();
    let strange = TalosConfig::parse("t", &text).unwrap();
    let only = options().endpoints([endpoint]);
    let stranger = TalosClient::connect(strange.context(None).unwrap(), only)
        .await
        .unwrap();
    let error = stranger.endpoint().version().await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Untrusted | ErrorKind::Unauthenticated
        ),
        "{error}"
    );
}

/// From two machines in maintenance mode to a cluster with a control plane, a
/// worker, etcd and a kubeconfig; all with one bundle.
async fn cluster_from_nothing(version: &str, form: Form) {
    let sim = lab().await;
    let (first, second) = (
        machine(&sim, "new-1", version).await,
        machine(&sim, "new-2", version).await,
    );
    let endpoint = sim.talos_endpoint("new-1").unwrap();

    // The secrets come back from their file as they were.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets.yaml");
    SecretsBundle::generate(SystemTime::now())
        .unwrap()
        .write(&path)
        .unwrap();
    let secrets = SecretsBundle::from_file(&path).unwrap();
    let wish = ClusterOptions::new("mine", format!("https://{FIRST}:6443"), version, "v1.34.0")
        .talos_endpoints([&endpoint]);
    let NewCluster {
        control_plane,
        worker,
        talosconfig,
        ..
    } = secrets.new_cluster(&wish).unwrap();

    let dry = ApplyOptions::default().dry_run();
    let config = own(&control_plane, &secrets, "first", FIRST, form);
    first.apply_configuration(&config, dry).await.unwrap();
    first
        .apply_configuration(&config, ApplyOptions::default().mode(ApplyMode::Auto))
        .await
        .unwrap();
    let path = dir.path().join("talosconfig");
    talosconfig.write(&path).unwrap();
    let talosconfig = TalosConfig::from_file(&path).unwrap();
    let admin = talosconfig.context(None).unwrap();
    let talos = TalosClient::connect(admin, options()).await.unwrap();
    assert_eq!(version_of(&talos).await, version);

    no_stranger_gets_in(&sim, &endpoint).await;

    let started = talos
        .endpoint()
        .bootstrap_and_wait(quick(), |_| {})
        .await
        .unwrap();
    assert_eq!(started.members, 1);
    let config = own(&worker, &secrets, "second", SECOND, form);
    second
        .apply_configuration(&config, ApplyOptions::default())
        .await
        .unwrap();

    // A certificate that is made later, with another role, is as good.
    let reader = secrets
        .issue(&ClientCertificateOptions::role("os:reader"))
        .unwrap();
    let reader = TalosClient::connect(&reader.context("mine", [&endpoint]), options())
        .await
        .unwrap();
    let health = HealthOptions::default()
        .nodes([FIRST], [SECOND])
        .skip_kubernetes()
        .deadline(Duration::from_secs(60))
        .poll(Duration::from_millis(50));
    let report = reader.wait_for_health(&health, |_| {}).await.unwrap();
    assert!(report.healthy);
    let status = talos.node(FIRST).etcd_status().await.unwrap();
    assert_eq!(status.leader_id, Some(status.member_id));
    let members = talos.node(FIRST).etcd_members().await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].hostname, "first");
    let denied = reader.node(FIRST).kubeconfig().await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);

    // Kubernetes' administrator is signed by the bundle's CA.
    let path = dir.path().join("kubeconfig");
    let merged = talos
        .node(FIRST)
        .kubeconfig_merge(&path, &KubeconfigMergeOptions::default())
        .await
        .unwrap();
    assert_eq!((merged.cluster.as_str(), merged.renewed), ("mine", false));
    let kubeconfig = std::fs::read_to_string(&path).unwrap();
    assert!(kubeconfig.contains(&STANDARD.encode(&secrets.kubernetes.crt)));
    assert!(kubeconfig.contains(&format!("https://{FIRST}:6443")));

    // The node runs what it was given, to the last secret.
    let running = talos.node(FIRST).machine_config().await.unwrap();
    let given = MachineConfig::parse(
        "given",
        &own(&control_plane, &secrets, "first", FIRST, form),
    )
    .unwrap();
    assert!(given.diff(&running).is_empty());
}

#[tokio::test]
async fn a_cluster_of_documents_begins() {
    cluster_from_nothing("v1.13.3", Form::Network).await;
    // The same is taken by the release that could split it further.
    cluster_from_nothing("v1.14.0", Form::Network).await;
}

#[tokio::test]
async fn a_cluster_of_many_documents_begins() {
    cluster_from_nothing("v1.14.0", Form::Split).await;
}

#[tokio::test]
async fn a_node_takes_a_part_once_and_only_where_it_is_known() {
    let sim = lab().await;
    let secrets = SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256);
    let secrets = secrets.unwrap();
    let both =
        "apiVersion: v1alpha1\nkind: KubeletConfig\nimage: ghcr.io/siderolabs/kubelet:v1.34.0\n";
    for (name, version, patch, says) in [
        ("new-1", "v1.14.0", both, "already set in v1alpha1 config"),
        ("new-2", "v1.13.3", both, "not registered"),
    ] {
        let wish = ClusterOptions::new("mine", format!("https://{FIRST}:6443"), version, "v1.34.0");
        let mut config = secrets.new_cluster(&wish).unwrap().control_plane;
        config
            .apply(&Patch::parse("p.yaml", patch).unwrap())
            .unwrap();
        let waiting = machine(&sim, name, version).await;
        let text = config.to_yaml();
        let error = waiting
            .apply_configuration(text.expose_secret(), ApplyOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_cluster_of_one_document_begins() {
    cluster_from_nothing("v1.11.5", Form::One).await;
}
