//! [`Release`]: which Proxmox VE it is.

use std::fmt;
use std::str::FromStr;

use homelab_core::{Error, ErrorKind, Result};

use crate::ProxmoxClient;

/// A release of Proxmox VE, as numbers that can be compared.
///
/// ```
/// use proxmox_client::Release;
///
/// let release: Release = "9.1.2".parse()?;
/// assert!(release >= Release::new(9, 0) && release < Release::new(9, 2));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// `9` of 9.1.2.
    pub major: u16,
    /// `1` of 9.1.2.
    pub minor: u16,
    /// `2` of 9.1.2; 0 where it is not told.
    pub patch: u16,
}

impl Release {
    /// The first of a minor release.
    pub const fn new(major: u16, minor: u16) -> Self {
        Release {
            major,
            minor,
            patch: 0,
        }
    }
}

impl FromStr for Release {
    type Err = Error;

    /// Reads `9.2`, `9.2.11`, `8.4-1`, `9.2+`: whatever follows the numbers is
    /// left alone.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("'{text}' is no release: it reads 9.2 or 9.2.11"),
            )
        };
        let numbers = text
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()
            .unwrap_or_default();
        let mut numbers = numbers.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next().transpose().map_err(|_| bad());
        let (major, minor) = (next()?.ok_or_else(bad)?, next()?.ok_or_else(bad)?);
        Ok(Release {
            major,
            minor,
            patch: next()?.unwrap_or_default(),
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

impl ProxmoxClient {
    /// The release that the contacted node runs. Asked anew each time: nodes
    /// of a cluster are upgraded one after the other.
    ///
    /// # Errors
    /// `Protocol` when the server's version has no such form; otherwise see
    /// [`send`](ProxmoxClient::send).
    pub async fn release(&self) -> Result<Release> {
        let version = self.version().await?;
        // The version is finer, but packages of other makers number as they like.
        let parsed = version.version.parse().or_else(|_| version.release.parse());
        parsed.map_err(|_: Error| {
            Error::new(
                ErrorKind::Protocol,
                format!("the server's version '{}' is no release", version.version),
            )
            .operation("GET /version")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_as_they_are_written() {
        let release = |text: &str| text.parse::<Release>().unwrap();
        assert_eq!(release("9.2"), Release::new(9, 2));
        assert_eq!(release("8.4-1"), Release::new(8, 4));
        assert_eq!(release("9.2+"), Release::new(9, 2));
        assert!(release("9.10") > release("9.2.11") && release("9.2.11") > release("9.2"));
        assert_eq!(release("9.1.2").to_string(), "9.1.2");
        for bad in ["", "9", "x", "9.x", "99999999.1", "9..1"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
