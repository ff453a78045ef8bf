//! How a client behaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, SecretString, SystemClock};

/// How a [`TalosClient`](crate::TalosClient) behaves. The defaults suit a lab.
///
/// ```
/// use std::time::Duration;
/// use talos_client::ClientOptions;
///
/// let options = ClientOptions::default()
///     .connect_timeout(Duration::from_secs(2))
///     .endpoints(["172.16.1.51"]);
/// assert_eq!(options.request_timeout, Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Longest wait for a connection to one endpoint, TLS included. 5 s.
    pub connect_timeout: Duration,
    /// Deadline of a call that answers once. 30 s. Streams (`watch`, `events`)
    /// have none.
    pub request_timeout: Duration,
    /// Longest silence inside a download before it is given up. 30 s.
    pub stall_timeout: Duration,
    /// How many calls of one client run at the same time; more wait their turn. 32.
    pub max_in_flight: usize,
    /// Instead of the context's endpoints.
    pub endpoints: Option<Vec<String>>,
    /// Decides the order in which endpoints are used; from the clock when absent.
    pub seed: Option<u64>,
    /// Signs calls to Omni as this service account: base64 of JSON with `name` and
    /// `pgp_key`. Instead of `SIDERO_SERVICE_ACCOUNT_KEY` and `OMNI_SERVICE_ACCOUNT_KEY`.
    pub service_account_key: Option<SecretString>,
    /// Folder of the keys that logins to Omni left behind (`CONTEXT-IDENTITY.pgp`).
    /// Instead of `SIDEROV1_KEYS_DIR` and `~/.talos/keys`.
    pub siderov1_keys_dir: Option<PathBuf>,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            max_in_flight: 32,
            endpoints: None,
            seed: None,
            service_account_key: None,
            siderov1_keys_dir: None,
            clock: Arc::new(SystemClock::default()),
        }
    }
}

impl ClientOptions {
    /// Longest wait for a connection to one endpoint, TLS included.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Deadline of a call that answers once.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Longest silence inside a download before it is given up.
    #[must_use]
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }

    /// How many calls run at the same time; at least 1.
    #[must_use]
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls;
        self
    }

    /// Connects to these instead of the context's endpoints.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.endpoints = Some(endpoints.into_iter().map(Into::into).collect());
        self
    }

    /// Fixes the order in which endpoints are used.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Signs calls to Omni as this service account, for contexts with `auth.siderov1`.
    #[must_use]
    pub fn service_account_key(mut self, key: impl Into<SecretString>) -> Self {
        self.service_account_key = Some(key.into());
        self
    }

    /// Looks for the keys of logins to Omni in this folder.
    #[must_use]
    pub fn siderov1_keys_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.siderov1_keys_dir = Some(folder.into());
        self
    }

    /// Source of time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
