//! The thread that brings to the disk what was written, while more arrives.
//!
//! Left to the end, a flush of a large file takes as long again as a third of its
//! transfer.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes between two flushes.
const EVERY: u64 = 32 << 20;

/// Flushes a file that others write. Dropped early, it stops after the flush that
/// it is at.
#[derive(Debug)]
pub(super) struct Flusher {
    requests: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
    waiting: u64,
}

impl Flusher {
    pub(super) fn start(file: File) -> io::Result<Self> {
        let (requests, asked) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("etcd-snapshot-flush".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    file.sync_data()?;
                }
                Ok(())
            })?;
        Ok(Flusher {
            requests,
            thread,
            waiting: 0,
        })
    }

    /// To be told of every write.
    pub(super) fn written(&mut self, bytes: usize) {
        self.waiting = self.waiting.saturating_add(bytes as u64);
        if self.waiting >= EVERY {
            self.flush();
        }
    }

    /// Begins a flush, now or right after the one that is going on.
    pub(super) fn flush(&mut self) {
        self.waiting = 0;
        // Full: one that will see these bytes is waiting already. Gone: it
        // failed, as `finish` will tell.
        let _ = self.requests.try_send(());
    }

    /// Waits for all flushes.
    ///
    /// # Errors
    /// That of the first flush that failed: the kernel tells it only once.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.requests);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the flushing thread ended early")))
    }
}
