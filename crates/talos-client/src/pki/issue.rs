//! Client certificates, signed without a node.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result, Sent, SystemClock};

use super::authority::{self, KeyPair};
use super::bundle::SecretsBundle;
use crate::config::Context;
use crate::lifecycle::ClientCredentials;

/// What a client certificate is to say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCertificateOptions {
    /// Roles: `os:admin`, `os:operator`, `os:reader`, `os:etcd:backup`, …
    pub roles: Vec<String>,
    /// How long it counts. One year, as talosctl has it.
    pub lifetime: Duration,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
}

impl ClientCertificateOptions {
    /// A certificate with one role, for a year.
    pub fn role(role: impl Into<String>) -> Self {
        ClientCertificateOptions {
            roles: vec![role.into()],
            lifetime: Duration::from_secs(8760 * 3600),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// One role more.
    #[must_use]
    pub fn and_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// How long it counts.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Source of time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// A client certificate with its key and the CA that nodes show.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The CA of the Talos API as PEM.
    pub ca: String,
    /// Certificate and key.
    pub pair: KeyPair,
}

impl ClientCertificate {
    /// A context for a talosconfig that uses it.
    pub fn context(
        &self,
        name: impl Into<String>,
        endpoints: impl IntoIterator<Item = impl Into<String>>,
    ) -> Context {
        Context::new(name, endpoints).with_certificate(&self.ca, &self.pair.crt, &self.pair.key)
    }
}

impl ClientCredentials {
    /// A context for a talosconfig that uses them. What the node sends has no
    /// endpoints.
    pub fn context(
        &self,
        name: impl Into<String>,
        endpoints: impl IntoIterator<Item = impl Into<String>>,
    ) -> Context {
        Context::new(name, endpoints).with_certificate(&self.ca, &self.crt, &self.key)
    }
}

impl SecretsBundle {
    /// Signs a client certificate with the CA of the Talos API: Ed25519, its
    /// organisations are the roles, its only use is to be a client.
    ///
    /// # Errors
    /// `Config` when the CA cannot sign; `InvalidArgument` without a role, for
    /// an empty one, or when the certificate would outlive its CA.
    pub fn issue(&self, options: &ClientCertificateOptions) -> Result<ClientCertificate> {
        let wrong = |message: &str| Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No);
        if options.roles.is_empty() || options.roles.iter().any(|role| role.trim().is_empty()) {
            return Err(wrong("a client certificate needs roles"));
        }
        if options.lifetime.is_zero() {
            return Err(wrong("a client certificate needs a lifetime"));
        }
        let now = options.clock.now();
        Ok(ClientCertificate {
            ca: self.os.crt.clone(),
            pair: authority::client(&self.os, &options.roles, now, options.lifetime)?,
        })
    }
}
