//! A tree of files, unpacked safely.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use homelab_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::files::absolute;
use super::incoming::{CopyProgress, OPERATION};
use super::unpack::unpack;
use crate::node::NodeClient;

/// Chunks that may wait for the disk: bounds memory.
const QUEUE: usize = 64;

/// How to copy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Longest that all files together may be. 16 GiB.
    pub max_bytes: u64,
    /// Whether symbolic links are made. They are made last and never followed,
    /// but may point anywhere. Yes.
    pub symlinks: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        CopyOptions {
            max_bytes: 16 << 30,
            symlinks: true,
        }
    }
}

impl CopyOptions {
    /// Longest that all files together may be.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Leave symbolic links out.
    #[must_use]
    pub fn without_symlinks(mut self) -> Self {
        self.symlinks = false;
        self
    }
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Copied {
    /// The folder that now holds it.
    pub path: PathBuf,
    /// How many regular files.
    pub files: u64,
    /// How many folders.
    pub folders: u64,
    /// How many symbolic links.
    pub symlinks: u64,
    /// What the regular files hold together.
    pub size_bytes: u64,
    /// What was left out, and why: devices, pipes, paths that lead out.
    pub skipped: Vec<SkippedFile>,
}

/// What was left out of a copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SkippedFile {
    /// Its path in the archive.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl NodeClient {
    /// Copies a file or a tree of files into the folder `to`, which must be empty
    /// or not exist.
    ///
    /// Nothing is written outside of `to`: entries with absolute paths or `..`
    /// are left out, symbolic links are made last, hard links, devices, pipes
    /// and sockets are left out, owners and set-user-id bits are not taken over.
    /// What was left out is in [`Copied::skipped`]. The folder appears once the
    /// archive has come whole.
    ///
    /// # Errors
    /// - `InvalidArgument` for a relative path, before anything is sent.
    /// - `AlreadyExists` when `to` holds something; `Io` when it cannot be written.
    /// - `PartialFailure` when the node could not read some files: the folder then
    ///   holds the others.
    /// - `Corrupt` for a broken archive, `ResourceExhausted` for one that unpacks
    ///   to more than [`max_bytes`](CopyOptions::max_bytes).
    ///
    /// After every other error than `PartialFailure`, nothing is left on the disk.
    ///
    /// # Cancellation
    /// Dropping the future stops the node and leaves nothing.
    pub async fn copy_files(
        &self,
        path: &str,
        to: impl AsRef<Path>,
        options: CopyOptions,
        on_progress: impl FnMut(CopyProgress) + Send,
    ) -> Result<Copied> {
        self.copy(path, to.as_ref(), options, on_progress)
            .await
            .map_err(|e| e.operation(OPERATION).target(self.target()))
    }

    async fn copy(
        &self,
        path: &str,
        to: &Path,
        options: CopyOptions,
        mut on_progress: impl FnMut(CopyProgress) + Send,
    ) -> Result<Copied> {
        absolute(path)?;
        free(to)?;
        let mut incoming = self.incoming(path).await?;
        let (mut sender, result) = start(to.to_owned(), options)?;
        let failure = loop {
            match incoming.next(&mut on_progress).await {
                Ok(Some(chunk)) => {
                    // A closed queue means that the archive has ended or is
                    // broken; the thread's result says which.
                    if sender.send(Piece::Data(chunk)).await.is_err() {
                        sender = mpsc::channel(1).0;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let _ = sender.send(Piece::End).await;
        let copied = result
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "unpacking ended early")));
        incoming.outcome(copied, failure, |copied| {
            format!("{} files were copied", copied.files)
        })
    }
}

/// Whether a copy may go there.
fn free(to: &Path) -> Result<()> {
    match std::fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is not empty", to.display()),
            )
            .sent(homelab_core::Sent::No)),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("write into", to, e)),
    }
}

pub(super) enum Piece {
    Data(Bytes),
    /// The stream ended; without this one it was cut.
    End,
}

type Unpacking = (mpsc::Sender<Piece>, oneshot::Receiver<Result<Copied>>);

/// A thread that unpacks what it is sent.
fn start(to: PathBuf, options: CopyOptions) -> Result<Unpacking> {
    let (sender, queue) = mpsc::channel(QUEUE);
    let (answer, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("talos-copy".to_owned())
        .spawn(move || {
            let _ = answer.send(unpack(Pieces::new(queue), &to, &options));
        })
        .map_err(|e| Error::new(ErrorKind::Io, format!("cannot start a thread: {e}")))?;
    Ok((sender, result))
}

/// What comes through the queue, as a reader.
pub(super) struct Pieces {
    queue: mpsc::Receiver<Piece>,
    rest: Bytes,
    ended: bool,
}

impl Pieces {
    fn new(queue: mpsc::Receiver<Piece>) -> Self {
        Pieces {
            queue,
            rest: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.queue.blocking_recv() {
                Some(Piece::Data(data)) => self.rest = data,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::other("the copy was abandoned")),
            }
        }
        let count = self.rest.len().min(into.len());
        if let Some(into) = into.get_mut(..count) {
            self.rest.copy_to_slice(into);
        }
        Ok(count)
    }
}
