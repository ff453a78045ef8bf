//! The documents into which v1.14 splits the `v1alpha1` document. They take the
//! place of its parts: a node refuses both at once, and older nodes know none of
//! them.

use serde_json::Value;

use super::read::{list, signing_ca, text};
use crate::world::MachineConfig;

/// Kinds, and the part of the `v1alpha1` document that may not be there beside
/// one; none where that is not known.
const KINDS: &[(&str, &str)] = &[
    ("DiscoveryIdentityConfig", ""),
    ("KubeAPIServerCAConfig", ""),
    ("KubeAPIServerConfig", "/cluster/apiServer"),
    ("KubeClusterConfig", ""),
    ("KubeFlannelCNIConfig", "/cluster/network"),
    ("KubeNetworkConfig", "/cluster/network"),
    ("KubeNodeConfig", "/machine/kubelet/nodeIP"),
    ("KubeletConfig", "/machine/kubelet"),
    ("UnattendedInstallConfig", ""),
];

/// Refuses documents of v1.14 on older nodes, and those whose part is in `main`.
pub(super) fn check(kind: &str, main: Option<&Value>, since_14: bool) -> Result<(), String> {
    // More kinds of the release than are read here begin so.
    let new = kind.starts_with("Kube") && !kind.starts_with("KubeSpan");
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    if (new || known.is_some()) && !since_14 {
        return Err(format!("{kind:?} \"v1alpha1\": not registered"));
    }
    let part = known.map(|(_, part)| *part).filter(|part| !part.is_empty());
    match part.filter(|part| main.is_some_and(|main| main.pointer(part).is_some())) {
        Some(part) => Err(format!(
            "{kind} cannot be used: {} is already set in v1alpha1 config",
            part.replace('/', ".")
        )),
        None => Ok(()),
    }
}

/// Takes over what a document says.
pub(super) fn read(config: &mut MachineConfig, kind: &str, document: &Value) -> Result<(), String> {
    match kind {
        "KubeClusterConfig" => {
            config.cluster_name = text(&document["clusterName"]).unwrap_or_default();
            config.endpoint = text(&document["endpoint"]).unwrap_or_default();
            if !config.endpoint.starts_with("https://") {
                return Err(format!("invalid cluster endpoint {:?}", config.endpoint));
            }
        }
        "DiscoveryIdentityConfig" => {
            config.cluster_id = text(&document["clusterID"]).unwrap_or_default();
        }
        "KubeletConfig" => {
            let image = text(&document["image"]).ok_or("kubelet image cannot be empty")?;
            config.kubernetes_version = image.rsplit_once(':').map(|(_, tag)| tag.to_owned());
        }
        "UnattendedInstallConfig" => {
            config.install_image = text(&document["installer"]["image"]);
            let expression = text(&document["provisioning"]["diskSelector"]["match"]);
            // Of all expressions, the one that `talosctl gen config` writes.
            let disk = expression.as_deref().and_then(|e| {
                e.strip_prefix("disk.dev_path == \"")?
                    .strip_suffix('"')
                    .map(str::to_owned)
            });
            config.install_disk = disk;
        }
        "KubeAPIServerCAConfig" => {
            let issuing = &document["issuingCA"];
            if issuing.is_null() && list(&document["acceptedCAs"]).is_empty() {
                return Err("a CA of Kubernetes is required".to_owned());
            }
            // As PEM, and not packed as in the v1alpha1 document.
            let pair = text(&issuing["cert"]).zip(text(&issuing["key"]));
            config.kubernetes_ca = pair
                .map(|(crt, key)| signing_ca(crt, key, "issuingCA"))
                .transpose()?;
        }
        _ => {}
    }
    Ok(())
}
