//! [`ProxmoxClientBuilder`]: credentials, trust, endpoints.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result, SecretString, SystemClock};

use crate::auth::Auth;
use crate::client::{Inner, ProxmoxClient};
use crate::tls::{self, Fingerprint};
use crate::transport::{self, Endpoints, Limits};

/// What a [`ProxmoxClient`] is made from. Nothing is sent before the first call.
#[derive(Debug)]
#[must_use]
pub struct ProxmoxClientBuilder {
    endpoints: Vec<String>,
    credentials: Credentials,
    authorities: Vec<Vec<u8>>,
    fingerprints: Vec<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
    max_answer_bytes: usize,
    calls_per_node: usize,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Debug)]
enum Credentials {
    None,
    Token {
        id: String,
        secret: SecretString,
    },
    Ticket {
        user: String,
        password: SecretString,
    },
}

impl Default for ProxmoxClientBuilder {
    fn default() -> Self {
        ProxmoxClientBuilder {
            endpoints: Vec::new(),
            credentials: Credentials::None,
            authorities: Vec::new(),
            fingerprints: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            max_answer_bytes: 64 << 20,
            calls_per_node: 4,
            clock: None,
        }
    }
}

impl ProxmoxClientBuilder {
    /// Adds a node to talk to: `https://pve1.lan:8006`, or just `pve1.lan`. The
    /// first that answers is used until it fails.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoints.push(url.into());
        self
    }

    /// Authenticates with an API token: its full id (`user@realm!name`) and its
    /// secret. A token needs no login and never expires in mid-work; the better
    /// choice for programs.
    pub fn token(mut self, id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Token {
            id: id.into(),
            secret: secret.into(),
        };
        self
    }

    /// Authenticates with a user (`root@pam`) and password. The client logs in
    /// before the first call and renews its ticket in time.
    pub fn ticket(mut self, user: impl Into<String>, password: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Ticket {
            user: user.into(),
            password: password.into(),
        };
        self
    }

    /// Trusts certificates that these CAs (PEM, one or several) have signed. A
    /// cluster's own CA is in `/etc/pve/pve-root-ca.pem`.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(pem.into());
        self
    }

    /// Trusts the certificate with this SHA-256 fingerprint, as the web
    /// interface shows it, whatever names and dates are in it. Give one for
    /// each node; they change when certificates are renewed.
    pub fn fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprints.push(fingerprint.into());
        self
    }

    /// How long making a connection may take; 5 seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may take in all, other endpoints included; 60 seconds
    /// unless set. Some writes block for 30 seconds on the server.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Refuses answers above this size; 64 MiB unless set.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// How many calls may be under way on one node; 4 unless set. The server
    /// works on three and queues the rest.
    pub fn calls_per_node(mut self, calls: usize) -> Self {
        self.calls_per_node = calls.max(1);
        self
    }

    /// Takes time from this clock: the age of tickets, pauses between polls.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// `InvalidArgument` without an endpoint, for a URL that is not https, a
    /// malformed fingerprint, CA or token. Nothing is sent.
    pub fn build(self) -> Result<ProxmoxClient> {
        if self.endpoints.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a Proxmox client needs at least one endpoint, such as https://pve1.lan:8006",
            ));
        }
        let urls = self
            .endpoints
            .iter()
            .map(|text| transport::parse_endpoint(text))
            .collect::<Result<Vec<_>>>()?;
        let pins = self
            .fingerprints
            .iter()
            .map(|text| text.parse())
            .collect::<Result<Vec<Fingerprint>>>()?;
        let tls = tls::client_config(&self.authorities, pins)?;
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::new(SystemClock::default()));
        let auth = match self.credentials {
            Credentials::None => Auth::Nobody,
            Credentials::Token { id, secret } => Auth::token(&id, &secret)?,
            Credentials::Ticket { user, password } => Auth::ticket(user, password),
        };
        Ok(ProxmoxClient::new(
            Inner {
                http: transport::http_client(tls.clone(), self.connect_timeout)?,
                fresh: transport::fresh_http_client(tls, self.connect_timeout)?,
                endpoints: Endpoints::new(urls),
                limits: Limits::new(self.calls_per_node),
                auth,
                max_answer_bytes: self.max_answer_bytes,
                clock,
            },
            self.request_timeout,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named_before_anything_is_sent() {
        let message = |b: ProxmoxClientBuilder| b.build().unwrap_err().message().to_owned();
        let with = |url: &str| ProxmoxClient::builder().endpoint(url);
        assert!(message(ProxmoxClient::builder()).contains("at least one endpoint"));
        assert!(message(with("http://pve1:8006")).contains("https"));
        assert!(message(with("https://pve1/x")).contains("no path"));
        assert!(message(with("pve1").fingerprint("AA:BB")).contains("32 bytes"));
        assert!(message(with("pve1").ca_pem("nonsense")).contains("no certificate"));
        assert!(message(with("pve1").token("root@pam", "x")).contains("user@realm!name"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let builder = ProxmoxClient::builder()
            .endpoint("pve1")
            .ticket("root@pam", "hunter2");
        assert!(!format!("{builder:?}").contains("hunter2"));
        let client = builder.build().unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
        let client = ProxmoxClient::builder()
            .endpoint("pve1")
            .token("root@pam!ci", "s3cret")
            .build()
            .unwrap();
        assert!(!format!("{client:?}").contains("s3cret"));
    }
}
