//! Does a machine wait for a configuration, or has it one?

use homelab_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::client::MaintenanceClient;
use super::trust::MaintenanceTrust;
use crate::options::ClientOptions;

/// In which of its two lives a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MachineMode {
    /// It waits for a configuration.
    Maintenance,
    /// It has one: it wants a client certificate.
    Configured,
}

/// What a look at a machine has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Probe {
    /// Whether it waits.
    pub mode: MachineMode,
    /// The fingerprint of the certificate it shows: compare it with the one on the
    /// machine's console before trusting it.
    pub fingerprint: Option<String>,
    /// The release it runs, if it says so: `v1.13.9`. Machines that have a
    /// configuration, and those before v1.13, do not.
    pub version: Option<String>,
}

/// Looks at the machine at `address` without showing who we are. Nothing is
/// changed and nothing secret is sent; whoever answers is not verified.
///
/// A machine in maintenance lets anybody list resources, one that has a
/// configuration refuses those without a certificate.
///
/// # Errors
/// `Unavailable` when nobody answers; `InvalidArgument` for an address that is none.
pub async fn probe(address: &str, options: ClientOptions) -> Result<Probe> {
    let trust = MaintenanceTrust::DangerouslyAnyCertificate;
    let machine = MaintenanceClient::connect(address, &trust, options)?;
    let found = |mode, version| Probe {
        mode,
        fingerprint: machine.fingerprint().map(|f| f.to_string()),
        version,
    };
    match machine
        .node()
        .list_dynamic("meta", "Namespaces.meta.cosi.dev")
        .await
    {
        Ok(_) => {
            let version = machine.version().await.ok().flatten();
            Ok(found(MachineMode::Maintenance, version.map(|v| v.tag)))
        }
        // Without a certificate a configured machine says no in the TLS handshake.
        Err(e) if e.kind() == ErrorKind::Unauthenticated => {
            Ok(found(MachineMode::Configured, None))
        }
        Err(e) => Err(e),
    }
}
