//! Machine configuration, the first start of etcd, client credentials.

use std::fmt;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, SecretString};
use serde::{Deserialize, Serialize};
use talos_proto::machine::apply_configuration_request::Mode;
use talos_proto::machine::{
    ApplyConfigurationRequest, BootstrapRequest, GenerateClientConfigurationRequest,
};

use crate::enum_name::name_of;
use crate::node::NodeClient;

/// When a configuration takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ApplyMode {
    /// At once where that is possible. Where it is not, releases before v1.14
    /// reboot; later ones never do.
    #[default]
    Auto,
    /// At once; releases before v1.14 refuse what needs a reboot.
    NoReboot,
    /// After the next reboot.
    Staged,
    /// At once, and undone after a time unless applied again.
    Try,
    /// With a reboot. Gone in v1.14.
    Reboot,
}

/// How to apply a configuration.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// When it takes effect.
    pub mode: ApplyMode,
    /// Only say what would change.
    pub dry_run: bool,
    /// After how long [`ApplyMode::Try`] is undone; a minute when absent.
    pub try_timeout: Option<Duration>,
}

impl ApplyOptions {
    /// When it takes effect.
    #[must_use]
    pub fn mode(mut self, mode: ApplyMode) -> Self {
        self.mode = mode;
        self
    }

    /// Only say what would change.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Undo it after this long unless it is applied again.
    #[must_use]
    pub fn try_for(mut self, time: Duration) -> Self {
        (self.mode, self.try_timeout) = (ApplyMode::Try, Some(time));
        self
    }

    fn request(self, yaml: &str) -> ApplyConfigurationRequest {
        // The proto's default, 0, would be a reboot.
        let mode = match self.mode {
            ApplyMode::Auto => Mode::Auto,
            ApplyMode::NoReboot => Mode::NoReboot,
            ApplyMode::Staged => Mode::Staged,
            ApplyMode::Try => Mode::Try,
            ApplyMode::Reboot => Mode::Reboot,
        };
        ApplyConfigurationRequest {
            data: yaml.as_bytes().to_vec(),
            mode: mode.into(),
            dry_run: self.dry_run,
            try_mode_timeout: self.try_timeout.and_then(|time| time.try_into().ok()),
        }
    }
}

/// What became of a configuration. `Debug` leaves out the details of a dry run,
/// which may quote secrets.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AppliedConfiguration {
    /// How it was, or would be, applied: `no-reboot`, `reboot`, `staged`, `try`.
    pub mode: String,
    /// In words; of a dry run, what would change. The node quotes whole parts of
    /// both configurations there, with their keys and tokens:
    /// [`plan_configuration`](NodeClient::plan_configuration) masks them.
    pub details: String,
    /// What the node does not like about it.
    pub warnings: Vec<String>,
}

impl fmt::Debug for AppliedConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppliedConfiguration")
            .field("mode", &self.mode)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// How to start etcd for the first time.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BootstrapOptions {
    /// From the snapshot that was uploaded to this node before.
    pub recover: bool,
    /// That one is a raw copy of the database and has no checksum.
    pub skip_hash_check: bool,
}

impl BootstrapOptions {
    /// From the snapshot that [`etcd_recover`](NodeClient::etcd_recover) uploaded.
    #[must_use]
    pub fn recover(mut self) -> Self {
        self.recover = true;
        self
    }

    /// From a raw copy of the database, uploaded before.
    #[must_use]
    pub fn recover_raw_copy(mut self) -> Self {
        (self.recover, self.skip_hash_check) = (true, true);
        self
    }
}

/// A client's credentials, fresh from a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCredentials {
    /// The CA to trust, PEM.
    pub ca: String,
    /// The client certificate, PEM.
    pub crt: String,
    /// Its key, PEM.
    pub key: SecretString,
    /// All as a talosconfig, without endpoints.
    pub talosconfig: SecretString,
}

impl NodeClient {
    /// Applies a whole machine configuration, all documents in one YAML text.
    ///
    /// # Errors
    /// - `InvalidArgument` with Talos' words when it is not valid.
    /// - `FailedPrecondition` while another one is being applied.
    /// - `Unsupported` for [`ApplyMode::Reboot`] since v1.14.
    pub async fn apply_configuration(
        &self,
        yaml: &str,
        options: ApplyOptions,
    ) -> Result<AppliedConfiguration> {
        let request = options.request(yaml);
        let m = self
            .order("ApplyConfiguration", request, |raw, request| async move {
                raw.machine().apply_configuration(request).await
            })
            .await?;
        Ok(AppliedConfiguration {
            mode: name_of(m.mode, "", Mode::as_str_name),
            details: m.mode_details,
            warnings: m.warnings,
        })
    }

    /// Starts etcd for the first time: once in the life of a cluster, on one
    /// control-plane node. The answer comes before a recovery has run; whether it
    /// went well, the service etcd shows.
    ///
    /// # Errors
    /// `AlreadyExists` when etcd has data; `FailedPrecondition` when the node is
    /// not ready yet; `Unsupported` from a worker.
    pub async fn bootstrap(&self, options: BootstrapOptions) -> Result<()> {
        let request = BootstrapRequest {
            recover_etcd: options.recover,
            recover_skip_hash_check: options.skip_hash_check,
        };
        self.order("Bootstrap", request, |raw, request| async move {
            raw.machine().bootstrap(request).await
        })
        .await?;
        Ok(())
    }

    /// A client certificate with these roles (`os:reader`), valid for that long,
    /// signed by this control-plane node.
    ///
    /// # Errors
    /// `InvalidArgument` without a role or a lifetime, before anything is sent;
    /// `Unsupported` from a worker.
    pub async fn generate_client_configuration(
        &self,
        roles: &[&str],
        lifetime: Duration,
    ) -> Result<ClientCredentials> {
        const OPERATION: &str = "GenerateClientConfiguration";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        if roles.is_empty() || lifetime.is_zero() {
            let message = "roles and a lifetime are needed";
            return Err(named(Error::new(ErrorKind::InvalidArgument, message)));
        }
        let request = GenerateClientConfigurationRequest {
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
            crt_ttl: lifetime.try_into().ok(),
        };
        let m = self
            .order(OPERATION, request, |raw, request| async move {
                raw.machine().generate_client_configuration(request).await
            })
            .await?;
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| named(Error::new(ErrorKind::Protocol, "the answer is not text")))
        };
        Ok(ClientCredentials {
            ca: text(&m.ca)?,
            crt: text(&m.crt)?,
            key: text(&m.key)?.into(),
            talosconfig: text(&m.talosconfig)?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_never_means_reboot_mode() {
        let request = ApplyOptions::default().request("machine: {}");
        assert_eq!((request.mode, request.dry_run), (1, false));
        assert_eq!(request.try_mode_timeout, None);
        let request = ApplyOptions::default()
            .try_for(Duration::from_secs(90))
            .request("");
        assert_eq!(request.mode, 4);
        assert_eq!(request.try_mode_timeout.map(|t| t.seconds), Some(90));
    }
}
