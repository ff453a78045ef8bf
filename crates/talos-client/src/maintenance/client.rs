//! The client of a machine that waits for its configuration.

use homelab_core::{Error, ErrorKind, Result};

use super::trust::{MaintenanceTrust, Seen, SpkiFingerprint, client_config};
use crate::client::TalosClient;
use crate::config::Context;
use crate::cosi::Disk;
use crate::lifecycle::{AppliedConfiguration, ApplyMode, ApplyOptions};
use crate::machine::Version;
use crate::node::NodeClient;
use crate::options::ClientOptions;

/// What machines before v1.13 take at most; a larger request breaks the connection.
const SMALL_REQUEST: usize = 4 << 20;

/// A client of one machine in maintenance mode. Cheap to clone.
///
/// ```no_run
/// # async fn example() -> homelab_core::Result<()> {
/// use talos_client::{ApplyOptions, ClientOptions, MaintenanceClient, MaintenanceTrust};
///
/// let trust = MaintenanceTrust::fingerprint("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")?;
/// let machine = MaintenanceClient::connect("172.16.1.60", &trust, ClientOptions::default())?;
/// for disk in machine.disks().await? {
///     println!("{} {} bytes", disk.dev_path, disk.size_bytes);
/// }
/// let yaml = std::fs::read_to_string("controlplane.yaml").unwrap_or_default();
/// machine.apply_configuration(&yaml, ApplyOptions::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MaintenanceClient {
    node: NodeClient,
    seen: Seen,
}

impl MaintenanceClient {
    /// Prepares a client of the machine at `address` (`172.16.1.60`, `host:50000`).
    /// Nothing is dialled yet.
    ///
    /// Of `options`, the endpoints do not count: there is one machine and nobody
    /// passes calls on.
    ///
    /// # Errors
    /// `InvalidArgument` for an address that is none, and when nobody is trusted.
    pub fn connect(
        address: &str,
        trust: &MaintenanceTrust,
        mut options: ClientOptions,
    ) -> Result<Self> {
        let seen = Seen::default();
        let tls = client_config(trust, seen.clone())?;
        options.endpoints = None;
        let context = Context::new(address, [address]);
        let client = TalosClient::with_tls(&context, tls, options).map_err(|e| {
            // There is no file that could be wrong.
            Error::new(ErrorKind::InvalidArgument, e.message())
        })?;
        Ok(MaintenanceClient {
            node: client.endpoint(),
            seen,
        })
    }

    /// All calls, of which the machine takes few; the [module](crate::maintenance)
    /// says which.
    pub fn node(&self) -> &NodeClient {
        &self.node
    }

    /// The fingerprint that the machine has shown; nothing before the first call.
    pub fn fingerprint(&self) -> Option<SpkiFingerprint> {
        self.seen.get()
    }

    /// Which release it runs; nothing before v1.13, where machines do not say.
    ///
    /// # Errors
    /// `Untrusted` when its fingerprint is another; `Unauthenticated` when it has a
    /// configuration already; `Unavailable` when nobody answers.
    pub async fn version(&self) -> Result<Option<Version>> {
        match self.node.version().await {
            Ok(version) => Ok(Some(version)),
            Err(e) if e.kind() == ErrorKind::Unsupported => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The disks that Talos could be installed on.
    ///
    /// # Errors
    /// As [`version`](MaintenanceClient::version).
    pub async fn disks(&self) -> Result<Vec<Disk>> {
        self.node.disks().await
    }

    /// Gives the machine its first configuration. It then installs itself to disk
    /// and comes back with the certificates of its cluster; a dry run only says
    /// whether it would take it.
    ///
    /// # Errors
    /// - `InvalidArgument` with Talos' words when the configuration is not valid.
    /// - `Unsupported` for modes that machines before v1.13 do not know here.
    /// - `ResourceExhausted` for more than 4 MiB, before v1.13, before anything is sent.
    /// - `Unauthenticated` when it has a configuration already: it then wants a
    ///   client certificate.
    pub async fn apply_configuration(
        &self,
        yaml: &str,
        options: ApplyOptions,
    ) -> Result<AppliedConfiguration> {
        let old = yaml.len() > SMALL_REQUEST
            || matches!(options.mode, ApplyMode::NoReboot | ApplyMode::Staged);
        if old && self.version().await?.is_none() {
            let error = if yaml.len() > SMALL_REQUEST {
                let message = format!(
                    "the configuration has {} bytes; in maintenance, releases before v1.13 take 4 MiB",
                    yaml.len()
                );
                Error::new(ErrorKind::ResourceExhausted, message)
            } else {
                let message = "in maintenance, releases before v1.13 apply a configuration automatically, with a reboot or to try it, and in no other mode";
                Error::new(ErrorKind::Unsupported, message)
            };
            return Err(error
                .sent(homelab_core::Sent::No)
                .operation("ApplyConfiguration")
                .target(self.node.target()));
        }
        self.node.apply_configuration(yaml, options).await
    }
}
