//! A snapshot that is on the disk already.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use homelab_core::{Error, Result, Sent};

use super::verify::Verifier;
use super::{BLOCK, EtcdDatabase, Snapshot, database};

impl Snapshot {
    /// Makes all the checks of [`etcd_snapshot`](crate::NodeClient::etcd_snapshot)
    /// on a file: size, checksum, and the database inside. Reads all of it.
    ///
    /// # Errors
    /// `NotFound` or `Io` when it cannot be read; `Corrupt`, with numbers, when a
    /// check fails.
    ///
    /// ```no_run
    /// let snapshot = talos_client::Snapshot::verify("backups/etcd.db")?;
    /// println!("revision {}", snapshot.database.revision);
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    pub fn verify(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let unreadable = |e| Error::io("read", path, e);
        let mut file = File::open(path).map_err(unreadable)?;
        let mut verifier = Verifier::default();
        let mut block = vec![0; BLOCK];
        loop {
            let count = file.read(&mut block).map_err(unreadable)?;
            if count == 0 {
                break;
            }
            verifier.update(block.get(..count).unwrap_or_default());
        }
        let local = |e| local(path, e);
        let verified = verifier.finish().map_err(local)?;
        let database = database::walk(&file, verified.database_size()).map_err(local)?;
        Ok(verified.snapshot(path.to_owned(), database))
    }
}

impl EtcdDatabase {
    /// Walks a database that has no checksum: a copy of `member/snap/db` from a
    /// node's disk. One that was copied while etcd ran may be torn.
    ///
    /// # Errors
    /// `NotFound` or `Io` when it cannot be read; `Corrupt`, naming the page,
    /// when it is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let unreadable = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        database::walk(&file, size).map_err(|e| local(path, e))
    }
}

/// What is wrong with a file here is no node's word.
fn local(path: &Path, error: Error) -> Error {
    error.sent(Sent::No).target(path.display().to_string())
}
