//! [`CidataIso`]: the small disc that carries a machine configuration into a
//! guest, without SSH to the host.
//!
//! Talos (platform `nocloud`) and cloud-init look for a volume with the label
//! `cidata` and read `user-data`, `meta-data` and `network-config` from its top.

mod image;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use homelab_core::{AtomicFile, Error, ErrorKind, ExposeSecret, Result, SecretString};

/// The server takes longer names, but no configuration is this large.
const LARGEST: usize = 32 << 20;

/// A disc with the label `cidata`: for Talos on platform `nocloud`, and for
/// cloud-init.
///
/// The same input gives the same bytes. Names survive in three forms: plain
/// ISO 9660, Rock Ridge and Joliet.
///
/// ```
/// use proxmox_client::CidataIso;
///
/// let disc = CidataIso::new("talos-101", "version: v1alpha1\nmachine: {}\n")
///     .hostname("talos-cp-1")
///     .network_config("version: 1\nconfig: []\n");
/// let bytes = disc.to_bytes()?;
/// assert_eq!(&bytes[0x8001..0x8006], b"CD001");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct CidataIso {
    instance_id: String,
    hostname: Option<String>,
    user_data: SecretString,
    network_config: Option<String>,
    vendor_data: Option<SecretString>,
}

impl CidataIso {
    /// A disc for one machine. `user_data` is the machine configuration (or
    /// cloud-init's user data), `instance_id` any text that differs from
    /// machine to machine: `talos-101`.
    pub fn new(instance_id: impl Into<String>, user_data: impl Into<SecretString>) -> Self {
        CidataIso {
            instance_id: instance_id.into(),
            hostname: None,
            user_data: user_data.into(),
            network_config: None,
            vendor_data: None,
        }
    }

    /// Names the machine: `local-hostname` of `meta-data`.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Adds `network-config`, in version 1 or 2 of cloud-init's form: addresses
    /// that the machine has before it reads its configuration.
    pub fn network_config(mut self, yaml: impl Into<String>) -> Self {
        self.network_config = Some(yaml.into());
        self
    }

    /// Adds `vendor-data`, which Talos ignores.
    pub fn vendor_data(mut self, data: impl Into<SecretString>) -> Self {
        self.vendor_data = Some(data.into());
        self
    }

    /// The image.
    ///
    /// # Errors
    /// `InvalidArgument` for empty user data, a name that is no host name, an
    /// instance id with blanks, or more than 32 MiB in all.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let meta = self.meta_data()?;
        let user = self.user_data.expose_secret();
        if user.trim().is_empty() {
            return Err(bad("the user data is empty: nothing would be configured"));
        }
        let mut files: Vec<(&str, &[u8])> = vec![("meta-data", meta.as_bytes())];
        if let Some(network) = &self.network_config {
            files.push(("network-config", network.as_bytes()));
        }
        files.push(("user-data", user.as_bytes()));
        if let Some(vendor) = &self.vendor_data {
            files.push(("vendor-data", vendor.expose_secret().as_bytes()));
        }
        if files.iter().map(|(_, data)| data.len()).sum::<usize>() > LARGEST {
            return Err(bad("a configuration disc holds at most 32 MiB"));
        }
        Ok(image::image("cidata", &files))
    }

    /// Writes the image to a file, whole or not at all. It holds secrets: the
    /// file can be read by its owner only.
    ///
    /// # Errors
    /// As [`to_bytes`](CidataIso::to_bytes); `NotFound` and `Io` for the file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        let mut file = AtomicFile::create(path)?;
        file.write_all(&bytes)
            .map_err(|e| Error::io("write", path, e))?;
        file.commit()
    }

    fn meta_data(&self) -> Result<String> {
        let id = &self.instance_id;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || !id.chars().all(plain) {
            return Err(bad(&format!(
                "instance id '{id}' holds other characters than letters, digits, '-_.'"
            )));
        }
        // Quoted, so that an id such as 1e3 stays a text.
        let mut meta = format!("instance-id: \"{id}\"\n");
        if let Some(name) = &self.hostname {
            if !is_host_name(name) {
                return Err(bad(&format!("'{name}' is no host name")));
            }
            meta.push_str("local-hostname: \"");
            meta.push_str(name);
            meta.push_str("\"\n");
        }
        Ok(meta)
    }
}

/// Whether `name` is a host name, with or without a domain.
pub(crate) fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn bad(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

impl fmt::Debug for CidataIso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CidataIso")
            .field("instance_id", &self.instance_id)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let message = |disc: CidataIso| disc.to_bytes().unwrap_err().message().to_owned();
        assert!(message(CidataIso::new("a", " \n")).contains("empty"));
        assert!(message(CidataIso::new("a b", "x")).contains("instance id"));
        assert!(message(CidataIso::new("a", "x").hostname("-a")).contains("host name"));
        assert!(message(CidataIso::new("a", "x".repeat(LARGEST))).contains("32 MiB"));
    }

    #[test]
    fn secrets_do_not_print() {
        let disc = CidataIso::new("a", "hunter2").vendor_data("hunter3");
        assert!(!format!("{disc:?}").contains("hunter"));
    }
}
