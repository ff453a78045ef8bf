//! Names and numbers that the inventory does not give, derived from one seed
//! and a label, so that a run is repeatable and adding a guest changes no
//! other guest.

use sha2::{Digest, Sha256};

/// 32 bytes that depend on nothing but `seed` and `label`.
pub fn bytes(seed: u64, label: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(label.as_bytes());
    hash.finalize().into()
}

/// A number, never 0.
pub fn number(seed: u64, label: &str) -> u64 {
    let b = bytes(seed, label);
    u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]).max(1)
}

/// A MAC address in the range that Proxmox hands out (`BC:24:11`), lower case.
pub fn mac(seed: u64, label: &str) -> String {
    let b = bytes(seed, label);
    format!("bc:24:11:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2])
}

/// A random-looking UUID (version 4), lower case.
pub fn uuid(seed: u64, label: &str) -> String {
    let mut b = bytes(seed, label);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex = hex(&b[..16]);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_seed_and_label_only() {
        assert_eq!(mac(1, "a"), mac(1, "a"));
        assert_ne!(mac(1, "a"), mac(2, "a"));
        assert_ne!(mac(1, "a"), mac(1, "b"));
        let id = uuid(1, "a");
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
    }
}
