//! The systems that a Talos node can boot: what is written to its disk by an
//! installer, and what runs.

use serde::{Deserialize, Serialize};

use super::image::Reference;
use super::{Extension, TalosNode};

/// A system that can be booted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemImage {
    /// The installer that wrote it, or the medium that it is.
    pub image: String,
    /// Talos version with `v`.
    pub version: String,
    /// Image factory schematic id.
    pub schematic: String,
    /// System extensions.
    pub extensions: Vec<Extension>,
    /// Whether it does not come up.
    pub broken: bool,
}

/// What is on a node's system disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What the next boot starts.
    pub boot: SystemImage,
    /// What a rollback goes back to.
    pub fallback: Option<SystemImage>,
}

impl TalosNode {
    /// The system that runs.
    pub fn system(&self) -> SystemImage {
        SystemImage {
            image: installer(&self.schematic, &self.talos_version),
            version: self.talos_version.clone(),
            schematic: self.schematic.clone(),
            extensions: self.extensions.clone(),
            broken: false,
        }
    }

    /// The system that an installer image would write on this node.
    pub fn system_of(&self, image: &str, broken: bool) -> SystemImage {
        let reference = Reference::parse(image);
        let tag = reference.as_ref().and_then(|r| r.tag.as_deref());
        let version = tag
            .filter(|tag| is_version(tag))
            .unwrap_or(&self.talos_version)
            .to_owned();
        let schematic = reference
            .and_then(|r| r.repository.rsplit('/').next().map(str::to_owned))
            .filter(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()))
            .unwrap_or_else(|| PLAIN_SCHEMATIC.to_owned());
        // What is in a schematic is known of the one that runs.
        let extensions = if schematic == self.schematic {
            let with_system = |e: &Extension| Extension {
                version: version.trim_start_matches('v').to_owned(),
                ..e.clone()
            };
            self.extensions.iter().map(with_system).collect()
        } else {
            Vec::new()
        };
        SystemImage {
            image: image.to_owned(),
            version,
            schematic,
            extensions,
            broken,
        }
    }

    /// An installer wrote a system to the disk: the next boot starts it, the
    /// one that runs is what a rollback goes back to.
    pub fn install(&mut self, system: SystemImage) {
        let fallback = self.installed.is_some().then(|| self.system());
        self.installed = Some(Installed {
            boot: system,
            fallback,
        });
    }
}

/// The schematic without any extension.
pub const PLAIN_SCHEMATIC: &str =
    "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

/// The image with which a system was installed.
fn installer(schematic: &str, version: &str) -> String {
    if schematic == PLAIN_SCHEMATIC {
        format!("ghcr.io/siderolabs/installer:{version}")
    } else {
        format!("factory.talos.dev/installer/{schematic}:{version}")
    }
}

/// Whether a tag is a version of Talos, such as `v1.13.0` or `v1.14.0-rc.1`.
pub fn is_version(tag: &str) -> bool {
    let number = tag.strip_prefix('v').and_then(|v| v.split('-').next());
    number.is_some_and(|n| {
        n.split('.').count() == 3 && n.split('.').all(|part| part.parse::<u16>().is_ok())
    })
}
