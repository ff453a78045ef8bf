//! Version of all nodes through one endpoint, by tonic alone.

use std::path::Path;

use homelab_benches::contest::{NODES, addresses, fan_outs};
use hyper_util::rt::TokioIo;
use talos_proto::machine::machine_service_client::MachineServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::tls::{client_tls, read, tls};

pub(crate) async fn tonic(folder: &Path) {
    let text = read(folder, "talosconfig");
    let field = |name: &str| {
        let line = text
            .lines()
            .find_map(|l| l.trim().strip_prefix(&format!("{name}: ")));
        let packed = line.unwrap().trim_matches('"');
        String::from_utf8(base64_decode(packed)).unwrap()
    };
    let config = client_tls(&field("ca"), &field("crt"), &field("key"));
    // The first of the list.
    let after = text.split_once("endpoints:").unwrap().1;
    let words = after.split([' ', '\n', '"', '[', ']', ',']);
    let address = words
        .into_iter()
        .find(|w| w.contains(':'))
        .unwrap()
        .to_owned();
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
