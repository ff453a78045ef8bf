//! A detached PGP signature: version 4, Ed25519, SHA-256 (RFC 9580, 5.2.3).

use std::time::{SystemTime, UNIX_EPOCH};

use ring::digest::{Context, SHA256};

use super::SigningKey;
use super::key::EDDSA;

/// Of bytes as they are, not of text.
const BINARY: u8 = 0;
const SHA256_ID: u8 = 8;

impl SigningKey {
    /// The signature's packet over `data`, made at `now`.
    pub(crate) fn sign(&self, data: &[u8], now: SystemTime) -> Vec<u8> {
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        // Entries under the signature: when, and by which key.
        let mut hashed = entry(2, &seconds.to_be_bytes());
        hashed.extend(entry(33, &[&[4], &self.fingerprint[..]].concat()));
        let mut body = vec![4, BINARY, EDDSA, SHA256_ID];
        body.extend(length(hashed.len()));
        body.extend(hashed);

        let mut digest = Context::new(&SHA256);
        digest.update(data);
        digest.update(&body);
        digest.update(&[4, 0xff]);
        digest.update(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        let digest = digest.finish();

        // Entries beside it: the key's short name, for readers of older times.
        let beside = entry(16, &self.fingerprint[12..]);
        body.extend(length(beside.len()));
        body.extend(beside);
        body.extend(&digest.as_ref()[..2]);
        let signature = self.pair.sign(digest.as_ref());
        for half in signature.as_ref().chunks(32) {
            body.extend(mpi(half));
        }
        let mut packet = vec![0xc2, u8::try_from(body.len()).unwrap_or(u8::MAX)];
        packet.extend(body);
        packet
    }
}

fn entry(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len() + 1).unwrap_or(u8::MAX);
    [&[length, kind], content].concat()
}

fn length(of: usize) -> [u8; 2] {
    u16::try_from(of).unwrap_or(u16::MAX).to_be_bytes()
}

/// A number with its length in bits in front.
pub(super) fn mpi(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let digits = &bytes[zeros..];
    let unused = digits.first().map_or(0, |b| b.leading_zeros());
    let bits = digits.len() * 8 - usize::try_from(unused).unwrap_or_default();
    [&length(bits)[..], digits].concat()
}
