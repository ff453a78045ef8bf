//! The parts of a configuration that the rest of the SDK needs.
//!
//! Newer releases move parts of the `v1alpha1` document into documents of their
//! own, v1.14 most of them; a view looks in both places. Where both say
//! something, which no node accepts, the document of its own counts, as in Talos.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the values |
//! | `read.rs` | where each of them stands |
//! | `interfaces.rs` | network interfaces, which many kinds of documents make |
//! | `value.rs` | values at paths |

mod interfaces;
mod read;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a machine configuration says, as far as the SDK needs it. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MachineConfigView {
    /// `controlplane` or `worker`.
    pub machine_type: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
    /// Names and addresses that the node's certificate carries beside its own.
    pub cert_sans: Vec<String>,
    /// Name servers.
    pub nameservers: Vec<String>,
    /// Network interfaces.
    pub interfaces: Vec<InterfaceView>,
    /// Where and what Talos installs.
    pub install: InstallView,
    /// The kubelet.
    pub kubelet: KubeletView,
    /// The cluster.
    pub cluster: ClusterView,
    /// Encrypted partitions, by name: `STATE`, `EPHEMERAL`, a volume's name.
    pub encryption: BTreeMap<String, DiskEncryption>,
    /// Features that are on or off, by their name in `machine.features`: `rbac`,
    /// `kubePrism`, `hostDNS`, `imageCache`, `kubernetesTalosAPIAccess` and so on,
    /// wherever they are configured.
    pub features: BTreeMap<String, bool>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InterfaceView {
    /// Its name, such as `eth0`, or `eth0.20` for a VLAN; absent when a selector
    /// finds it.
    pub name: Option<String>,
    /// What finds it: `hardwareAddr` and the like, by name; `match` is the
    /// expression of a `LinkAliasConfig` that gives it its name.
    pub selector: BTreeMap<String, String>,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether it asks a DHCP server.
    pub dhcp: Option<bool>,
    /// Largest packet.
    pub mtu: Option<u64>,
    /// The address that the control planes share; the first, where there are two.
    pub vip: Option<String>,
}

/// Where and what Talos installs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InstallView {
    /// The disk: `/dev/sda`; absent when a selector finds it by other things.
    pub disk: Option<String>,
    /// What finds the disk: `size`, `model` and the like, by name; `match` is the
    /// expression of an `UnattendedInstallConfig`.
    pub selector: BTreeMap<String, String>,
    /// The installer's image.
    pub image: Option<String>,
    /// Whether the disk is wiped first. An `UnattendedInstallConfig` that does not
    /// say so wipes it, `machine.install` does not.
    pub wipe: Option<bool>,
}

/// The kubelet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct KubeletView {
    /// Its image.
    pub image: Option<String>,
    /// Subnets out of which the node's address is taken.
    pub node_ip_subnets: Vec<String>,
}

/// The cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClusterView {
    /// Its name.
    pub name: Option<String>,
    /// Where Kubernetes' API is: `https://172.16.1.49:6443`.
    pub endpoint: Option<String>,
    /// Names and addresses that the API server's certificate carries.
    pub api_server_cert_sans: Vec<String>,
    /// Whether pods may run on control planes; absent where neither
    /// `allowSchedulingOnControlPlanes` nor the taints of a control plane's
    /// `KubeNodeConfig` say.
    pub schedule_on_control_planes: Option<bool>,
    /// Which network plugin Talos installs: `flannel`, `custom`, or `none` when
    /// that is left to others. Absent in a `v1alpha1` document it means flannel; a
    /// control plane whose network is a `KubeNetworkConfig` installs flannel only
    /// by a `KubeFlannelCNIConfig`.
    pub cni: Option<String>,
}

/// How a partition is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskEncryption {
    /// `luks2`.
    pub provider: Option<String>,
    /// How keys come about: `static`, `nodeID`, `kms`, `tpm`, in order of slots.
    pub key_kinds: Vec<String>,
}

#[cfg(test)]
mod tests;
