//! A snapshot on its way back to a node.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::stream;
use homelab_core::{Error, ErrorKind, Result, Sent};
use talos_proto::common::Data;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use super::Snapshot;
use crate::node::NodeClient;

const OPERATION: &str = "EtcdRecover";

/// Bytes in a message.
const CHUNK: usize = 32 << 10;

/// Slowest upload that is waited for.
const BYTES_A_SECOND: u64 = 1 << 20;

impl NodeClient {
    /// Uploads a snapshot to this control-plane node, from which a bootstrap with
    /// recovery then starts etcd. Nothing else changes on the node.
    ///
    /// The file is verified before anything is sent, as
    /// [`Snapshot::verify`] does: one that is cut or damaged would show only
    /// after etcd is lost. `raw_copy` is for a copy of `member/snap/db`, which
    /// has no checksum and may be all that is left: it is sent as it is, and
    /// [`EtcdDatabase::read`](super::EtcdDatabase::read) says how it is.
    ///
    /// # Errors
    /// - `Corrupt` when a check fails, `NotFound` or `Io` when the file cannot be
    ///   read; nothing was sent then.
    /// - `FailedPrecondition` when the node's disk is not ready.
    /// - `Unsupported` from a worker.
    pub async fn etcd_recover(&self, from: impl AsRef<Path>, raw_copy: bool) -> Result<()> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let from = from.as_ref();
        let unreadable = |e| named(Error::io("read", from, e));
        let path = from.to_owned();
        let checked = tokio::task::spawn_blocking(move || {
            if raw_copy {
                let size = std::fs::metadata(&path)
                    .map_err(|e| Error::io("read", &path, e))?
                    .len();
                return if size == 0 {
                    Err(empty(&path))
                } else {
                    Ok(size)
                };
            }
            Snapshot::verify(&path).map(|snapshot| snapshot.size_bytes)
        });
        let size = match checked.await {
            Ok(checked) => checked.map_err(|e| named(e.sent(Sent::No)))?,
            Err(e) => return Err(named(Error::new(ErrorKind::Internal, e.to_string()))),
        };
        let file = tokio::fs::File::open(from).await.map_err(unreadable)?;
        let limit =
            self.shared.options.request_timeout + Duration::from_secs(size / BYTES_A_SECOND);
        let (failed, failure) = oneshot::channel();
        let chunks = chunks(file, size, failed);
        let upload = self.act(OPERATION, Some(limit), chunks, |raw, request| async move {
            raw.machine().etcd_recover(request).await
        });
        tokio::select! {
            // The node takes a stream that ends for a whole one; giving up the
            // call makes it throw away what it has.
            biased;
            Ok(e) = failure => Err(unreadable(e)),
            answer = upload => self.element(OPERATION, answer?).map(|_| ()),
        }
    }
}

/// The first `size` bytes of `file`: as many as were verified. When they cannot
/// be read, the stream reports it and does not end.
pub(crate) fn chunks(
    file: tokio::fs::File,
    size: u64,
    failed: oneshot::Sender<io::Error>,
) -> impl futures_core::Stream<Item = Data> + Send + 'static {
    let start = (file, size, failed);
    stream::unfold(start, |(mut file, left, failed)| async move {
        if left == 0 {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        let error = match file.read(&mut bytes).await {
            Ok(0) => io::ErrorKind::UnexpectedEof.into(),
            Ok(count) => {
                bytes.truncate(count);
                let data = Data {
                    metadata: None,
                    bytes: bytes.into(),
                };
                return Some((data, (file, left - count as u64, failed)));
            }
            Err(error) => error,
        };
        let _ = failed.send(error);
        std::future::pending().await
    })
}

fn empty(path: &Path) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} is empty", path.display()))
}
