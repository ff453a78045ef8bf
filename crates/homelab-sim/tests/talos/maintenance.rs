//! Machines without a config: what answers, and how they get one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_sim::world::{Machine, Stage};
use homelab_sim::{Sim, SimOptions};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use talos_proto::cosi::resource as cosi;
use talos_proto::cosi::resource::state_client::StateClient;
use talos_proto::machine as pb;
use talos_proto::machine::apply_configuration_request::Mode;
use talos_proto::machine::machine_service_client::MachineServiceClient;
use talos_proto::storage::storage_service_client::StorageServiceClient;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::lab;

/// Takes any certificate, as one does in maintenance mode.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ED25519,
            SignatureScheme::ECDSA_NISTP256_SHA256,
        ]
    }
}

/// A connection without a certificate that takes whatever the node shows.
pub(crate) async fn insecure(sim: &Sim, node: &str) -> Channel {
    let address = sim.talos_endpoint(node).unwrap();
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    let connect = tower::service_fn(move |_| {
        let (address, config) = (address.clone(), Arc::clone(&config));
        async move {
            let tcp = TcpStream::connect(&address).await?;
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let tls = TlsConnector::from(config).connect(name, tcp).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(tls))
        }
    });
    Endpoint::from_static("http://node")
        .connect_with_connector(connect)
        .await
        .unwrap()
}

/// A lab with one machine that has no config.
pub(crate) async fn machine(version: &str) -> Sim {
    let sim = lab::start_with(SimOptions::default().seed(1)).await;
    sim.add_machine(&Machine::on("pve1", "new-1", version))
        .unwrap();
    lab::eventually("maintenance mode", || stage(&sim) == Stage::Maintenance).await;
    sim
}

fn stage(sim: &Sim) -> Stage {
    sim.world().read(|s| s.node("new-1").unwrap().stage)
}

/// A config for the first control plane of a cluster of its own, or of `home`.
pub(crate) fn config(crt: &str, key: &str, hostname: &str, kind: &str) -> String {
    let mut text = String::new();
    let key = if kind == "worker" { "" } else { key };
    let _ = write!(
        text,
        "version: v1alpha1\nmachine:\n  type: {kind}\n  token: abcdef.0123456789abcdef\n  \
         ca:\n    crt: {}\n    key: \"{}\"\n  certSANs: [my-name.example.org]\n  \
         network:\n    hostname: {hostname}\n  kubelet:\n    image: \
         ghcr.io/siderolabs/kubelet:v1.35.1\n  install:\n    disk: /dev/sda\n    image: \
         ghcr.io/siderolabs/installer:v1.13.3\ncluster:\n  id: x\n  secret: y\n  \
         clusterName: mine\n  controlPlane:\n    endpoint: https://192.168.1.100:6443\n  \
         etcd:\n    ca:\n      crt: YQ==\n      key: YQ==\n",
        STANDARD.encode(crt),
        STANDARD.encode(key),
    );
    text
}

pub(crate) fn apply(text: &str, mode: Mode) -> pb::ApplyConfigurationRequest {
    pb::ApplyConfigurationRequest {
        data: text.as_bytes().to_vec(),
        mode: mode.into(),
        ..pb::ApplyConfigurationRequest::default()
    }
}

#[tokio::test]
async fn before_1_13_a_small_server_answers() {
    let sim = machine("v1.12.4").await;
    let channel = insecure(&sim, "new-1").await;
    let mut client = MachineServiceClient::new(channel.clone());
    assert_eq!(lab::code(client.version(()).await), Code::Unimplemented);
    assert_eq!(
        lab::code(client.reset(pb::ResetRequest::default()).await),
        Code::Unimplemented
    );
    let disks = StorageServiceClient::new(channel.clone()).disks(()).await;
    assert_eq!(disks.unwrap().into_inner().messages[0].disks.len(), 1);
    let list = |ns: &str, kind: &str| cosi::ListRequest {
        namespace: ns.into(),
        r#type: kind.into(),
        options: None,
    };
    let mut state = StateClient::new(channel);
    // Neither `node` nor `nodes` means anything here.
    let request = lab::to(
        "192.168.1.50",
        list("network", "AddressStatuses.net.talos.dev"),
    );
    let addresses = lab::all(state.list(request).await.unwrap()).await;
    let yaml = &addresses[0]
        .resource
        .as_ref()
        .unwrap()
        .spec
        .as_ref()
        .unwrap()
        .yaml_spec;
    assert!(yaml.contains("192.168.1.100/24"), "{yaml}");
    let secret = state
        .list(list("secrets", "OSRootSecrets.secrets.talos.dev"))
        .await;
    assert_eq!(lab::code(secret), Code::PermissionDenied);

    let (crt, key) = sim.talos_ca("home").unwrap();
    let text = config(&crt, &key, "cp-4", "controlplane");
    let staged = client.apply_configuration(apply(&text, Mode::Staged)).await;
    assert_eq!(lab::code(staged), Code::Unimplemented);
    let large = apply(&format!("{text}#{}", "x".repeat(5 << 20)), Mode::Auto);
    assert_eq!(
        lab::code(client.apply_configuration(large).await),
        Code::ResourceExhausted
    );
}

#[tokio::test]
async fn since_1_13_everybody_is_a_reader() {
    let sim = machine("v1.13.0").await;
    let mut client = MachineServiceClient::new(insecure(&sim, "new-1").await);
    let version = client.version(()).await.unwrap().into_inner();
    assert_eq!(version.messages[0].version.as_ref().unwrap().tag, "v1.13.0");
    assert_eq!(
        lab::code(client.reboot(pb::RebootRequest::default()).await),
        Code::PermissionDenied
    );
    let broken = client
        .apply_configuration(apply("machine: {}", Mode::Auto))
        .await;
    assert_eq!(lab::code(broken), Code::InvalidArgument);
    // A client of a cluster is a stranger here, and the other way round.
    let stranger = lab::machine(&sim, "new-1").version(()).await;
    assert_eq!(lab::code(stranger), Code::Unavailable);
    assert_eq!(sim.talos_fingerprint("new-1").unwrap().len(), 44);
}

#[tokio::test]
async fn a_config_makes_a_member_of_a_machine() {
    let sim = machine("v1.13.0").await;
    let (crt, key) = sim.talos_ca("home").unwrap();
    let text = config(&crt, &key, "cp-4", "controlplane");
    let mut client = MachineServiceClient::new(insecure(&sim, "new-1").await);
    let mut dry = apply(&text, Mode::Auto);
    dry.dry_run = true;
    let answer = client.apply_configuration(dry).await.unwrap().into_inner();
    assert!(
        answer.messages[0]
            .mode_details
            .contains("+version: v1alpha1")
    );
    assert_eq!(stage(&sim), Stage::Maintenance, "nothing is written");

    client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();
    lab::eventually("it runs", || stage(&sim) == Stage::Running).await;
    let mut client = lab::machine(&sim, "new-1");
    let version = client.version(()).await.unwrap().into_inner();
    assert_eq!(
        version.messages[0].version.as_ref().unwrap().tag,
        "v1.13.3",
        "what was installed"
    );
    let hostname = client.hostname(()).await.unwrap().into_inner();
    assert_eq!(hostname.messages[0].hostname, "cp-4");
    lab::eventually("it votes", || {
        sim.world().read(|s| {
            let etcd = &s.cluster("home").unwrap().etcd;
            etcd.voters() == 4 && etcd.member_of("cp-4").is_some_and(|m| m.running)
        })
    })
    .await;
    // The others know it, and reach it by its new name.
    let through = lab::machine(&sim, "cp-1")
        .hostname(lab::to("cp-4", ()))
        .await;
    assert_eq!(through.unwrap().into_inner().messages[0].hostname, "cp-4");
}

#[tokio::test]
async fn a_cluster_of_its_own_begins_with_bootstrap() {
    let sim = machine("v1.13.0").await;
    // A CA that the lab has never seen.
    let other = lab::start_with(SimOptions::default().seed(9)).await;
    let (crt, key) = other.talos_ca("home").unwrap();
    let text = config(&crt, &key, "first", "controlplane");
    let mut client = MachineServiceClient::new(insecure(&sim, "new-1").await);
    client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();
    lab::eventually("its etcd waits", || {
        sim.world().read(|s| {
            let node = s.node("new-1").unwrap();
            node.stage == Stage::Booting
                && node.service("etcd").is_some_and(|e| e.state == "Preparing")
        })
    })
    .await;
    let config = sim.talosconfig(&homelab_sim::ClientCert::admin()).unwrap();
    assert!(config.contains("\"mine\":"), "{config}");
    let mut client = MachineServiceClient::new(lab::channel_of(&sim, "new-1", "mine"));
    let status = client.etcd_status(()).await;
    assert_eq!(lab::code(status), Code::Unknown);
    client
        .bootstrap(pb::BootstrapRequest::default())
        .await
        .unwrap();
    lab::eventually("it runs", || stage(&sim) == Stage::Running).await;
    let again = client.bootstrap(pb::BootstrapRequest::default()).await;
    assert_eq!(lab::code(again), Code::AlreadyExists);
    let members = client
        .etcd_member_list(pb::EtcdMemberListRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(members.messages[0].members.len(), 1);
}

#[tokio::test]
async fn a_guest_with_a_talos_disc_boots_it() {
    let sim = lab::start().await;
    let (pve, now) = ("pve1", sim.world().now());
    sim.world().change(|s| {
        let mut guest =
            homelab_sim::world::Guest::new(500, pve, homelab_sim::world::GuestKind::Qemu, now);
        guest.name = "fresh".into();
        guest.smbios_uuid = "00000000-0000-4000-8000-000000000001".into();
        let disc = "local:iso/talos-v1.12.4-metal-amd64.iso,media=cdrom,size=100M";
        guest.extra.insert("ide2".into(), disc.into());
        s.guest_add(guest).unwrap();
    });
    sim.guest_start(500).unwrap();
    lab::eventually("it waits", || {
        sim.world().read(|s| {
            s.node("fresh")
                .is_some_and(|n| n.stage == Stage::Maintenance)
        }) && sim.talos_endpoint("fresh").is_ok()
    })
    .await;
    let disks = StorageServiceClient::new(insecure(&sim, "fresh").await)
        .disks(())
        .await;
    assert!(disks.is_ok());
    sim.guest_stop(500).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!sim.world().read(|s| s.node("fresh").unwrap().reachable()));
}
