//! Writes and reads an etcd database: a bbolt file with revisioned keys, the real thing
//! for everything that reads one.
//!
//! | file | what |
//! |---|---|
//! | `page` | pages, meta pages with checksums, the free list |
//! | `tree` | buckets as B+ trees |
//! | `read` | the keys of a database, for a restore |
//! | `etcd` | the buckets of etcd and what is in them |
//!
//! The format, in short: fixed pages; pages 0 and 1 are alternate meta pages;
//! each bucket is a B+ tree of pages; pages that belong to nothing must be in
//! the free list. Numbers are little endian.

mod etcd;
mod page;
mod read;
mod tree;

use bytes::Bytes;

pub(super) use etcd::etcd_database;
pub(super) use read::read_keys;

/// A database file. Pages in use are held; the free ones behind them are zeros
/// that need no memory, so a large database costs no more than a small one.
#[derive(Clone, Debug)]
pub(super) struct Database {
    used: Bytes,
    size: u64,
}

impl Database {
    /// Size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// At most `length` bytes from `offset`; empty at the end.
    pub(super) fn read(&self, offset: u64, length: usize) -> Bytes {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(left);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.used.len());
        let end = (start + length).min(self.used.len());
        if end - start == length {
            return self.used.slice(start..end);
        }
        let mut bytes = self.used[start..end].to_vec();
        bytes.resize(length, 0);
        bytes.into()
    }
}
