//! `Kubeconfig`: a gzipped tar with one file, without padding and end blocks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use talos_proto::common::Data;
use tar::Header;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::archive::{gzip, internal};
use super::bytes;
use crate::pki::KubernetesPki;
use crate::talos::local::Local;
use crate::world::ClusterCa;

pub(super) fn kubeconfig(local: &Local) -> Result<BoxStream<Data>, Status> {
    let text = text(local)?;
    let mut header = Header::new_ustar();
    header.set_path("kubeconfig").map_err(|e| internal(&e))?;
    header.set_mode(0o600);
    header.set_size(text.len() as u64);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(text.as_bytes());
    Ok(bytes::stream(gzip(&tar).map_err(|e| internal(&e))?, false))
}

fn text(local: &Local) -> Result<String, Status> {
    let (cluster, name, endpoint, ca) = local.node(|state, node| {
        if !node.control_plane() {
            return Err(Status::unimplemented(
                "kubeconfig is only available on control plane nodes",
            ));
        }
        let config = node.config.as_ref();
        let cluster = state.cluster(&node.cluster);
        let (Some(config), Some(cluster)) = (config, cluster) else {
            return Err(Status::failed_precondition("the node has no cluster yet"));
        };
        let endpoint = if config.endpoint.is_empty() {
            format!("https://{}:6443", node.address)
        } else {
            config.endpoint.clone()
        };
        let ca = config.kubernetes_ca.as_ref();
        let ca = ca.or(cluster.kubernetes_ca.as_ref()).cloned();
        Ok((
            cluster.name.clone(),
            config.cluster_name.clone(),
            endpoint,
            ca,
        ))
    })??;
    let now = local.shared.world.now();
    let broken = |e: homelab_core::Error| Status::internal(e.to_string());
    let pki = match ca {
        Some(ca) => KubernetesPki::from_pem(&ca.crt, ca.key.as_deref().unwrap_or_default()),
        None => KubernetesPki::new(now),
    };
    let pki = pki.map_err(broken)?;
    let admin = pki.admin(now).map_err(broken)?;
    let (crt, key) = pki.pem();
    let pem = STANDARD.encode(&crt);
    local.change_state(|state| {
        let cluster = state.clusters.iter_mut().find(|c| c.name == cluster);
        if let Some(cluster) = cluster {
            cluster.kubernetes_ca.get_or_insert(ClusterCa {
                crt,
                key: Some(key),
            });
        }
    });
    Ok(format!(
        "apiVersion: v1\nkind: Config\nclusters:\n  - name: {name}\n    cluster:\n      \
         server: {endpoint}\n      certificate-authority-data: {pem}\nusers:\n  \
         - name: admin@{name}\n    user:\n      client-certificate-data: {}\n      \
         client-key-data: {}\ncontexts:\n  - name: admin@{name}\n    context:\n      \
         cluster: {name}\n      namespace: default\n      user: admin@{name}\n\
         current-context: admin@{name}\n",
        STANDARD.encode(&admin.crt),
        STANDARD.encode(&admin.key),
    ))
}
