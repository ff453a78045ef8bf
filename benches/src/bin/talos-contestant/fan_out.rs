//! Version of all nodes through one endpoint: bare tonic, and ours.

use std::path::Path;
use std::time::Instant;

use homelab_benches::contest::{Cost, FAN_OUTS, NODES, addresses, report};
use homelab_benches::usage::cpu_time;
use homelab_core::ExposeSecret;
use hyper_util::rt::TokioIo;
use talos_client::{ClientOptions, TalosClient, TalosConfig};
use talos_proto::machine::machine_service_client::MachineServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::tls::{client_tls, tls};

/// `FAN_OUTS` fan-outs after some that warm up; the wall time of the median one.
async fn fan_outs<F: Future<Output = ()>>(one: impl Fn() -> F) {
    for _ in 0..3 {
        one().await;
    }
    let before = cpu_time();
    let mut walls = Vec::new();
    for _ in 0..FAN_OUTS {
        let start = Instant::now();
        one().await;
        walls.push(start.elapsed());
    }
    walls.sort();
    let mut cost = Cost::since(walls[walls.len() / 2], before);
    cost.cpu_seconds /= f64::from(FAN_OUTS);
    report(&cost);
}

fn lab(folder: &Path) -> TalosConfig {
    TalosConfig::from_file(folder.join("talosconfig")).unwrap()
}

pub(crate) async fn ours(folder: &Path) {
    let config = lab(folder);
    let mut context = config.context(None).unwrap().clone();
    context.endpoints.truncate(1);
    let options = ClientOptions::default().max_in_flight(NODES);
    let client = TalosClient::connect(&context, options).await.unwrap();
    fan_outs(|| async {
        let answers = client.nodes(addresses()).version().await;
        assert_eq!(
            answers.iter().filter(|(_, answer)| answer.is_ok()).count(),
            NODES
        );
    })
    .await;
}

pub(crate) async fn tonic(folder: &Path) {
    let yaml = lab(folder).to_yaml();
    let field = |name: &str| {
        let text = yaml.expose_secret();
        let line = text
            .lines()
            .find_map(|l| l.trim().strip_prefix(&format!("{name}: ")));
        let packed = line.unwrap().trim_matches('"');
        String::from_utf8(base64_decode(packed)).unwrap()
    };
    let config = client_tls(&field("ca"), &field("crt"), &field("key"));
    let address = lab(folder).context(None).unwrap().endpoints[0].clone();
    let channel: Channel = Endpoint::from_static("http://127.0.0.1")
        .connect_with_connector(tower::service_fn(move |_| {
            let (address, config) = (address.clone(), config.clone());
            async move { Ok::<_, std::io::Error>(TokioIo::new(tls(&address, config).await)) }
        }))
        .await
        .unwrap();
    fan_outs(|| async {
        let calls = addresses().into_iter().map(|node| {
            let mut client = MachineServiceClient::new(channel.clone());
            async move {
                let mut request = tonic::Request::new(());
                request.metadata_mut().insert("node", node.parse().unwrap());
                client.version(request).await.unwrap()
            }
        });
        assert_eq!(futures_util::future::join_all(calls).await.len(), NODES);
    })
    .await;
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}
