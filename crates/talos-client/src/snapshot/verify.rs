//! Size and checksum of a snapshot, checked while it streams by.

use std::path::PathBuf;

use homelab_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use super::{EtcdDatabase, Snapshot};
use crate::hex::hex;

/// Length of the checksum behind the database.
const TRAILER: usize = 32;

/// Databases are whole pages; every page size is a multiple of this.
const PAGE_UNIT: u64 = 512;

/// Hashes all but the last 32 bytes of a stream whose length is not known.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    hash: Sha256,
    /// The last bytes so far, at most 32: perhaps the trailer.
    tail: Vec<u8>,
    size: u64,
}

/// What a snapshot that passed these checks is.
#[derive(Debug, PartialEq)]
pub(super) struct Verified {
    pub(super) size: u64,
    pub(super) file_sha256: String,
    pub(super) database_sha256: String,
}

impl Verified {
    /// Bytes before the checksum.
    pub(super) fn database_size(&self) -> u64 {
        self.size.saturating_sub(TRAILER as u64)
    }

    pub(super) fn snapshot(self, path: PathBuf, database: EtcdDatabase) -> Snapshot {
        Snapshot {
            path,
            size_bytes: self.size,
            sha256: self.file_sha256,
            database_sha256: self.database_sha256,
            database,
        }
    }
}

impl Verifier {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.size = self
            .size
            .saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if data.len() >= TRAILER {
            let (body, tail) = data.split_at(data.len() - TRAILER);
            self.hash.update(&self.tail);
            self.hash.update(body);
            self.tail.clear();
            self.tail.extend_from_slice(tail);
            return;
        }
        self.tail.extend_from_slice(data);
        let surplus = self.tail.len().saturating_sub(TRAILER);
        self.hash.update(self.tail.drain(..surplus).as_slice());
    }

    /// # Errors
    /// `Corrupt`, with the numbers that do not fit.
    pub(super) fn finish(self) -> Result<Verified> {
        let corrupt = |message| Err(Error::new(ErrorKind::Corrupt, message));
        let Verifier { hash, tail, size } = self;
        let remainder = size % PAGE_UNIT;
        let trailer = u64::try_from(TRAILER).unwrap_or(u64::MAX);
        if size <= trailer {
            return corrupt(format!(
                "the snapshot is empty: {size} bytes arrived, and the stream ended without an error"
            ));
        }
        if remainder != trailer {
            return corrupt(format!(
                "the snapshot was cut short: {size} bytes arrived, which leaves {remainder} \
                 beyond whole pages of {PAGE_UNIT} where the checksum takes {TRAILER}"
            ));
        }
        let database = hash.clone().finalize();
        if database.as_slice() != tail.as_slice() {
            return corrupt(format!(
                "the snapshot is damaged: the SHA-256 of its first {} bytes is {}, \
                 but its last {TRAILER} bytes say {}",
                size - trailer,
                hex(&database),
                hex(&tail)
            ));
        }
        Ok(Verified {
            size,
            database_sha256: hex(&database),
            file_sha256: hex(&hash.chain_update(&tail).finalize()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(pages: usize) -> Vec<u8> {
        let mut data: Vec<u8> = (0..251).cycle().take(pages * 512).collect();
        let trailer = Sha256::digest(&data);
        data.extend_from_slice(&trailer);
        data
    }

    fn verify(data: &[u8], chunk: usize) -> Result<Verified> {
        let mut verifier = Verifier::default();
        data.chunks(chunk).for_each(|c| verifier.update(c));
        verifier.finish()
    }

    #[test]
    fn chunk_boundaries_carry_no_meaning() {
        let data = snapshot(9);
        let expected = hex(&Sha256::digest(&data));
        for chunk in [1, 3, 31, 32, 33, 500, 512, 1024, 10_000] {
            let verified = verify(&data, chunk).unwrap();
            assert_eq!(verified.size, 9 * 512 + 32);
            assert_eq!(verified.file_sha256, expected, "chunks of {chunk}");
        }
    }

    #[test]
    fn every_cut_is_found() {
        let data = snapshot(2);
        for length in 0..data.len() {
            let error = verify(&data[..length], 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}");
        }
        let error = verify(&data[..1000], 100).unwrap_err();
        assert!(error.message().contains("1000 bytes arrived"), "{error}");
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut data = snapshot(4);
        data[700] ^= 1;
        let error = verify(&data, 1024).unwrap_err();
        assert!(
            error.message().contains("SHA-256 of its first 2048 bytes"),
            "{error}"
        );
    }
}
