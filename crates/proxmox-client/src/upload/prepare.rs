//! What is known of a file before it is sent: its name, size and checksum.

use std::fs::File;
use std::io::Read;

use homelab_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use super::form::{Form, Source};
use super::{Checksum, ChecksumAlgorithm, UploadOptions, UploadSource, stored_name};

/// A form, and the file that belongs to it.
pub(super) struct Prepared {
    pub(super) form: Form,
    source: UploadSource,
}

impl Prepared {
    pub(super) fn reopen(&self) -> std::io::Result<Source> {
        match &self.source {
            UploadSource::File(path) => File::open(path).map(Source::File),
            UploadSource::Bytes(_, bytes) => Ok(Source::Bytes(bytes.clone())),
        }
    }
}

pub(super) async fn prepare(source: UploadSource, options: &UploadOptions) -> Result<Prepared> {
    let own_name = match &source {
        UploadSource::File(path) => path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        UploadSource::Bytes(name, _) => name.clone(),
    };
    let name = options.file_name.as_deref().unwrap_or(&own_name);
    let (content, file_name) = stored_name(name, options.content)?;
    let verify = options.verify && options.checksum.is_none();
    let (source, file_bytes, digest) = measure(source, verify).await?;
    let checksum = match digest {
        Some(hex) => Some(Checksum::new(ChecksumAlgorithm::Sha256, &hex)?),
        None => options.checksum.clone(),
    };
    Ok(Prepared {
        form: Form {
            content,
            checksum,
            file_name,
            file_bytes,
        },
        source,
    })
}

/// The size and, if wanted, the SHA-256.
async fn measure(
    source: UploadSource,
    digest: bool,
) -> Result<(UploadSource, u64, Option<String>)> {
    let path = match &source {
        UploadSource::Bytes(_, bytes) => {
            let (size, sum) = (
                bytes.len() as u64,
                digest.then(|| hex(&Sha256::digest(bytes))),
            );
            return Ok((source, size, sum));
        }
        UploadSource::File(path) => path.clone(),
    };
    let (size, sum) = tokio::task::spawn_blocking(move || {
        let failed = |e| Error::io("read", &path, e);
        let mut file = File::open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} is not a file", path.display()),
            ));
        }
        let mut sum = None;
        if digest {
            let mut hash = Sha256::new();
            let mut chunk = vec![0; 256 << 10];
            loop {
                match file.read(&mut chunk).map_err(failed)? {
                    0 => break,
                    n => hash.update(chunk.get(..n).unwrap_or_default()),
                }
            }
            sum = Some(hex(&hash.finalize()));
        }
        Ok((about.len(), sum))
    })
    .await
    .map_err(|e| Error::new(ErrorKind::Internal, "the file was not read").source(e))??;
    Ok((source, size, sum))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
