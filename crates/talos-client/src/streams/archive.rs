//! A tree of files, as the archive that the node makes of it.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzDecoder;
use homelab_core::{AtomicFile, Error, ErrorKind, Result, Sent};
use talos_proto::machine::CopyRequest;

use super::copy::CopyProgress;
use super::files::absolute;
use crate::node::NodeClient;

const OPERATION: &str = "Copy";

impl NodeClient {
    /// Saves a file or a tree of files as `to`, a `.tar.gz` with everything that
    /// [`copy_files`](NodeClient::copy_files) leaves out: owners, devices, pipes
    /// and links of all kinds. Nothing is unpacked. `to` is replaced once the
    /// archive has come whole. Gives back how many bytes it has.
    ///
    /// # Errors
    /// - `InvalidArgument` for a relative path, before anything is sent.
    /// - `PartialFailure` when the node could not read some files: the archive
    ///   then holds the others.
    /// - `Corrupt` for an archive that was cut or damaged.
    /// - `NotFound` or `Io` when `to` cannot be written.
    ///
    /// After every other error than `PartialFailure`, nothing is left on the disk.
    ///
    /// # Cancellation
    /// Dropping the future stops the node and leaves nothing.
    pub async fn copy_archive(
        &self,
        path: &str,
        to: impl AsRef<Path>,
        on_progress: impl FnMut(CopyProgress) + Send,
    ) -> Result<u64> {
        self.archive(path, to.as_ref(), on_progress)
            .await
            .map_err(|e| e.operation(OPERATION).target(self.target()))
    }

    async fn archive(
        &self,
        path: &str,
        to: &Path,
        mut on_progress: impl FnMut(CopyProgress) + Send,
    ) -> Result<u64> {
        absolute(path)?;
        let mut file = AtomicFile::create(to)?;
        let request = CopyRequest {
            root_path: path.to_owned(),
        };
        let mut chunks = self
            .download(OPERATION, request, |raw, request| async move {
                raw.machine().copy(request).await
            })
            .await?;
        // Looks at checksum and end, which an archive that was cut has not.
        let mut check = GzDecoder::new(io::sink());
        let mut reported = 0;
        let failure = loop {
            match chunks.chunk().await {
                Ok(Some(chunk)) => {
                    check.write_all(&chunk).map_err(|e| broken(&e))?;
                    file.write_all(&chunk)
                        .map_err(|e| Error::io("write", to, e))?;
                    if chunks.bytes() - reported >= 256 << 10 {
                        reported = chunks.bytes();
                        on_progress(CopyProgress { bytes: reported });
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let bytes = chunks.bytes();
        on_progress(CopyProgress { bytes });
        match (check.try_finish(), failure) {
            (Ok(()), None) => {
                file.commit()?;
                Ok(bytes)
            }
            // The node reports what it could not read behind the whole archive.
            (Ok(()), Some(error)) => {
                file.commit()?;
                Err(Error::partial(
                    format!(
                        "the node could not read everything; the archive has {bytes} bytes: {}",
                        error.message()
                    ),
                    vec![(path.to_owned(), error)],
                ))
            }
            (Err(_), Some(error)) => Err(error),
            (Err(e), None) => Err(broken(&e)),
        }
    }
}

fn broken(error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the archive is broken: {error}"),
    )
    .sent(Sent::Yes)
}
