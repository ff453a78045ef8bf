//! Files into a storage: sent from disk, or fetched by the node itself.
//!
//! | file | what |
//! |---|---|
//! | `send.rs` | [`Node::upload`]: checks, sends, names what was made |
//! | `options.rs` | what to upload, and how |
//! | `prepare.rs` | its name, size and checksum, before it is sent |
//! | `form.rs` | the multipart form as the server wants it, streamed |
//! | `fetch.rs` | [`Node::download_url`]: the node fetches a URL |
//! | `names.rs` | contents, names and suffixes that the server takes |
//! | `checksum.rs` | checksums that the server verifies |

mod checksum;
mod fetch;
mod form;
mod names;
mod options;
mod prepare;
mod send;

use homelab_core::Result;
use serde::{Deserialize, Serialize};

use crate::{Task, TaskOutcome, TaskProgress, WaitOptions};

pub use checksum::{Checksum, ChecksumAlgorithm};
pub use fetch::{FetchOptions, UrlMetadata};
pub use names::StoredContent;
pub use options::{UploadOptions, UploadSource};

pub(crate) use names::stored_name;
pub(crate) use prepare::hex;

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UploadProgress {
    /// Bytes of the file that were handed to the connection.
    pub sent_bytes: u64,
    /// Its size.
    pub total_bytes: u64,
}

/// A volume that a task is about to make. The task runs on whether or not
/// anybody waits for it.
#[derive(Clone, Debug)]
#[must_use = "the volume is there once the task has ended well"]
pub struct VolumeTask {
    task: Task,
    volume: String,
}

impl VolumeTask {
    /// The task, on the node that works on it: for an upload that is the node
    /// that was contacted, whichever node the storage was asked of.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The volume's name once it is there: `local:iso/talos.iso`.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// Waits until the volume is there.
    ///
    /// # Errors
    /// As [`Task::wait`]: `TaskFailed` when the checksum is not the promised
    /// one, the disk is full, the URL cannot be fetched, …
    pub async fn wait(&self, options: WaitOptions) -> Result<TaskOutcome> {
        self.task.wait(options).await
    }

    /// Waits until the volume is there and tells of every change on the way.
    ///
    /// # Errors
    /// As [`wait`](VolumeTask::wait).
    pub async fn wait_with(
        &self,
        options: WaitOptions,
        on_progress: impl FnMut(TaskProgress) + Send,
    ) -> Result<TaskOutcome> {
        self.task.wait_with(options, on_progress).await
    }
}
