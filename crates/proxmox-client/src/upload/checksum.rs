//! Checksums that the server verifies.

use std::fmt;
use std::str::FromStr;

use homelab_core::{Error, ErrorKind, Result};

/// How a checksum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// 128 bits; broken, for sources that offer nothing better.
    Md5,
    /// 160 bits; broken, for sources that offer nothing better.
    Sha1,
    /// 224 bits.
    Sha224,
    /// 256 bits.
    Sha256,
    /// 384 bits.
    Sha384,
    /// 512 bits.
    Sha512,
}

impl ChecksumAlgorithm {
    const ALL: [ChecksumAlgorithm; 6] = [
        ChecksumAlgorithm::Md5,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha224,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Sha384,
        ChecksumAlgorithm::Sha512,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Md5 => "md5",
            ChecksumAlgorithm::Sha1 => "sha1",
            ChecksumAlgorithm::Sha224 => "sha224",
            ChecksumAlgorithm::Sha256 => "sha256",
            ChecksumAlgorithm::Sha384 => "sha384",
            ChecksumAlgorithm::Sha512 => "sha512",
        }
    }

    const fn hex_digits(self) -> usize {
        match self {
            ChecksumAlgorithm::Md5 => 32,
            ChecksumAlgorithm::Sha1 => 40,
            ChecksumAlgorithm::Sha224 => 56,
            ChecksumAlgorithm::Sha256 => 64,
            ChecksumAlgorithm::Sha384 => 96,
            ChecksumAlgorithm::Sha512 => 128,
        }
    }
}

/// A checksum, written `sha256:9f86d0…`.
///
/// ```
/// use proxmox_client::Checksum;
///
/// let sum: Checksum = "sha1:a9993e364706816aba3e25717850c26c9cd0d89d".parse()?;
/// assert_eq!(sum.algorithm().as_str(), "sha1");
/// assert!("sha256:abc".parse::<Checksum>().is_err());
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    hex: String,
}

impl Checksum {
    /// From an algorithm and hexadecimal digits.
    ///
    /// # Errors
    /// `InvalidArgument` when there are too few or too many digits, or others.
    pub fn new(algorithm: ChecksumAlgorithm, hex: &str) -> Result<Self> {
        let hex = hex.trim().to_ascii_lowercase();
        let wanted = algorithm.hex_digits();
        if hex.len() != wanted || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "'{hex}' is no {} checksum: {wanted} hexadecimal digits",
                    algorithm.as_str()
                ),
            ));
        }
        Ok(Checksum { algorithm, hex })
    }

    /// How it was made.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Its digits, in lower case.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (word, hex) = text.split_once(':').ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("'{text}' is no checksum: it reads sha256:9f86d0…"),
            )
        })?;
        let algorithm = ChecksumAlgorithm::ALL
            .into_iter()
            .find(|a| a.as_str() == word)
            .ok_or_else(|| {
                let known: Vec<_> = ChecksumAlgorithm::ALL.map(ChecksumAlgorithm::as_str).into();
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!(
                        "no checksum algorithm '{word}': there are {}",
                        known.join(", ")
                    ),
                )
            })?;
        Checksum::new(algorithm, hex)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}
