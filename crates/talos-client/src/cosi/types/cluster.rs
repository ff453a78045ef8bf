use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::cluster::MemberSpec;
use talos_proto::definitions::enums;

use crate::cosi::net_ip::ip;
use crate::cosi::{Metadata, ResourceType, decode_spec};

/// What a node is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MachineType {
    /// Not known.
    #[default]
    Unknown,
    /// The first control plane of very old clusters.
    Init,
    /// Runs the control plane and etcd.
    #[serde(rename = "controlplane")]
    ControlPlane,
    /// Runs workloads.
    Worker,
    /// A type that this release does not know, by its number.
    #[serde(untagged)]
    Other(String),
}

impl MachineType {
    /// Whether such a node runs the control plane.
    pub fn is_control_plane(&self) -> bool {
        matches!(self, MachineType::Init | MachineType::ControlPlane)
    }

    fn from_wire(value: i32) -> Self {
        match enums::MachineType::try_from(value) {
            Ok(enums::MachineType::TypeUnknown) => MachineType::Unknown,
            Ok(enums::MachineType::TypeInit) => MachineType::Init,
            Ok(enums::MachineType::TypeControlPlane) => MachineType::ControlPlane,
            Ok(enums::MachineType::TypeWorker) => MachineType::Worker,
            Err(_) => MachineType::Other(value.to_string()),
        }
    }
}

/// A node of the cluster, as discovery knows it (`Members.cluster.talos.dev`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Member {
    /// Name of the node, as in Kubernetes.
    pub id: String,
    /// Id of the node in discovery.
    pub node_id: String,
    /// Host name.
    pub hostname: String,
    /// What it is for.
    pub machine_type: MachineType,
    /// Release it runs: `Talos (v1.13.9)`.
    pub operating_system: String,
    /// Addresses, the internal one first.
    pub addresses: Vec<String>,
    /// Port of the Kubernetes API; absent for workers.
    pub api_server_port: Option<u32>,
}

impl ResourceType for Member {
    const TYPE: &'static str = "Members.cluster.talos.dev";
    const NAMESPACE: &'static str = "cluster";

    fn decode(metadata: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: MemberSpec = decode_spec(spec)?;
        Ok(Member {
            id: metadata.id.clone(),
            node_id: spec.node_id,
            hostname: spec.hostname,
            machine_type: MachineType::from_wire(spec.machine_type),
            operating_system: spec.operating_system,
            addresses: spec.addresses.iter().filter_map(ip).collect(),
            api_server_port: spec
                .control_plane
                .and_then(|c| u32::try_from(c.api_server_port).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use talos_proto::common::NetIp;
    use talos_proto::definitions::cluster::ControlPlane;

    use super::*;

    #[test]
    fn decodes_with_unset_addresses_and_unknown_types() {
        let spec = MemberSpec {
            node_id: "n".into(),
            hostname: "cp-1".into(),
            machine_type: 2,
            addresses: vec![
                NetIp {
                    ip: vec![172, 16, 1, 50],
                },
                NetIp { ip: vec![] },
            ],
            control_plane: Some(ControlPlane {
                api_server_port: 6443,
            }),
            ..MemberSpec::default()
        };
        let member = Member::decode(&Metadata::default(), &spec.encode_to_vec()).unwrap();
        assert_eq!(member.addresses, ["172.16.1.50"]);
        assert!(member.machine_type.is_control_plane());
        assert_eq!(member.api_server_port, Some(6443));
        assert_eq!(MachineType::from_wire(9), MachineType::Other("9".into()));
    }

    #[test]
    fn garbage_is_a_protocol_error() {
        let error = Member::decode(&Metadata::default(), &[0xff, 0xff]).unwrap_err();
        assert_eq!(error.kind(), homelab_core::ErrorKind::Protocol);
    }
}
