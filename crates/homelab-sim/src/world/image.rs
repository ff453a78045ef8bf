//! Container images of a Talos node: what its containerd instances hold, and
//! images that the lab knows to be broken.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use homelab_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::{State, TalosNode, derive};

/// Where a node keeps an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ImageStore {
    /// The images of Kubernetes' pods.
    Cri,
    /// The images of Talos' own services (etcd, kubelet) and installers.
    System,
    /// The instance that lives in memory, there before a disk is.
    Memory,
}

/// What is wrong with an image, for upgrades that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageDefect {
    /// No registry has it.
    Missing,
    /// It can be pulled, but its installer ends with an error.
    Install,
    /// It installs, but what it installs does not boot: the node goes back to
    /// the system it had before.
    Boot,
}

impl ImageDefect {
    /// The word of the bindings: `missing`, `install`, `boot`.
    pub fn as_str(self) -> &'static str {
        match self {
            ImageDefect::Missing => "missing",
            ImageDefect::Install => "install",
            ImageDefect::Boot => "boot",
        }
    }
}

impl FromStr for ImageDefect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [
            ImageDefect::Missing,
            ImageDefect::Install,
            ImageDefect::Boot,
        ]
        .into_iter()
        .find(|defect| defect.as_str() == text)
        .ok_or_else(|| {
            let message = format!("no image defect {text}: there are missing, install, boot");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }
}

/// An image of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub store: ImageStore,
    /// Its name with its tag or digest, such as `ghcr.io/siderolabs/kubelet:v1.35.0`.
    pub name: String,
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it came onto the node.
    pub created_at: SystemTime,
}

/// What differs from the images that every node of its kind has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChanges {
    added: Vec<Image>,
    removed: Vec<(ImageStore, String)>,
}

/// The parts of an image reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Registry and path, such as `ghcr.io/siderolabs/installer`.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads `registry/path[:tag][@digest]`; none when that is no reference.
    /// As in containerd there is no default registry, and without a tag and a
    /// digest the tag is `latest`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            let hex = digest.strip_prefix("sha256:")?;
            (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(())?;
        }
        let slash = name.rfind('/')?;
        let (repository, tag) = match name[slash..].split_once(':') {
            Some((last, tag)) => (&name[..slash + last.len()], Some(tag)),
            None => (name, None),
        };
        let path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
        let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let whole = !repository.starts_with('/') && !repository.ends_with('/');
        let good = whole
            && repository.chars().all(path)
            && tag.is_none_or(|t| !t.is_empty() && t.chars().all(word));
        good.then(|| Reference {
            repository: repository.to_owned(),
            tag: match (tag, digest) {
                (None, None) => Some("latest".to_owned()),
                (tag, _) => tag.map(str::to_owned),
            },
            digest: digest.map(str::to_owned),
        })
    }

    /// The digest that is named, or the one that the registry has for the tag.
    pub fn resolved(&self) -> String {
        self.digest.clone().unwrap_or_else(|| {
            let bytes = derive::bytes(0, &format!("image/{self}"));
            format!("sha256:{}", derive::hex(&bytes))
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Image {
    /// The image that a registry would send for `reference`.
    pub fn pulled(store: ImageStore, reference: &Reference, at: SystemTime) -> Self {
        let digest = reference.resolved();
        let size = derive::number(0, &digest) % (80 << 20);
        Image {
            store,
            name: reference.to_string(),
            digest,
            size_bytes: (20 << 20) + size,
            created_at: at,
        }
    }

    /// Whether `name` means this image: its name, its digest, or its
    /// repository with its digest.
    pub fn is(&self, name: &str) -> bool {
        if self.name == name || self.digest == name {
            return true;
        }
        match (Reference::parse(name), Reference::parse(&self.name)) {
            (Some(asked), Some(own)) => {
                asked.repository == own.repository
                    && (asked.digest.as_deref() == Some(&self.digest)
                        || (asked.digest.is_none() && asked.tag == own.tag))
            }
            _ => false,
        }
    }
}

impl TalosNode {
    /// The images in a store, by name.
    pub fn images(&self, store: ImageStore) -> Vec<Image> {
        let mut all: Vec<Image> = self
            .usual_images(store)
            .into_iter()
            .filter_map(|name| Reference::parse(&name))
            .map(|reference| Image::pulled(store, &reference, self.booted_at))
            .filter(|image| {
                !self
                    .image_changes
                    .removed
                    .contains(&(store, image.name.clone()))
            })
            .chain(
                self.image_changes
                    .added
                    .iter()
                    .filter(|i| i.store == store)
                    .cloned(),
            )
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        all
    }

    /// An image by one of its names.
    pub fn image(&self, store: ImageStore, name: &str) -> Option<Image> {
        self.images(store).into_iter().find(|i| i.is(name))
    }

    /// Puts an image into its store.
    pub fn add_image(&mut self, image: Image) {
        let changes = &mut self.image_changes;
        changes
            .removed
            .retain(|(store, name)| (*store, name) != (image.store, &image.name));
        changes
            .added
            .retain(|i| (i.store, &i.name) != (image.store, &image.name));
        changes.added.push(image);
    }

    /// Takes an image out of its store; none when it is not there.
    pub fn remove_image(&mut self, store: ImageStore, name: &str) -> Option<Image> {
        let image = self.image(store, name)?;
        let changes = &mut self.image_changes;
        changes
            .added
            .retain(|i| (i.store, &i.name) != (store, &image.name));
        changes.removed.push((store, image.name.clone()));
        Some(image)
    }

    /// What a node of this kind has without anybody's doing.
    fn usual_images(&self, store: ImageStore) -> Vec<String> {
        let kubernetes = &self.kubernetes_version;
        let mut names = Vec::new();
        match store {
            ImageStore::Memory => {}
            ImageStore::System => {
                names.push(format!("ghcr.io/siderolabs/kubelet:{kubernetes}"));
                if self.control_plane() {
                    names.push("registry.k8s.io/etcd:v3.6.4".to_owned());
                }
            }
            ImageStore::Cri => {
                names.push("registry.k8s.io/pause:3.10".to_owned());
                names.push(format!("registry.k8s.io/kube-proxy:{kubernetes}"));
                if self.control_plane() {
                    for part in ["apiserver", "controller-manager", "scheduler"] {
                        names.push(format!("registry.k8s.io/kube-{part}:{kubernetes}"));
                    }
                }
            }
        }
        names
    }
}

impl State {
    /// What is wrong with an image, if somebody said so.
    pub fn image_defect(&self, name: &str) -> Option<ImageDefect> {
        let found = self.image_defects.iter().find(|(bad, _)| {
            bad == name
                || Reference::parse(bad).is_some_and(|bad| {
                    Reference::parse(name).is_some_and(|asked| {
                        bad.repository == asked.repository && bad.resolved() == asked.resolved()
                    })
                })
        });
        found.map(|(_, defect)| *defect)
    }

    /// From now on an image has a defect; none takes it away.
    pub fn set_image_defect(&mut self, name: &str, defect: Option<ImageDefect>) {
        self.image_defects.retain(|(bad, _)| bad != name);
        if let Some(defect) = defect {
            self.image_defects.push((name.to_owned(), defect));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_parts() {
        let parsed = Reference::parse("ghcr.io/siderolabs/installer:v1.13.0").unwrap();
        assert_eq!(parsed.repository, "ghcr.io/siderolabs/installer");
        assert_eq!(parsed.tag.as_deref(), Some("v1.13.0"));
        assert_eq!(parsed.to_string(), "ghcr.io/siderolabs/installer:v1.13.0");
        let port = Reference::parse("localhost:5000/a/b").unwrap();
        assert_eq!(
            (port.repository.as_str(), port.tag.as_deref()),
            ("localhost:5000/a/b", Some("latest"))
        );
        let digest = format!("ghcr.io/a/b@{}", parsed.resolved());
        assert_eq!(
            Reference::parse(&digest).unwrap().resolved(),
            parsed.resolved()
        );
        for bad in [
            "",
            "alpine",
            "ghcr.io/A/b",
            "a/b:",
            "a/b@sha256:12",
            "a /b",
            "/a/b",
        ] {
            assert_eq!(Reference::parse(bad), None, "{bad}");
        }
    }
}
