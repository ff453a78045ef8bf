//! The guest agent: programs, files and addresses inside a running guest.
//!
//! | file | what |
//! |---|---|
//! | `call.rs` | one command, and the two ways in which it fails |
//! | `exec.rs` | programs, with their output |
//! | `files.rs` | small files, and freezing the file systems |
//! | `network.rs` | interfaces and addresses |

mod call;
mod exec;
mod files;
mod network;

use homelab_core::Result;
use proxmox_endpoints::AgentOsInfoResult;
use serde::{Deserialize, Serialize};

use crate::Qemu;

pub use call::AgentAvailability;
#[cfg(any(test, fuzzing))]
pub(crate) use call::unwrapped;
pub use exec::{ExecOptions, ExecOutput, ExecStatus};
pub use files::{AgentFile, FreezeStatus};
#[cfg(any(test, fuzzing))]
pub(crate) use network::interfaces;
pub use network::{GuestAddress, GuestInterface};

/// The guest agent of one virtual machine.
///
/// Every call waits for the guest: up to three seconds when nobody answers
/// there, and for as long as the agent hangs when it hangs. What is wrong then
/// can be told from the error: [`AgentAvailability::of`].
#[derive(Clone, Debug)]
pub struct Agent {
    guest: Qemu,
}

impl Qemu {
    /// Its guest agent.
    pub fn agent(&self) -> Agent {
        Agent {
            guest: self.clone(),
        }
    }
}

/// What the agent says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AgentInfo {
    /// Its version.
    pub version: String,
    /// The commands that it has and is allowed to run. Talos' agent has few.
    pub commands: Vec<String>,
}

impl Agent {
    /// Whether the agent answers.
    ///
    /// # Errors
    /// `FailedPrecondition`: it does not, and the message says why; otherwise
    /// see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn ping(&self) -> Result<()> {
        self.post("ping").await.map(|_: serde_json::Value| ())
    }

    /// Whether the agent can be asked, and if not, what is in the way.
    ///
    /// # Errors
    /// What has nothing to do with the agent: see
    /// [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn availability(&self) -> Result<AgentAvailability> {
        match self.ping().await {
            Ok(()) => Ok(AgentAvailability::Ready),
            Err(error) => AgentAvailability::of(&error).ok_or(error),
        }
    }

    /// The operating system in the guest.
    ///
    /// # Errors
    /// As [`ping`](Agent::ping); `Unsupported` where the agent lacks the command.
    pub async fn os_info(&self) -> Result<AgentOsInfoResult> {
        self.get("get-osinfo").await
    }

    /// Its version and commands.
    ///
    /// # Errors
    /// As [`ping`](Agent::ping).
    pub async fn info(&self) -> Result<AgentInfo> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            version: String,
            #[serde(default)]
            supported_commands: Vec<Command>,
        }
        #[derive(Deserialize)]
        struct Command {
            name: String,
            #[serde(default, deserialize_with = "proxmox_endpoints::tolerant::opt")]
            enabled: Option<bool>,
        }
        let wire: Wire = self.get("info").await?;
        let enabled = wire
            .supported_commands
            .into_iter()
            .filter(|command| command.enabled != Some(false));
        Ok(AgentInfo {
            version: wire.version,
            commands: enabled.map(|command| command.name).collect(),
        })
    }
}
