//! Images from a registry.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, within};
use serde::{Deserialize, Serialize};
use talos_proto::machine::image_service_pull_layer_progress::Status;
use talos_proto::machine::image_service_pull_response::Response;
use talos_proto::machine::{ImagePullRequest, ImageServicePullProgress, ImageServicePullRequest};

use super::{ImageNamespace, reference};
use crate::enum_name::name_of;
use crate::node::NodeClient;

const OPERATION: &str = "ImageService.Pull";

/// How to pull an image.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PullOptions {
    /// Where it is kept. System.
    pub namespace: ImageNamespace,
    /// How long it may take. 10 minutes.
    pub deadline: Duration,
}

impl Default for PullOptions {
    fn default() -> Self {
        PullOptions {
            namespace: ImageNamespace::default(),
            deadline: Duration::from_secs(600),
        }
    }
}

impl PullOptions {
    /// Where it is kept.
    #[must_use]
    pub fn namespace(mut self, namespace: ImageNamespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }
}

/// How far one layer of an image is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PullProgress {
    /// The layer.
    pub layer: String,
    /// `downloading`, `download-complete`, `extracting`, `extract-complete`, `already-exists`.
    pub status: String,
    /// How many bytes of it are here.
    pub bytes: u64,
    /// How many there will be; 0 when it is not known.
    pub total_bytes: u64,
    /// How long this status has lasted.
    pub elapsed_seconds: f64,
}

impl From<ImageServicePullProgress> for PullProgress {
    fn from(pull: ImageServicePullProgress) -> Self {
        let progress = pull.progress.unwrap_or_default();
        let elapsed = progress.elapsed.and_then(|d| Duration::try_from(d).ok());
        PullProgress {
            layer: pull.layer_id,
            status: name_of(progress.status, "", Status::as_str_name),
            bytes: u64::try_from(progress.offset).unwrap_or(0),
            total_bytes: u64::try_from(progress.total).unwrap_or(0),
            elapsed_seconds: elapsed.unwrap_or_default().as_secs_f64(),
        }
    }
}

impl NodeClient {
    /// Makes the node pull an image, and gives back its name with the digest:
    /// `repository@sha256:…`. An image that is there already is looked up again in
    /// the registry. Releases before v1.13 report no progress and no digest; there
    /// the name comes back as it was given.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use talos_client::images::PullOptions;
    ///
    /// let image = "ghcr.io/siderolabs/installer:v1.13.9";
    /// let name = node
    ///     .pull_image(image, PullOptions::default(), |p| println!("{}: {} bytes", p.layer, p.bytes))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound`, `Internal` or `Unknown` with Talos' words when the registry does
    /// not give it; `Timeout` after the deadline; `Protocol` when the node's answer
    /// ends without a name.
    ///
    /// # Cancellation
    /// The node gives up the pull; layers that are whole stay.
    pub async fn pull_image(
        &self,
        image: &str,
        options: PullOptions,
        on_progress: impl FnMut(PullProgress),
    ) -> Result<String> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let image = reference(image).map_err(named)?;
        let pulling = self.pull(&image, options.namespace, on_progress);
        match within(options.deadline, OPERATION, pulling).await {
            Err(e) if e.kind() == ErrorKind::Unsupported => match options.namespace.legacy() {
                Some(_) => self.legacy_pull(image, options).await,
                None => Err(named(e)),
            },
            result => result.map_err(named),
        }
    }

    async fn pull(
        &self,
        image: &str,
        namespace: ImageNamespace,
        mut on_progress: impl FnMut(PullProgress),
    ) -> Result<String> {
        let request = ImageServicePullRequest {
            containerd: Some(namespace.instance()),
            image_ref: image.to_owned(),
        };
        let mut frames = self.follow(OPERATION, request, |raw, request| async move {
            raw.images().pull(request).await
        });
        let mut name = None;
        while let Some(frame) = frames.next().await? {
            match frame.response {
                Some(Response::PullProgress(progress)) => on_progress(progress.into()),
                Some(Response::Name(pulled)) => name = Some(pulled),
                None => {}
            }
        }
        name.ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "the node ended the pull without naming what it pulled",
            )
        })
    }

    async fn legacy_pull(&self, image: String, options: PullOptions) -> Result<String> {
        let request = ImagePullRequest {
            namespace: options.namespace.legacy().unwrap_or_default().into(),
            reference: image.clone(),
        };
        let answer = self
            .act(
                "ImagePull",
                Some(options.deadline),
                request,
                |raw, request| async move { raw.machine().image_pull(request).await },
            )
            .await?;
        self.element("ImagePull", answer)?;
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use talos_proto::machine::ImageServicePullLayerProgress;

    use super::*;

    #[test]
    fn statuses_are_words_and_sizes_are_not_negative() {
        let progress = |status, offset| {
            PullProgress::from(ImageServicePullProgress {
                layer_id: "sha256:1".into(),
                progress: Some(ImageServicePullLayerProgress {
                    status,
                    elapsed: Some(prost_types::Duration {
                        seconds: 1,
                        nanos: 500_000_000,
                    }),
                    offset,
                    total: 10,
                }),
            })
        };
        let known = progress(1, 5);
        assert_eq!(
            (known.status.as_str(), known.bytes),
            ("download-complete", 5)
        );
        assert!((known.elapsed_seconds - 1.5).abs() < f64::EPSILON);
        let future = progress(77, -1);
        assert_eq!((future.status.as_str(), future.bytes), ("77", 0));
    }
}
