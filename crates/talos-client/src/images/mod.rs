//! Container images on a node: listed, pulled, imported, verified, removed.
//!
//! Talos v1.13 brought `ImageService`; releases before have a list and a pull of
//! their own, which are used where the service is missing.
//!
//! | file | what |
//! |---|---|
//! | `list.rs` | which images there are |
//! | `pull.rs` | from a registry, with progress |
//! | `import.rs` | from a file |
//! | `verify.rs` | signatures |

mod import;
mod list;
mod pull;
mod verify;

pub use import::ImportProgress;
pub use list::Image;
pub use pull::{PullOptions, PullProgress};
pub use verify::{ImageCredentials, ImageVerification};

use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::common::{ContainerDriver, ContainerdInstance, ContainerdNamespace};
use talos_proto::machine::ImageServiceRemoveRequest;

use crate::node::NodeClient;

/// Where an image is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageNamespace {
    /// Talos' own: etcd, kubelet, installers. Survives reboots.
    #[default]
    System,
    /// Those of Kubernetes' pods. Survives reboots.
    Cri,
    /// In memory: the only one before Talos is installed (since Talos v1.13).
    Inmem,
}

impl ImageNamespace {
    /// Talos' own images lie in the containerd of CRI, next to those of pods.
    pub(crate) fn instance(self) -> ContainerdInstance {
        let (driver, namespace) = match self {
            ImageNamespace::System => (ContainerDriver::Cri, ContainerdNamespace::NsSystem),
            ImageNamespace::Cri => (ContainerDriver::Cri, ContainerdNamespace::NsCri),
            ImageNamespace::Inmem => (ContainerDriver::Containerd, ContainerdNamespace::NsSystem),
        };
        ContainerdInstance {
            driver: driver.into(),
            namespace: namespace.into(),
        }
    }

    /// The namespace as releases before v1.13 know it.
    fn legacy(self) -> Option<ContainerdNamespace> {
        match self {
            ImageNamespace::System => Some(ContainerdNamespace::NsSystem),
            ImageNamespace::Cri => Some(ContainerdNamespace::NsCri),
            ImageNamespace::Inmem => None,
        }
    }
}

/// An image is always named.
pub(crate) fn reference(text: &str) -> Result<String> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "image {text:?}: a reference such as ghcr.io/siderolabs/installer:v1.13.9 is needed"
            ),
        ));
    }
    Ok(text.to_owned())
}

impl NodeClient {
    /// Removes an image, by its name as [`images`](NodeClient::images) gives it.
    /// Since Talos v1.13.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name; `Unsupported` before v1.13.
    pub async fn remove_image(&self, name: &str, namespace: ImageNamespace) -> Result<()> {
        const OPERATION: &str = "ImageService.Remove";
        let request = ImageServiceRemoveRequest {
            containerd: Some(namespace.instance()),
            image_ref: reference(name).map_err(|e| e.operation(OPERATION).target(self.target()))?,
        };
        self.act(OPERATION, None, request, |raw, request| async move {
            raw.images().remove(request).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_is_a_pair_that_talos_takes() {
        let pair = |namespace: ImageNamespace| {
            let instance = namespace.instance();
            (instance.driver, instance.namespace)
        };
        assert_eq!(pair(ImageNamespace::System), (1, 1));
        assert_eq!(pair(ImageNamespace::Cri), (1, 2));
        assert_eq!(pair(ImageNamespace::Inmem), (0, 1));
    }

    #[test]
    fn an_image_has_a_name() {
        assert!(reference("ghcr.io/siderolabs/installer:v1.13.9").is_ok());
        for wrong in ["", " ", "a b", "a\n"] {
            let error = reference(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
