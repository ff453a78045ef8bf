//! [`UploadSource`] and [`UploadOptions`]: what to upload, and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::{Checksum, StoredContent};
use crate::DataLoss;

/// What to upload.
#[derive(Clone, Debug)]
pub enum UploadSource {
    /// A file on this machine, read as it is sent.
    File(PathBuf),
    /// What is in memory, under a name.
    Bytes(String, Bytes),
}

impl UploadSource {
    /// What is in memory, under a name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        UploadSource::Bytes(name.into(), bytes.into())
    }
}

impl From<PathBuf> for UploadSource {
    fn from(path: PathBuf) -> Self {
        UploadSource::File(path)
    }
}

impl From<&Path> for UploadSource {
    fn from(path: &Path) -> Self {
        UploadSource::File(path.to_owned())
    }
}

/// How to upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadOptions {
    /// What it is; told by its suffix unless set.
    pub content: Option<StoredContent>,
    /// The name to keep it under; that of the file unless set.
    pub file_name: Option<String>,
    /// A checksum that the server has to find.
    pub checksum: Option<Checksum>,
    /// Reads the file once before, so that the server verifies its SHA-256.
    pub verify: bool,
    /// Replaces a volume of that name, whose data is lost. Without the word there
    /// is a look before, since the server itself overwrites without a question;
    /// that look needs `Datastore.Audit` or `Datastore.AllocateSpace` on the storage.
    pub overwrite: Option<DataLoss>,
    /// Gives up when nothing moves for so long; 60 seconds unless set. The
    /// upload as a whole may take as long as it takes.
    pub stall_timeout: Duration,
}

impl Default for UploadOptions {
    fn default() -> Self {
        UploadOptions {
            content: None,
            file_name: None,
            checksum: None,
            verify: false,
            overwrite: None,
            stall_timeout: Duration::from_secs(60),
        }
    }
}

impl UploadOptions {
    /// Says what it is.
    #[must_use]
    pub fn content(mut self, content: StoredContent) -> Self {
        self.content = Some(content);
        self
    }

    /// Keeps it under this name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Has the server find this checksum.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Has the server verify its SHA-256.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Replaces a volume of that name, whose data is lost.
    #[must_use]
    pub fn overwrite(mut self, loss: DataLoss) -> Self {
        self.overwrite = Some(loss);
        self
    }

    /// Gives up when nothing moves for so long.
    #[must_use]
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }
}
