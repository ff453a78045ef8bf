//! A lab of two hosts with three control planes and a worker, and raw clients.

use std::time::Duration;

use base64::Engine as _;
use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{ClientCert, Sim, SimOptions};
use talos_proto::cosi::resource::state_client::StateClient;
use talos_proto::machine::machine_service_client::MachineServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status, Streaming};

const LAB: &str = "
name: tiny
network: {subnet: 192.168.1.0/24, gateway: 192.168.1.1}
hosts:
  - {name: pve1, address: 192.168.1.2, memory: 32GB, osds: 1}
  - {name: pve2, address: 192.168.1.3, memory: 32GB, osds: 1}
pools:
  - {name: vm-storage, kind: ceph-rbd, size: 2, min_size: 1}
clusters:
  - name: home
    vip: 192.168.1.49
    talos_version: v1.12.1
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, address: 192.168.1.50, vmid: 100, mac: 'bc:24:11:62:66:6e', memory: 8GB, disks: [{storage: vm-storage, size: 100GB}], extensions: [siderolabs/qemu-guest-agent]}
      - {name: cp-2, role: control-plane, host: pve1, address: 192.168.1.51, vmid: 101}
      - {name: cp-3, role: control-plane, host: pve2, address: 192.168.1.52, vmid: 102}
      - {name: worker-1, role: worker, host: pve2, address: 192.168.1.53, vmid: 103}
";

pub(crate) async fn start() -> Sim {
    start_with(SimOptions::default().seed(1)).await
}

pub(crate) async fn start_with(options: SimOptions) -> Sim {
    let quick = Duration::from_millis(30);
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let inventory = Inventory::parse("lab.yaml", LAB, &nothing).unwrap();
    Sim::start(&inventory, options.boot_times(quick, quick))
        .await
        .unwrap()
}

/// The same lab with another version of Talos, such as `v1.13.0`.
pub(crate) async fn start_version(version: &str) -> Sim {
    let quick = Duration::from_millis(30);
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    let text = LAB.replace("v1.12.1", version);
    let inventory = Inventory::parse("lab.yaml", &text, &nothing).unwrap();
    let options = SimOptions::default().seed(1).boot_times(quick, quick);
    Sim::start(&inventory, options).await.unwrap()
}

/// All messages of a stream that must end well.
pub(crate) async fn all<T>(stream: Response<Streaming<T>>) -> Vec<T> {
    let mut stream = stream.into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        all.push(message);
    }
    all
}

/// A connection to `node` with the given certificate, made lazily.
pub(crate) fn channel(sim: &Sim, node: &str, certificate: &ClientCert) -> Channel {
    let config = sim.talosconfig(certificate).unwrap();
    connect(sim, node, &config)
}

/// A connection of an administrator of `cluster`.
pub(crate) fn channel_of(sim: &Sim, node: &str, cluster: &str) -> Channel {
    let config = sim.talosconfig(&ClientCert::admin()).unwrap();
    let (_, context) = config.split_once(&format!("\"{cluster}\":\n")).unwrap();
    connect(sim, node, context)
}

/// With the first context of a talosconfig.
fn connect(sim: &Sim, node: &str, config: &str) -> Channel {
    let pem = |key: &str| {
        let line = config
            .lines()
            .find_map(|l| l.trim().strip_prefix(key))
            .unwrap();
        let pem = base64::engine::general_purpose::STANDARD
            .decode(line.trim())
            .unwrap();
        String::from_utf8(pem).unwrap()
    };
    // The label that Talos writes is unknown to rustls.
    let key = pem("key:").replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem("ca:")))
        .identity(Identity::from_pem(pem("crt:"), key))
        .domain_name("127.0.0.1");
    let url = format!("https://{}", sim.talos_endpoint(node).unwrap());
    Endpoint::from_shared(url)
        .unwrap()
        .tls_config(tls)
        .unwrap()
        .connect_timeout(Duration::from_secs(2))
        .connect_lazy()
}

pub(crate) fn machine(sim: &Sim, node: &str) -> MachineServiceClient<Channel> {
    MachineServiceClient::new(channel(sim, node, &ClientCert::admin()))
}

pub(crate) fn state(sim: &Sim, node: &str) -> StateClient<Channel> {
    StateClient::new(channel(sim, node, &ClientCert::admin()))
}

/// A request with `node` metadata.
pub(crate) fn to<T>(node: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("node", node.parse().unwrap());
    request
}

/// A request with one `nodes` entry for each.
pub(crate) fn to_all<T>(nodes: &[&str], message: T) -> Request<T> {
    let mut request = Request::new(message);
    for node in nodes {
        request
            .metadata_mut()
            .append("nodes", node.parse().unwrap());
    }
    request
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    result.unwrap_err().code()
}

/// Polls until `done`, for at most five seconds.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
