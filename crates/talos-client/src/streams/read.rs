//! One file of a node.

use std::io::Write;
use std::path::Path;

use futures_util::StreamExt;
use homelab_core::{AtomicFile, Error, ErrorKind, Result, Sent};
use talos_proto::common::Data;
use talos_proto::machine::ReadRequest;

use super::files::absolute;
use super::{FileKind, Frames, ListOptions};
use crate::node::NodeClient;

const OPERATION: &str = "Read";

impl NodeClient {
    /// Reads a regular file, of at most `limit` bytes.
    ///
    /// Talos can fail to read a file halfway and say OK; a file that is shorter
    /// than its size was is refused. Files without a size, as in `/proc`, cannot
    /// be checked.
    ///
    /// # Errors
    /// - `InvalidArgument` for a relative path, before anything is sent.
    /// - `NotFound` for a file that does not exist.
    /// - `ResourceExhausted` for one of more than `limit` bytes.
    /// - `Corrupt` when less has come than there is.
    pub async fn read_file(&self, path: &str, limit: usize) -> Result<Vec<u8>> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let (expected, mut chunks) = self.reading(path).await.map_err(named)?;
        let mut all = Vec::new();
        while let Some(chunk) = chunks.chunk().await? {
            if all.len().saturating_add(chunk.len()) > limit {
                return Err(named(Error::new(
                    ErrorKind::ResourceExhausted,
                    format!("{path} holds more than {limit} bytes"),
                )));
            }
            all.extend_from_slice(&chunk);
        }
        whole(path, expected, &chunks).map_err(named)?;
        Ok(all)
    }

    /// Saves a regular file of the node as `to`, which is replaced once all has
    /// come. Gives back how many bytes it has.
    ///
    /// # Errors
    /// As [`read_file`](NodeClient::read_file) without the limit; `NotFound` or
    /// `Io` when `to` cannot be written. After every error, nothing is left on
    /// the disk.
    ///
    /// # Cancellation
    /// Dropping the future stops the node and leaves nothing.
    pub async fn read_to_file(&self, path: &str, to: impl AsRef<Path>) -> Result<u64> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let to = to.as_ref();
        let mut file = AtomicFile::create(to).map_err(named)?;
        let (expected, mut chunks) = self.reading(path).await.map_err(named)?;
        while let Some(chunk) = chunks.chunk().await? {
            file.write_all(&chunk)
                .map_err(|e| named(Error::io("write", to, e)))?;
        }
        whole(path, expected, &chunks).map_err(named)?;
        file.commit().map_err(named)?;
        Ok(chunks.bytes())
    }

    /// The stream of a file, and how large it is, if that can be known.
    async fn reading(&self, path: &str) -> Result<(Option<u64>, Frames<Data>)> {
        absolute(path)?;
        let expected = self.size_of(path).await;
        let request = ReadRequest {
            path: path.to_owned(),
        };
        let chunks = self
            .download(OPERATION, request, |raw, request| async move {
                raw.machine().read(request).await
            })
            .await?;
        Ok((expected, chunks))
    }

    /// The size of a file with data; whatever hinders us from knowing it
    /// hinders reading too, or does not matter.
    async fn size_of(&self, path: &str) -> Option<u64> {
        let mut files = self.list_files(path, ListOptions::default()).await.ok()?;
        let file = files.next().await?.ok()?;
        (file.kind == FileKind::Regular && file.error.is_none() && file.size_bytes > 0)
            .then_some(file.size_bytes)
    }
}

/// A file may grow while it is read; what is missing is missing.
fn whole(path: &str, expected: Option<u64>, chunks: &Frames<Data>) -> Result<()> {
    match expected {
        Some(size) if chunks.bytes() < size => Err(Error::new(
            ErrorKind::Corrupt,
            format!("{path}: {} of {size} bytes came", chunks.bytes()),
        )
        .sent(Sent::Yes)),
        _ => Ok(()),
    }
}
