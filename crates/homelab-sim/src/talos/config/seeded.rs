//! The configs of the nodes that the lab starts with, and their clusters' CAs.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::Result;

use crate::pki::TalosPki;
use crate::world::{ClusterCa, MachineConfig, State, TalosNode, World, derive};

/// Gives each cluster that has none yet a CA, and its nodes the configs that
/// hold it.
pub(crate) fn seed_configs(world: &World) -> Result<()> {
    let without: Vec<String> = world.read(|state| {
        let clusters = state.clusters.iter().filter(|c| c.ca.is_none());
        clusters.map(|c| c.name.clone()).collect()
    });
    for cluster in without {
        let pki = TalosPki::new(world.now())?;
        let (crt, key) = (pki.ca_pem(), pki.ca_key_pem());
        world.change(|state| {
            let configs: Vec<(String, MachineConfig)> = state
                .nodes_of(&cluster)
                .map(|node| (node.name.clone(), config(state, node, &crt, &key)))
                .collect();
            for (name, config) in configs {
                if let Some(node) = state.node_mut(&name) {
                    node.config = Some(config.clone());
                    node.stored_config = Some(config);
                }
            }
            if let Some(cluster) = state.clusters.iter_mut().find(|c| c.name == cluster) {
                cluster.ca = Some(ClusterCa {
                    crt,
                    key: Some(key),
                });
            }
        });
    }
    Ok(())
}

fn config(state: &State, node: &TalosNode, crt: &str, key: &str) -> MachineConfig {
    let secret = |what: &str| {
        let label = format!("cluster/{}/{what}", node.cluster);
        STANDARD.encode(derive::bytes(state.seed, &label))
    };
    let vip = state.cluster(&node.cluster).and_then(|c| c.vip);
    let first = state.nodes_of(&node.cluster).find(|n| n.control_plane());
    let endpoint = vip.or(first.map(|n| n.address)).unwrap_or(node.address);
    let mut config = MachineConfig {
        ca: crt.to_owned(),
        ca_key: node.control_plane().then(|| key.to_owned()),
        cluster_id: secret("id"),
        endpoint: format!("https://{endpoint}:6443"),
        address: Some((node.address, node.prefix)),
        gateway: node.gateway,
        install_image: Some(node.system().image),
        kubernetes_version: Some(node.kubernetes_version.clone()),
        ..node.config.clone().unwrap_or_default()
    };
    config.text = text(node, &config, &secret);
    config
}

/// The config as a person would have it, without what nobody looks at.
fn text(node: &TalosNode, config: &MachineConfig, secret: &dyn Fn(&str) -> String) -> String {
    let quoted = |s: &str| serde_json::Value::from(s).to_string();
    let packed = |pem: &str| STANDARD.encode(pem);
    let token = derive::hex(secret("token").as_bytes());
    let token = format!("{}.{}", &token[..6], &token[6..22]);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    line("version: v1alpha1");
    line("debug: false");
    line("persist: true");
    line("machine:");
    line(&format!("    type: {}", config.role.as_str()));
    line(&format!("    token: {}", quoted(&token)));
    line("    ca:");
    line(&format!("        crt: {}", packed(&config.ca)));
    let key = config.ca_key.as_deref().unwrap_or_default();
    line(&format!("        key: {}", quoted(&packed(key))));
    line("    certSANs: []");
    line("    kubelet:");
    line(&format!(
        "        image: ghcr.io/siderolabs/kubelet:{}",
        node.kubernetes_version
    ));
    line("    network:");
    line(&format!("        hostname: {}", quoted(&node.hostname)));
    line("        interfaces:");
    line("            - deviceSelector:");
    line(&format!(
        "                hardwareAddr: {}",
        quoted(&node.mac)
    ));
    line("              addresses:");
    line(&format!(
        "                - {}/{}",
        node.address, node.prefix
    ));
    if let Some(gateway) = node.gateway {
        line("              routes:");
        line("                - network: 0.0.0.0/0");
        line(&format!("                  gateway: {gateway}"));
    }
    if let Some(vip) = config.vip.filter(|_| node.control_plane()) {
        line("              vip:");
        line(&format!("                ip: {vip}"));
    }
    line("    install:");
    line(&format!("        disk: {}", node.install_disk));
    line(&format!(
        "        image: {}",
        config.install_image.as_deref().unwrap_or_default()
    ));
    line("        wipe: false");
    line("cluster:");
    line(&format!("    id: {}", config.cluster_id));
    line(&format!("    secret: {}", secret("secret")));
    line("    controlPlane:");
    line(&format!("        endpoint: {}", config.endpoint));
    line(&format!(
        "    clusterName: {}",
        quoted(&config.cluster_name)
    ));
    if node.control_plane() {
        line("    etcd:");
        line("        ca:");
        line(&format!("            crt: {}", secret("etcd/crt")));
        line(&format!("            key: {}", secret("etcd/key")));
    }
    text
}
