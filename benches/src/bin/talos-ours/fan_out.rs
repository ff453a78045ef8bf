//! Version of all nodes through one endpoint.

use std::path::Path;

use homelab_benches::contest::{NODES, addresses, fan_outs};
use talos_client::{ClientOptions, TalosClient, TalosConfig};

pub(crate) async fn version(folder: &Path) {
    let config = TalosConfig::from_file(folder.join("talosconfig")).unwrap();
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
