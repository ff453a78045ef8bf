//! Collecting credentials in code.

use std::path::PathBuf;

use homelab_core::{Error, ErrorKind, Result, SecretString};

use super::shape::{check_login, endpoint, fingerprint};
use super::{
    Credentials, PROXMOX_TOKEN, ProxmoxCredentials, ProxmoxLogin, TALOSCONFIG, TalosCredentials,
};

/// Collects [`Credentials`]; made by [`Credentials::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CredentialsBuilder {
    pub(super) login: Option<ProxmoxLogin>,
    endpoints: Vec<String>,
    ca_file: Option<PathBuf>,
    fingerprints: Vec<String>,
    pub(super) talos: Option<TalosCredentials>,
}

impl CredentialsBuilder {
    /// Uses an API token: `id` is `user@realm!name`.
    pub fn proxmox_token(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.login = Some(ProxmoxLogin::Token {
            id: id.into(),
            secret: SecretString::from(secret.into()),
        });
        self
    }

    /// Uses a user (`root@pam`) and password.
    pub fn proxmox_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.login = Some(ProxmoxLogin::Password {
            user: user.into(),
            password: SecretString::from(password.into()),
        });
        self
    }

    /// Adds an API server: a URL, or `host` / `host:port` (https and 8006 are assumed).
    pub fn proxmox_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Trusts this CA (a PEM file) in place of the system's.
    pub fn proxmox_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Accepts the certificate with this SHA-256 fingerprint; call again for each host.
    pub fn proxmox_fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprints.push(fingerprint.into());
        self
    }

    /// Uses this talosconfig.
    pub fn talosconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.talos.get_or_insert_default().talosconfig = Some(path.into());
        self
    }

    /// Uses this context of the talosconfig.
    pub fn talos_context(mut self, context: impl Into<String>) -> Self {
        self.talos.get_or_insert_default().context = Some(context.into());
        self
    }

    /// Checks the shapes. Nothing is opened or sent.
    ///
    /// # Errors
    /// `Config`: no world at all, or a value that cannot be right.
    pub fn build(self) -> Result<Credentials> {
        let proxmox = match self.login {
            Some(login) => {
                check_login(&login)?;
                Some(ProxmoxCredentials {
                    login,
                    endpoints: self
                        .endpoints
                        .iter()
                        .map(|e| endpoint(e))
                        .collect::<Result<_>>()?,
                    ca_file: self.ca_file,
                    fingerprints: self
                        .fingerprints
                        .iter()
                        .map(|f| fingerprint(f))
                        .collect::<Result<_>>()?,
                })
            }
            None => None,
        };
        if proxmox.is_none() && self.talos.is_none() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "no credentials: set {PROXMOX_TOKEN} (user@realm!id=secret), {TALOSCONFIG} (a path), or both"
                ),
            ));
        }
        Ok(Credentials {
            proxmox,
            talos: self.talos,
        })
    }
}
