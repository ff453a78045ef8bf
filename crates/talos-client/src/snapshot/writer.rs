//! The thread that hashes and writes.
//!
//! Receiving a snapshot already fills one core when it comes in 1 KiB messages;
//! hashing and writing on a thread of their own overlap with it instead of
//! adding to it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use homelab_core::{AtomicFile, Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};

use super::flusher::Flusher;
use super::verify::Verifier;
use super::{Snapshot, database};

/// Blocks that may wait for the disk: bounds memory.
const QUEUE: usize = 4;

enum Work {
    Block(Bytes),
    /// All has arrived: verify, flush, rename.
    Finish,
}

/// A file being written by its own thread. Dropping it before
/// [`finish`](Writer::finish) removes the temporary file.
#[derive(Debug)]
pub(super) struct Writer {
    work: mpsc::Sender<Work>,
    result: oneshot::Receiver<Result<Snapshot>>,
    temp: PathBuf,
    abandoned: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let file = AtomicFile::create(path)?;
        let temp = file.temp_path().to_owned();
        let (work, queue) = mpsc::channel(QUEUE);
        let (answer, result) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let stop = abandoned.clone();
        std::thread::Builder::new()
            .name("etcd-snapshot".to_owned())
            .spawn(move || {
                let _ = answer.send(run(file, queue, &stop));
            })
            .map_err(|e| Error::new(ErrorKind::Io, format!("cannot start a thread: {e}")))?;
        Ok(Writer {
            work,
            result,
            temp,
            abandoned,
        })
    }

    pub(super) async fn write(&mut self, block: Bytes) -> Result<()> {
        match self.work.send(Work::Block(block)).await {
            Ok(()) => Ok(()),
            // The thread is gone, and has left word why.
            Err(_) => Err(self.failure().await),
        }
    }

    pub(super) async fn finish(mut self) -> Result<Snapshot> {
        if self.work.send(Work::Finish).await.is_err() {
            return Err(self.failure().await);
        }
        match (&mut self.result).await {
            Ok(result) => result,
            Err(_) => Err(lost()),
        }
    }

    async fn failure(&mut self) -> Error {
        match (&mut self.result).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) | Err(_) => lost(),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread may be in the middle of a write and removes the file only
        // after it; whoever cancelled shall not see it any more now. After a
        // finish there is nothing under this name.
        self.abandoned.store(true, Ordering::Release);
        let _ = std::fs::remove_file(&self.temp);
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Internal, "the writing thread ended early")
}

fn run(
    mut file: AtomicFile,
    mut queue: mpsc::Receiver<Work>,
    abandoned: &AtomicBool,
) -> Result<Snapshot> {
    let path = file.path().to_owned();
    let mut verifier = Verifier::default();
    let unwritten = |e| Error::io("write", &path, e);
    let mut flusher = Flusher::start(file.handle()?).map_err(unwritten)?;
    while let Some(work) = queue.blocking_recv() {
        if abandoned.load(Ordering::Acquire) {
            break;
        }
        match work {
            Work::Block(block) => {
                verifier.update(&block);
                file.write_all(&block).map_err(unwritten)?;
                flusher.written(block.len());
            }
            Work::Finish => {
                let verified = verifier.finish()?;
                // The rest goes to the disk while the database is looked at: what
                // was just written is still in memory.
                flusher.flush();
                let database = database::walk(&file.handle()?, verified.database_size())?;
                flusher.finish().map_err(unwritten)?;
                return Ok(verified.snapshot(file.commit()?, database));
            }
        }
    }
    Err(Error::new(
        ErrorKind::Cancelled,
        "the snapshot was abandoned",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::{database, snapshot};

    fn entries(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[tokio::test]
    async fn a_good_one_appears_and_a_bad_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcd.db");
        let write = async |parts: &[&[u8]]| {
            let mut writer = Writer::start(&path).unwrap();
            for part in parts {
                writer.write(Bytes::copy_from_slice(part)).await.unwrap();
            }
            assert!(!path.exists());
            writer.finish().await
        };
        let data = snapshot(&database(3));
        let (body, trailer) = data.split_at(data.len() - 32);

        assert_eq!(write(&[body]).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(entries(dir.path()), 0);
        // Both checksums right, and no database.
        let error = write(&[&snapshot(&[7; 1024])]).await.unwrap_err();
        assert!(error.message().contains("not a meta page"), "{error}");
        assert_eq!(entries(dir.path()), 0);

        let good = write(&[body, trailer]).await.unwrap();
        assert_eq!(good.size_bytes, data.len() as u64);
        assert_eq!(good.database.revision, 4);
        assert_eq!(std::fs::read(&path).unwrap(), data);
        assert_eq!(entries(dir.path()), 1);
    }

    #[tokio::test]
    async fn dropped_means_gone_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::start(&dir.path().join("etcd.db")).unwrap();
        writer.write(vec![1_u8; 100_000].into()).await.unwrap();
        drop(writer);
        assert_eq!(entries(dir.path()), 0);
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let error = Writer::start(Path::new("/nonexistent/etcd.db")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains("/nonexistent/etcd.db"));
    }
}
