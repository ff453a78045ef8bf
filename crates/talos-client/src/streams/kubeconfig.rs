//! The administrator's kubeconfig.

use std::io::{Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use homelab_core::{AtomicFile, Error, ErrorKind, ExposeSecret, Result, SecretString};
use tar::Archive;

use crate::node::NodeClient;

const OPERATION: &str = "Kubeconfig";

/// No kubeconfig is larger; an archive that is means harm.
const LARGEST: u64 = 4 << 20;

impl NodeClient {
    /// A kubeconfig for an administrator of Kubernetes, valid for a year, as YAML.
    /// Each call makes a new certificate; whoever has it is `system:masters`.
    ///
    /// # Errors
    /// `Unsupported` from a worker; `PermissionDenied` without `os:admin`;
    /// `Corrupt` when the archive around it cannot be read.
    pub async fn kubeconfig(&self) -> Result<SecretString> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let mut chunks = self
            .download(OPERATION, (), |raw, request| async move {
                raw.machine().kubeconfig(request).await
            })
            .await?;
        let mut archive = Vec::new();
        while let Some(chunk) = chunks.chunk().await? {
            if chunks.bytes() > LARGEST {
                return Err(named(too_large()));
            }
            archive.extend_from_slice(&chunk);
        }
        first_file(&archive).map(SecretString::from).map_err(named)
    }

    /// Saves a [`kubeconfig`](NodeClient::kubeconfig) as `to`, readable for its
    /// owner only. A file that is there is replaced.
    ///
    /// # Errors
    /// As [`kubeconfig`](NodeClient::kubeconfig); `Io` when `to` cannot be written,
    /// which then is as it was.
    pub async fn kubeconfig_to_file(&self, to: impl AsRef<Path>) -> Result<()> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let to = to.as_ref();
        let mut file = AtomicFile::create(to).map_err(named)?;
        let text = self.kubeconfig().await?;
        file.write_all(text.expose_secret().as_bytes())
            .map_err(|e| named(Error::io("write", to, e)))?;
        file.commit().map_err(named)?;
        Ok(())
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::ResourceExhausted,
        format!("the kubeconfig is larger than {LARGEST} bytes"),
    )
}

/// The first file of a gzipped tar. The archive lacks padding and end blocks, so
/// nothing may be read behind it.
pub(super) fn first_file(archive: &[u8]) -> Result<String> {
    let broken = |e: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the archive cannot be read: {e}"),
        )
    };
    let mut archive = Archive::new(GzDecoder::new(archive));
    let mut entries = archive.entries().map_err(|e| broken(&e))?;
    let entry = match entries.next() {
        Some(entry) => entry.map_err(|e| broken(&e))?,
        None => return Err(broken(&"it is empty")),
    };
    if entry.size() > LARGEST {
        return Err(too_large());
    }
    let (size, mut text) = (entry.size(), String::new());
    entry
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|e| broken(&e))?;
    if text.is_empty() || text.len() as u64 != size {
        return Err(broken(&format!("{} of {size} bytes came", text.len())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::Header;

    fn unpadded(text: &str, promised: usize) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.set_path("kubeconfig").unwrap();
        header.set_mode(0o600);
        header.set_size(promised as u64);
        header.set_cksum();
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(header.as_bytes()).unwrap();
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn an_unpadded_archive_is_whole() {
        let text = "apiVersion: v1\nkind: Config\n";
        assert_eq!(first_file(&unpadded(text, text.len())).unwrap(), text);
    }

    #[test]
    fn half_of_one_is_not() {
        let text = "apiVersion: v1\n";
        for archive in [
            unpadded(text, text.len() + 1),
            unpadded("", 0),
            unpadded(text, text.len())[..40].to_vec(),
            b"not gzip".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(first_file(&archive).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let bomb = unpadded(text, usize::MAX >> 30);
        assert_eq!(
            first_file(&bomb).unwrap_err().kind(),
            ErrorKind::ResourceExhausted
        );
    }
}
