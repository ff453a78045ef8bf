//! `GenerateClientConfiguration`: a certificate of the node's own CA.

use std::time::Duration;

use talos_proto::machine as pb;
use tonic::Status;

use crate::access::{self, ClusterAccess};
use crate::pki::{TalosPki, Validity};
use crate::talos::local::Local;

pub(super) fn generate(
    local: &Local,
    request: &pb::GenerateClientConfigurationRequest,
) -> Result<pb::GenerateClientConfigurationResponse, Status> {
    let (ca, cluster) = local.node(|_, node| {
        let config = node.config.as_ref().filter(|_| node.control_plane());
        let pair = config.and_then(|c| Some((c.ca.clone(), c.ca_key.clone()?)));
        (pair, config.map(|c| c.cluster_name.clone()))
    })?;
    let Some((crt, key)) = ca else {
        return Err(Status::unimplemented(
            "client configuration (talosconfig) can be generated on control plane nodes only",
        ));
    };
    let life = request
        .crt_ttl
        .and_then(|ttl| Duration::try_from(ttl).ok())
        .filter(|ttl| !ttl.is_zero())
        .ok_or_else(|| Status::invalid_argument("crt_ttl should be positive"))?;
    let now = local.shared.world.now();
    let validity = Validity {
        from: now - Duration::from_secs(60),
        until: now + life,
    };
    let internal = |e: homelab_core::Error| Status::internal(e.to_string());
    let roles: Vec<&str> = request.roles.iter().map(String::as_str).collect();
    let pki = TalosPki::from_pem(&crt, &key).map_err(internal)?;
    let client = pki.client(&roles, validity).map_err(internal)?;
    let cluster = cluster.unwrap_or_default();
    let name = match request.roles.as_slice() {
        [role] => format!("{role}@{cluster}"),
        _ => cluster,
    };
    let talosconfig = access::talosconfig(&[ClusterAccess {
        name,
        endpoints: Vec::new(),
        nodes: Vec::new(),
        ca: crt.clone(),
        client: client.clone(),
    }]);
    Ok(pb::GenerateClientConfigurationResponse {
        messages: vec![pb::GenerateClientConfiguration {
            metadata: None,
            ca: crt.into_bytes(),
            crt: client.crt.into_bytes(),
            key: client.key.into_bytes(),
            talosconfig: talosconfig.into_bytes(),
        }],
    })
}
