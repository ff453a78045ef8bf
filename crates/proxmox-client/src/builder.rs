//! [`ProxmoxClientBuilder`]: credentials, trust, endpoints.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, PerNode, Result, SecretString, SystemClock};
use proxmox_endpoints::Ticket;

use crate::auth::{Auth, SecondFactor, TicketAuth};
use crate::client::{Inner, ProxmoxClient};
use crate::first_contact::{self, ServerCertificate};
use crate::release::Releases;
use crate::tls::{self, Fingerprint};
use crate::transport::{self, Endpoints, Limits, ProxyChoice};
use crate::vmid::Claims;

/// What a [`ProxmoxClient`] is made from. Nothing is sent before the first call.
#[derive(Debug)]
#[must_use]
pub struct ProxmoxClientBuilder {
    endpoints: Vec<String>,
    credentials: Credentials,
    second_factors: Vec<SecondFactor>,
    proxy: ProxyChoice,
    authorities: Vec<Vec<u8>>,
    fingerprints: Vec<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
    max_answer_bytes: usize,
    calls_per_node: usize,
    retry_locks: bool,
    ask_release: bool,
    ask_quorum: bool,
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
    Session(Ticket),
}

impl Default for ProxmoxClientBuilder {
    fn default() -> Self {
        ProxmoxClientBuilder {
            endpoints: Vec::new(),
            credentials: Credentials::None,
            second_factors: Vec::new(),
            proxy: ProxyChoice::Environment,
            authorities: Vec::new(),
            fingerprints: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            max_answer_bytes: 64 << 20,
            calls_per_node: 4,
            retry_locks: true,
            ask_release: true,
            ask_quorum: true,
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

    /// Answers with this when the login of [`ticket`](Self::ticket) needs a
    /// second factor. Give several, and the first that the server takes is used.
    pub fn second_factor(mut self, factor: SecondFactor) -> Self {
        self.second_factors.push(factor);
        self
    }

    /// Goes on with a ticket that was got elsewhere, such as by
    /// `POST /access/openid/login`. It must be fresh: the client renews it at
    /// 90 of its 120 minutes, counted from now, and cannot get another once it
    /// has run out.
    pub fn session(mut self, ticket: Ticket) -> Self {
        self.credentials = Credentials::Session(ticket);
        self
    }

    /// Makes connections through this proxy: `http://proxy:3128` (by CONNECT),
    /// `socks5://proxy:1080`, or `socks5h://` to have it resolve names. User
    /// and password may stand in the URL. TLS ends at the server all the same.
    ///
    /// Unless set, `HTTPS_PROXY` or `ALL_PROXY` of the environment decide
    /// (either case), except for what `NO_PROXY` names and for this machine
    /// itself.
    pub fn proxy(mut self, url: impl Into<SecretString>) -> Self {
        self.proxy = ProxyChoice::Explicit(url.into());
        self
    }

    /// Connects directly, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
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

    /// Whether a call that is refused for a lock (`VM is locked (clone)`, `can't
    /// lock file …`) is made again, with growing pauses, until the
    /// [`request_timeout`](Self::request_timeout) is up, and one whose task fails
    /// for a lock by [`Task::wait`](crate::Task::wait). On unless set: such a
    /// refusal has changed nothing.
    pub fn retry_locks(mut self, retry: bool) -> Self {
        self.retry_locks = retry;
        self
    }

    /// Whether a node is asked for its release before something is sent to it
    /// that came after 8.0: once for each node, and again before it is refused.
    /// On unless set. Without, the server refuses what it does not know, and
    /// the error says all the same which release first has it.
    pub fn ask_release(mut self, ask: bool) -> Self {
        self.ask_release = ask;
        self
    }

    /// Whether the cluster's quorum is looked at before a guest is deleted; see
    /// [`Qemu::destroy`](crate::Qemu::destroy). On unless set.
    pub fn ask_quorum(mut self, ask: bool) -> Self {
        self.ask_quorum = ask;
        self
    }

    /// Takes time from this clock: the age of tickets, pauses between polls.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Looks which certificate each endpoint shows, for trust on first use:
    /// compare the fingerprint with what the node's own console or web
    /// interface says (Certificates), keep it, and give it to
    /// [`fingerprint`](Self::fingerprint) from then on.
    ///
    /// No credentials are sent, and nothing is remembered here: whoever stands
    /// between you and the server at this moment is whom you will trust.
    ///
    /// ```no_run
    /// # async fn example() -> homelab_core::Result<()> {
    /// use proxmox_client::ProxmoxClient;
    ///
    /// let seen = ProxmoxClient::builder().endpoint("pve1.lan").first_contact().await?;
    /// for (endpoint, certificate) in seen.iter() {
    ///     println!("{endpoint} {}", certificate.as_ref().map_or("?", |c| &c.fingerprint));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build) for bad input; what an endpoint does not
    /// answer is its own entry's error.
    pub async fn first_contact(&self) -> Result<PerNode<ServerCertificate>> {
        let urls = self.urls()?;
        let tls = tls::stranger_config()?;
        let http = transport::http_client(tls, self.connect_timeout, &self.proxy, true)?;
        Ok(first_contact::look(&http, urls, self.request_timeout).await)
    }

    fn urls(&self) -> Result<Vec<String>> {
        if self.endpoints.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a Proxmox client needs at least one endpoint, such as https://pve1.lan:8006",
            ));
        }
        self.endpoints
            .iter()
            .map(|text| transport::parse_endpoint(text))
            .collect()
    }

    /// The client.
    ///
    /// # Errors
    /// `InvalidArgument` without an endpoint, for a URL that is not https, a
    /// malformed fingerprint, CA or token. Nothing is sent.
    pub fn build(self) -> Result<ProxmoxClient> {
        let urls = self.urls()?;
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
            Credentials::Ticket { user, password } => {
                Auth::Ticket(TicketAuth::new(user, password, self.second_factors)?)
            }
            Credentials::Session(ticket) => {
                Auth::Ticket(TicketAuth::session(ticket, clock.elapsed())?)
            }
        };
        Ok(ProxmoxClient::new(
            Inner {
                http: transport::http_client(
                    tls.clone(),
                    self.connect_timeout,
                    &self.proxy,
                    false,
                )?,
                fresh: transport::fresh_http_client(tls, self.connect_timeout, &self.proxy)?,
                endpoints: Endpoints::new(urls),
                limits: Limits::new(self.calls_per_node),
                auth,
                max_answer_bytes: self.max_answer_bytes,
                retry_locks: self.retry_locks,
                ask_quorum: self.ask_quorum,
                vmids: Claims::default(),
                releases: Releases::new(self.ask_release),
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
        assert!(message(with("pve1").ticket("root", "x")).contains("root@pam"));
        assert!(message(with("pve1").proxy("ftp://proxy")).contains("socks5"));
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
