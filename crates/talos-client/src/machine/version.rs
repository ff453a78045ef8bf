//! Versions of a node.

use homelab_core::Result;
use serde::{Deserialize, Serialize};

use crate::node::NodeClient;

/// What a node runs, and on what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Version {
    /// Release of Talos, with the `v`: `v1.13.9`.
    pub tag: String,
    /// Commit it was built from.
    pub sha: String,
    /// When it was built, as the builder wrote it; may be empty.
    pub built: String,
    /// Operating system of the build: `linux`.
    pub os: String,
    /// Architecture: `amd64`, `arm64`.
    pub arch: String,
    /// Platform it was booted for: `nocloud`, `metal`, `container`, …
    pub platform: String,
    /// Kind of platform: `cloud`, `container`, `metal`, `metal-agent`.
    pub mode: String,
    /// Whether roles are enforced.
    pub rbac: bool,
}

impl NodeClient {
    /// Which release of Talos the node runs, and on what.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]); `Unsupported` from a machine before v1.13
    /// that waits for a configuration.
    pub async fn version(&self) -> Result<Version> {
        let m = self
            .ask("Version", (), |raw, request| async move {
                raw.machine().version(request).await
            })
            .await?;
        let version = m.version.unwrap_or_default();
        let platform = m.platform.unwrap_or_default();
        Ok(Version {
            tag: version.tag,
            sha: version.sha,
            built: version.built,
            os: version.os,
            arch: version.arch,
            platform: platform.name,
            mode: platform.mode,
            rbac: m.features.is_some_and(|f| f.rbac),
        })
    }
}
