//! A download, from the first byte to the renamed file.

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use homelab_core::{AtomicFile, Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Method, Params};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::{DownloadOptions, DownloadProgress, Downloaded};
use crate::transport::{self, Opened, Opening};
use crate::{ProxmoxClient, answer, release};

/// So many chunks may wait for the disk.
const AHEAD: usize = 8;

impl ProxmoxClient {
    /// Downloads what `path` answers to `params` into the file `to`, unpacked
    /// where the server packs it. The file appears only when it is whole.
    ///
    /// The calls that answer with a file have methods of their own:
    /// [`Node::download_task_log`](crate::Node::download_task_log),
    /// [`Node::download_journal`](crate::Node::download_journal),
    /// [`Node::download_from_backup`](crate::Node::download_from_backup).
    ///
    /// # Errors
    /// * `NotFound`, `Io`: the folder is not there, the disk is full.
    /// * `InvalidArgument`, `Unsupported`: a parameter breaks its rule, the node
    ///   is too old; nothing was sent.
    /// * `Protocol`, `Unavailable`: the answer is a page, or broke off.
    /// * `Timeout`: nothing arrived for the stall timeout.
    /// * `ResourceExhausted`: more than `max_bytes`.
    /// * otherwise see [`send`](ProxmoxClient::send).
    ///
    /// # Cancellation
    /// Dropping the future closes the connection and leaves no file.
    pub(crate) async fn download(
        &self,
        operation: &'static str,
        path: &str,
        params: &Params,
        to: &Path,
        options: DownloadOptions,
        mut on_progress: impl FnMut(DownloadProgress) + Send,
    ) -> Result<Downloaded> {
        let named = |error: Error| error.operation(operation);
        let known = self.admit(Method::Get, path, params).await.map_err(named)?;
        let explained = |error: Error| named(release::explain(error, known));
        let file = AtomicFile::create(to).map_err(named)?;
        let query = if params.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", params.to_query())
        };
        let opening = Opening {
            method: Method::Get,
            path: &query,
            endpoint: None,
            deadline: Some(Instant::now() + options.stall_timeout),
        };
        let opened = transport::open(&self.inner, &opening, |request| request)
            .await
            .map_err(named)?;
        if !opened.response.status().is_success() {
            let by = Instant::now() + options.stall_timeout;
            let reply = timeout_at(by, transport::whole(&self.inner, opened))
                .await
                .map_err(|_| named(stalled(options)))?
                .map_err(named)?;
            let refused = answer::check(&reply).err().unwrap_or_else(|| {
                Error::new(ErrorKind::Protocol, "the server refused without a word")
            });
            return Err(explained(self.inner.auth.explain(refused)).target(reply.target));
        }
        let host = opened.host.clone();
        if is_page(opened.response.headers()) {
            return Err(named(answer::page(opened.response.status().as_u16(), "")).target(host));
        }
        receive(opened, file, options, &mut on_progress)
            .await
            .map_err(|error| named(error).target(host))
    }
}

/// Whether this is a page for people. The server sends none, whatever it
/// restores; what stands before it does.
fn is_page(headers: &http::HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/html")
    })
}

fn stalled(options: DownloadOptions) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("nothing arrived for {:?}", options.stall_timeout),
    )
    .sent(Sent::Yes)
}

async fn receive(
    opened: Opened,
    file: AtomicFile,
    options: DownloadOptions,
    on_progress: &mut (dyn FnMut(DownloadProgress) + Send),
) -> Result<Downloaded> {
    let mut response = opened.response;
    let total_bytes = response.content_length();
    let packed = response
        .headers()
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let (chunks, waiting) = mpsc::channel(AHEAD);
    // The disk may block; a thread of its own waits for it.
    let writer = tokio::task::spawn_blocking(move || write(file, waiting, packed, options));
    let transfer = async {
        let mut received_bytes = 0;
        loop {
            let chunk = timeout(options.stall_timeout, response.chunk())
                .await
                .map_err(|_| stalled(options))?
                .map_err(|error| transport::broken_answer(error, received_bytes))?;
            let Some(chunk) = chunk else { break };
            received_bytes += chunk.len() as u64;
            on_progress(DownloadProgress {
                received_bytes,
                total_bytes,
            });
            if chunks.send(Step::Chunk(chunk)).await.is_err() {
                // The writer has stopped, and says why.
                break;
            }
        }
        // Without this word the writer throws the file away: a future that is
        // dropped half-way must leave nothing.
        let _ = chunks.send(Step::Whole).await;
        Ok(())
    };
    let transferred = transfer.await;
    drop(chunks);
    let written = writer
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the file was not written").source(e))?;
    transferred.and(written)
}

enum Step {
    Chunk(Bytes),
    Whole,
}

fn write(
    file: AtomicFile,
    mut waiting: mpsc::Receiver<Step>,
    packed: bool,
    options: DownloadOptions,
) -> Result<Downloaded> {
    let path = file.path().to_owned();
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::FileTooLarge => Error::new(
            ErrorKind::ResourceExhausted,
            format!("the download is larger than {} bytes", options.max_bytes),
        ),
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => Error::new(
            ErrorKind::Corrupt,
            format!("the download cannot be unpacked: {e}"),
        ),
        _ => Error::io("write", &path, e),
    };
    let mut target = Target::new(file, packed, options.max_bytes);
    while let Some(step) = waiting.blocking_recv() {
        match step {
            Step::Chunk(chunk) => target.write_all(&chunk).map_err(failed)?,
            Step::Whole => {
                let counted = target.finish().map_err(failed)?;
                let size_bytes = counted.bytes;
                let path = counted.file.commit()?;
                return Ok(Downloaded { path, size_bytes });
            }
        }
    }
    Err(Error::new(
        ErrorKind::Cancelled,
        "the download was given up",
    ))
}

enum Target {
    Plain(Counted),
    Packed(Box<MultiGzDecoder<Counted>>),
}

impl Target {
    fn new(file: AtomicFile, packed: bool, max: u64) -> Self {
        let counted = Counted {
            file,
            bytes: 0,
            max,
        };
        if packed {
            Target::Packed(Box::new(MultiGzDecoder::new(counted)))
        } else {
            Target::Plain(counted)
        }
    }

    fn write_all(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        match self {
            Target::Plain(file) => file.write_all(chunk),
            Target::Packed(decoder) => decoder.write_all(chunk),
        }
    }

    fn finish(self) -> std::io::Result<Counted> {
        match self {
            Target::Plain(file) => Ok(file),
            Target::Packed(decoder) => decoder.finish(),
        }
    }
}

/// A file that knows its length and its limit.
struct Counted {
    file: AtomicFile,
    bytes: u64,
    max: u64,
}

impl Write for Counted {
    fn write(&mut self, chunk: &[u8]) -> std::io::Result<usize> {
        if self.bytes + chunk.len() as u64 > self.max {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let written = self.file.write(chunk)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
