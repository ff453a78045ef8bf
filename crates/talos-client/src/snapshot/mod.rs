//! etcd snapshots: streamed to disk, verified, whole or absent.
//!
//! | file | what |
//! |---|---|
//! | `writer.rs` | the thread that hashes and writes |
//! | `flusher.rs` | the thread that flushes to the disk |
//! | `verify.rs` | size and checksum, while it streams by |
//! | `database.rs`, `pages.rs` | the database inside, page by page |
//! | `offline.rs` | a file that is on the disk already |
//! | `recover.rs` | a snapshot on its way back |

mod database;
mod flusher;
mod offline;
mod pages;
mod recover;
mod verify;
mod writer;

pub use database::EtcdDatabase;

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use homelab_core::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use talos_proto::machine::EtcdSnapshotRequest;

use crate::node::NodeClient;
pub(crate) use recover::chunks;
use writer::Writer;

const OPERATION: &str = "EtcdSnapshot";

/// Talos sends 1 KiB at a time; the writer gets whole blocks of this size.
const BLOCK: usize = 256 << 10;

/// A verified snapshot on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// Size of the file: the database and the 32 bytes of its checksum.
    pub size_bytes: u64,
    /// SHA-256 of the file, as `sha256sum` prints it.
    pub sha256: String,
    /// SHA-256 of the database alone; what the file's last 32 bytes say.
    pub database_sha256: String,
    /// What is in the database.
    pub database: EtcdDatabase,
}

/// How far a snapshot is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SnapshotProgress {
    /// Bytes that have arrived.
    pub bytes: u64,
    /// About how many there will be: the size of the database just before. Absent
    /// when the node does not say.
    pub expected_bytes: Option<u64>,
}

impl NodeClient {
    /// Saves a snapshot of etcd from this control-plane node.
    ///
    /// `to` is a file, which is replaced, or a folder (one that exists, or a
    /// path with a slash at its end, which is created), in which the file is
    /// named after node and time. The file appears under its name only when all
    /// of it has arrived, all checks have passed (its size is whole pages and a
    /// checksum; the SHA-256 at its end is right; the database inside is whole,
    /// from its meta pages down to every leaf) and it is on the disk. A node
    /// that stops halfway and says OK, as Talos can, is found out by the checks.
    ///
    /// `on_progress` is called about every 256 KiB, and at the end.
    ///
    /// # Errors
    /// - `Corrupt`, with numbers, when a check fails.
    /// - `NotFound` or `Io` when the file cannot be written.
    /// - `Timeout` when nothing arrives for [`stall_timeout`](crate::ClientOptions::stall_timeout).
    /// - `Unsupported` from a worker; `PermissionDenied` without `os:admin`,
    ///   `os:operator` or `os:etcd:backup`.
    ///
    /// After every error, nothing is left on the disk.
    ///
    /// # Cancellation
    /// Dropping the future stops the node and removes the temporary file.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// let snapshot = node
    ///     .etcd_snapshot("backups/", |p| eprintln!("{} bytes", p.bytes))
    ///     .await?;
    /// println!("{}: revision {}", snapshot.path.display(), snapshot.database.revision);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn etcd_snapshot(
        &self,
        to: impl AsRef<Path>,
        on_progress: impl FnMut(SnapshotProgress) + Send,
    ) -> Result<Snapshot> {
        self.snapshot(to.as_ref(), on_progress)
            .await
            .map_err(|e| e.operation(OPERATION).target(self.target()))
    }

    async fn snapshot(
        &self,
        to: &Path,
        mut on_progress: impl FnMut(SnapshotProgress) + Send,
    ) -> Result<Snapshot> {
        let path = self.file(to)?;
        let mut writer = Writer::start(&path)?;
        // Only an estimate, so a node that does not tell it is no obstacle.
        let expected_bytes = self.etcd_status().await.ok().map(|s| s.db_size_bytes);
        let mut chunks = self
            .download(
                OPERATION,
                EtcdSnapshotRequest {},
                |raw, request| async move { raw.machine().etcd_snapshot(request).await },
            )
            .await?;
        let mut block = BytesMut::with_capacity(BLOCK);
        while let Some(chunk) = chunks.chunk().await? {
            block.extend_from_slice(&chunk);
            if block.len() >= BLOCK {
                let full = std::mem::replace(&mut block, BytesMut::with_capacity(BLOCK));
                writer.write(full.freeze()).await?;
                on_progress(SnapshotProgress {
                    bytes: chunks.bytes(),
                    expected_bytes,
                });
            }
        }
        writer.write(block.freeze()).await?;
        let snapshot = writer.finish().await?;
        on_progress(SnapshotProgress {
            bytes: chunks.bytes(),
            expected_bytes,
        });
        Ok(snapshot)
    }

    /// The file that `to` means.
    fn file(&self, to: &Path) -> Result<PathBuf> {
        let ends_with_slash = to
            .as_os_str()
            .as_encoded_bytes()
            .last()
            .is_some_and(|b| std::path::is_separator(char::from(*b)));
        if ends_with_slash {
            std::fs::create_dir_all(to).map_err(|e| Error::io("create", to, e))?;
        } else if !to.is_dir() {
            return Ok(to.to_owned());
        }
        let now = Timestamp::try_from(self.shared.options.clock.now()).unwrap_or_default();
        Ok(to.join(format!(
            "etcd-{}-{}.db",
            file_name_part(self.target()),
            now.strftime("%Y%m%dT%H%M%SZ")
        )))
    }
}

/// Walks a database in memory, for the fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn walk_bytes(data: &[u8]) {
    let _ = database::walk(data, data.len() as u64);
}

/// IPv6 addresses and context names hold characters that file names should not.
fn file_name_part(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c,
            '.' | '-' | '_' => c,
            _ => '-',
        })
        .collect()
}

#[cfg(test)]
mod tests;
