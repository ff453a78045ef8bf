//! The machine config of a Talos node, as far as the lab acts on it. What
//! reads the text is on the Talos side; here is what it says.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Role;

/// A machine config: its text, and what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineConfig {
    /// The documents, byte for byte.
    pub text: String,
    /// What the node is for.
    pub role: Role,
    /// Its hostname, when it names one.
    pub hostname: Option<String>,
    /// Static address and length of the network's prefix.
    pub address: Option<(IpAddr, u8)>,
    /// Default gateway.
    pub gateway: Option<IpAddr>,
    /// The control plane's virtual address.
    pub vip: Option<IpAddr>,
    /// Disk to install on.
    pub install_disk: Option<String>,
    /// Installer image.
    pub install_image: Option<String>,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Id of the cluster.
    pub cluster_id: String,
    /// `https://<address>:6443` of the control plane.
    pub endpoint: String,
    /// The CA that issues the API's certificates, as PEM.
    pub ca: String,
    /// Its key as PEM; control planes only.
    pub ca_key: Option<String>,
    /// Further CAs whose clients may connect, as PEM.
    pub accepted_cas: Vec<String>,
    /// Further names and addresses for the API's certificate.
    pub cert_sans: Vec<String>,
    /// Kubernetes version with `v`, as the kubelet's image says.
    pub kubernetes_version: Option<String>,
    /// The CA of Kubernetes with its key; control planes only.
    #[serde(default)]
    pub kubernetes_ca: Option<ClusterCa>,
    /// Whether it has a CA for etcd.
    pub etcd_ca: bool,
}

/// A CA of a cluster, as PEM: of Talos' API or of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterCa {
    /// The certificate.
    pub crt: String,
    /// The key with the label that Talos writes; none until a control plane
    /// node has brought it.
    pub key: Option<String>,
}
