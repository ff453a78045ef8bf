//! Signatures of images.

use std::fmt;

use homelab_core::{Error, ExposeSecret, Result, SecretString};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{ImageServiceCredentials, ImageServiceVerifyRequest};

use super::reference;
use crate::node::NodeClient;

/// Credentials of a registry. `Debug` does not show the password.
#[derive(Clone)]
#[non_exhaustive]
pub struct ImageCredentials {
    /// The registry: `ghcr.io`.
    pub host: String,
    /// The user.
    pub username: String,
    /// The user's password or token.
    pub password: SecretString,
}

impl ImageCredentials {
    /// A user of a registry.
    pub fn new(
        host: impl Into<String>,
        username: impl Into<String>,
        password: SecretString,
    ) -> Self {
        ImageCredentials {
            host: host.into(),
            username: username.into(),
            password,
        }
    }
}

impl fmt::Debug for ImageCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageCredentials")
            .field("host", &self.host)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What the node found out about the signature of an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ImageVerification {
    /// Whether it is signed by one whom the node's configuration trusts.
    pub verified: bool,
    /// In Talos' words: which rule applied, or why it is not verified.
    pub message: String,
    /// The image with the digest that was verified: `repository@sha256:…`.
    pub digested_reference: String,
}

impl NodeClient {
    /// Makes the node verify the signature of an image in its registry, by the
    /// rules of the node's configuration. Nothing is pulled. Since Talos v1.13.
    ///
    /// # Errors
    /// `Unsupported` before v1.13.
    pub async fn verify_image(
        &self,
        image: &str,
        credentials: Option<&ImageCredentials>,
    ) -> Result<ImageVerification> {
        const OPERATION: &str = "ImageService.Verify";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let request = ImageServiceVerifyRequest {
            image_ref: reference(image).map_err(named)?,
            credentials: credentials.map(|c| ImageServiceCredentials {
                host: c.host.clone(),
                username: c.username.clone(),
                password: c.password.expose_secret().to_owned(),
            }),
        };
        let answer = self
            .read(OPERATION, request, |raw, request| async move {
                raw.images().verify(request).await
            })
            .await?
            .into_inner();
        Ok(ImageVerification {
            verified: answer.verified,
            message: answer.message,
            digested_reference: answer.digested_image_ref,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let credentials = ImageCredentials::new("ghcr.io", "me", "hush".to_owned().into());
        let shown = format!("{credentials:?}");
        assert!(
            shown.contains("ghcr.io") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
