//! Files out of a node: what the API lets one download, streamed into a file
//! that is whole or absent.
//!
//! | file | what |
//! |---|---|
//! | `receive.rs` | any download, to a file |
//! | `sources.rs` | a task's log, the journal, files out of a backup |

mod receive;
mod sources;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use sources::{BackupEntry, JournalQuery};

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DownloadProgress {
    /// Bytes that have arrived, as they came over the wire.
    pub received_bytes: u64,
    /// How many there will be; absent when the server does not say.
    pub total_bytes: Option<u64>,
}

/// A file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
}

/// How to download.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DownloadOptions {
    /// Gives up when nothing arrives for so long; 60 seconds unless set.
    pub stall_timeout: Duration,
    /// Gives up on files above this size (unpacked); no limit unless set.
    pub max_bytes: u64,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        DownloadOptions {
            stall_timeout: Duration::from_secs(60),
            max_bytes: u64::MAX,
        }
    }
}

impl DownloadOptions {
    /// Gives up when nothing arrives for so long.
    #[must_use]
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }

    /// Gives up on files above this size.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}
