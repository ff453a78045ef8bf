//! A tree of files, as the archive that the node makes of it.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzDecoder;
use homelab_core::{AtomicFile, Error, Result, Sent};

use super::files::absolute;
use super::incoming::{CopyProgress, OPERATION};
use super::unpack;
use crate::node::NodeClient;

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
        let mut incoming = self.incoming(path).await?;
        // Looks at checksum and end, which an archive that was cut has not.
        let mut check = GzDecoder::new(io::sink());
        let failure = loop {
            match incoming.next(&mut on_progress).await {
                Ok(Some(chunk)) => {
                    check.write_all(&chunk).map_err(|e| broken(&e))?;
                    file.write_all(&chunk)
                        .map_err(|e| Error::io("write", to, e))?;
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let whole = check.try_finish().map_err(|e| broken(&e));
        if whole.is_ok() {
            file.commit()?;
        }
        let bytes = incoming.bytes();
        incoming.outcome(whole.map(|()| bytes), failure, |bytes| {
            format!("the archive has {bytes} bytes")
        })
    }
}

fn broken(error: &io::Error) -> Error {
    unpack::broken(error).sent(Sent::Yes)
}
