//! Which images a node has.

use std::collections::BTreeMap;

use homelab_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{
    ImageListRequest, ImageListResponse, ImageServiceListRequest, ImageServiceListResponse,
};

use super::ImageNamespace;
use crate::node::NodeClient;
use crate::timestamp::rfc3339;

/// An image on a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Image {
    /// Its name: `ghcr.io/siderolabs/kubelet:v1.34.1`. One image may have several.
    pub name: String,
    /// Its digest: `sha256:…`.
    pub digest: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it came here, RFC 3339.
    pub created_at: Option<String>,
    /// Its labels (since Talos v1.13).
    pub labels: BTreeMap<String, String>,
}

impl From<ImageServiceListResponse> for Image {
    fn from(image: ImageServiceListResponse) -> Self {
        Image {
            name: image.name,
            digest: image.digest,
            size_bytes: u64::try_from(image.size).unwrap_or(0),
            created_at: image.created_at.as_ref().and_then(rfc3339),
            labels: image.labels.into_iter().collect(),
        }
    }
}

impl From<ImageListResponse> for Image {
    fn from(image: ImageListResponse) -> Self {
        Image {
            name: image.name,
            digest: image.digest,
            size_bytes: u64::try_from(image.size).unwrap_or(0),
            created_at: image.created_at.as_ref().and_then(rfc3339),
            labels: BTreeMap::new(),
        }
    }
}

impl NodeClient {
    /// The images on the node, by name.
    ///
    /// # Errors
    /// `Unavailable` while containerd does not run; `Unsupported` for
    /// [`ImageNamespace::Inmem`] before v1.13.
    pub async fn images(&self, namespace: ImageNamespace) -> Result<Vec<Image>> {
        match (self.listed_images(namespace).await, namespace.legacy()) {
            (Err(e), Some(legacy)) if e.kind() == ErrorKind::Unsupported => {
                self.legacy_images(legacy.into()).await
            }
            (result, _) => result,
        }
    }

    async fn listed_images(&self, namespace: ImageNamespace) -> Result<Vec<Image>> {
        let request = ImageServiceListRequest {
            containerd: Some(namespace.instance()),
        };
        let mut frames = self
            .download("ImageService.List", request, |raw, request| async move {
                raw.images().list(request).await
            })
            .await?;
        let mut images = Vec::new();
        while let Some(frame) = frames.next().await? {
            images.push(Image::from(frame));
        }
        Ok(images)
    }

    async fn legacy_images(&self, namespace: i32) -> Result<Vec<Image>> {
        let request = ImageListRequest { namespace };
        let mut frames = self
            .download("ImageList", request, |raw, request| async move {
                raw.machine().image_list(request).await
            })
            .await?;
        let mut images = Vec::new();
        while let Some(frame) = frames.next().await? {
            images.push(Image::from(frame));
        }
        Ok(images)
    }
}
