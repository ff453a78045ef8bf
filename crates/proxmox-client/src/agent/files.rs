//! Small files inside the guest, and its file systems held still.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::{Method, Params, tolerant};
use serde::{Deserialize, Serialize};

use super::Agent;
use super::call::bytes_of;
use super::exec::decoded;

/// What the server takes in one piece, in base64.
const LARGEST_CONTENT: usize = 61_440;

/// A file read from a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentFile {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether there is more: the server reads 16 MiB at most.
    pub truncated: bool,
}

/// Whether the guest's file systems are held still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FreezeStatus {
    /// They are: writes wait.
    Frozen,
    /// They are not.
    Thawed,
}

impl Agent {
    /// Reads a file, up to 16 MiB of it. Large files are slow: 20 MB take half
    /// a minute.
    ///
    /// # Errors
    /// `NotFound`: no such file; `FailedPrecondition`, `Unsupported`: the agent
    /// cannot be asked; otherwise see
    /// [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn file_read(&self, path: &str) -> Result<AgentFile> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            content: String,
            #[serde(default, deserialize_with = "tolerant::opt")]
            truncated: Option<bool>,
        }
        let params: Params = [("file", path)].into_iter().collect();
        let wire: Wire = decoded(self.raw(Method::Get, "file-read", &params).await?)?;
        Ok(AgentFile {
            content: bytes_of(&wire.content),
            truncated: wire.truncated == Some(true),
        })
    }

    /// Writes a file, replacing what is there. Any bytes survive.
    ///
    /// # Errors
    /// `InvalidArgument`: more than 46,080 bytes, which is what fits into one
    /// call; `NotFound`: no such folder; otherwise as
    /// [`file_read`](Agent::file_read).
    pub async fn file_write(&self, path: &str, content: &[u8]) -> Result<()> {
        // Encoded here: the server's own encoding knows no character above U+00FF.
        let encoded = STANDARD.encode(content);
        if encoded.len() > LARGEST_CONTENT {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} bytes are more than one call takes: {} at most",
                    content.len(),
                    LARGEST_CONTENT / 4 * 3
                ),
            )
            .operation("guest agent file-write"));
        }
        let mut params = Params::new();
        params.push("file", path);
        params.push("content", encoded);
        params.push("encode", "0");
        self.raw(Method::Post, "file-write", &params)
            .await
            .map(|_| ())
    }

    /// Holds the file systems still and gives how many they are. Writes inside
    /// wait until [`fs_thaw`](Agent::fs_thaw); keep it short.
    ///
    /// # Errors
    /// `Unsupported`: frozen already, or an agent without the command;
    /// otherwise as [`file_read`](Agent::file_read).
    ///
    /// # Cancellation
    /// They may be frozen then: thaw them.
    pub async fn fs_freeze(&self) -> Result<u32> {
        self.post("fsfreeze-freeze").await
    }

    /// Lets the file systems go on and gives how many they are.
    ///
    /// # Errors
    /// As [`file_read`](Agent::file_read).
    pub async fn fs_thaw(&self) -> Result<u32> {
        self.post("fsfreeze-thaw").await
    }

    /// Whether the file systems are held still.
    ///
    /// # Errors
    /// As [`file_read`](Agent::file_read).
    pub async fn fs_freeze_status(&self) -> Result<FreezeStatus> {
        self.post("fsfreeze-status").await
    }
}
