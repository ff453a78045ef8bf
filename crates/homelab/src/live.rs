//! The lab with clients to ask it.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, ExposeSecret, Result, SystemClock, nearest};
use homelab_model::inventory::ClusterSpec;
use proxmox_client::ProxmoxClient;
use talos_client::{ClientOptions, Context, TalosClient, TalosConfig};

use crate::cluster::ClusterHandle;
use crate::credentials::{
    PROXMOX_CA, PROXMOX_TOKEN, ProxmoxCredentials, ProxmoxLogin, TALOSCONFIG, TalosCredentials,
};
use crate::observe::{self, ObserveOptions, TALOS};
use crate::{Credentials, Lab, Seen, files};

/// Limits of the clients that [`Lab::connect_with`] makes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// For opening one connection. Default 5 s.
    pub connect_timeout: Duration,
    /// For one request. Default 30 s.
    pub request_timeout: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        ConnectOptions {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            clock: Arc::new(SystemClock::default()),
        }
    }
}

impl ConnectOptions {
    /// Bounds opening one connection.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Bounds one request.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// A Talos cluster with the client that reaches it.
#[derive(Clone, Debug)]
pub(crate) struct TalosWorld {
    /// The cluster of the inventory, when the context belongs to one.
    pub(crate) cluster: Option<String>,
    pub(crate) context: Context,
    pub(crate) client: TalosClient,
}

/// A lab that can be asked. Made by [`Lab::connect`]; cheap to clone.
#[derive(Clone, Debug)]
pub struct LiveLab {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lab: Lab,
    proxmox: Option<ProxmoxClient>,
    talos: Vec<TalosWorld>,
    /// Neither named nor found: Talos is not asked.
    no_talosconfig: bool,
    clock: Arc<dyn Clock>,
}

impl LiveLab {
    pub(crate) async fn connect(
        lab: Lab,
        credentials: &Credentials,
        options: ConnectOptions,
    ) -> Result<Self> {
        let mut no_talosconfig = false;
        let proxmox = match &credentials.proxmox {
            Some(credentials) => Some(proxmox(&lab, credentials, &options)?),
            None => None,
        };
        let mut talos = Vec::new();
        if let Some(credentials) = &credentials.talos {
            match talosconfig(credentials) {
                Ok(config) => talos = worlds(&lab, &config, credentials, &options).await?,
                // Nobody named a talosconfig and none lies where talosctl looks:
                // Proxmox alone is still worth asking.
                Err(error)
                    if error.kind() == ErrorKind::NotFound && credentials.talosconfig.is_none() =>
                {
                    if proxmox.is_none() {
                        return Err(Error::new(
                            ErrorKind::Config,
                            format!(
                                "no credentials: set {PROXMOX_TOKEN} (user@realm!id=secret), {TALOSCONFIG} (a path), or both"
                            ),
                        ));
                    }
                    no_talosconfig = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(LiveLab {
            inner: Arc::new(Inner {
                lab,
                proxmox,
                talos,
                no_talosconfig,
                clock: options.clock,
            }),
        })
    }

    /// The lab as it is written down.
    pub fn lab(&self) -> &Lab {
        &self.inner.lab
    }

    /// The client for Proxmox VE; `None` without credentials for it.
    pub fn proxmox(&self) -> Option<&ProxmoxClient> {
        self.inner.proxmox.as_ref()
    }

    /// The client for Talos: that of the first cluster which the talosconfig
    /// has a context for. `None` without a talosconfig.
    pub fn talos(&self) -> Option<&TalosClient> {
        self.inner.talos.first().map(|t| &t.client)
    }

    pub(crate) fn worlds(&self) -> &[TalosWorld] {
        &self.inner.talos
    }

    /// Why Talos was not asked at all, if it was not and should have been.
    pub(crate) fn unasked(&self) -> Option<Error> {
        self.inner.no_talosconfig.then(|| {
            let message = format!("no talosconfig found; set {TALOSCONFIG} to its path");
            Error::new(ErrorKind::Config, message)
                .operation("connect")
                .target(TALOS)
        })
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// Looks at the lab: both worlds at once, at most 30 s.
    ///
    /// # Errors
    /// `PartialFailure` with every failure when nothing at all answered.
    /// Anything less is a partial [`Seen`]: see [`Seen::failures`].
    ///
    /// # Cancellation
    /// Only reads are sent; dropping the future cancels them.
    pub async fn observe(&self) -> Result<Seen> {
        self.observe_with(&ObserveOptions::default()).await
    }

    /// [`observe`](LiveLab::observe) with other limits.
    ///
    /// # Errors
    /// As [`observe`](LiveLab::observe).
    pub async fn observe_with(&self, options: &ObserveOptions) -> Result<Seen> {
        observe::observe(self, options).await
    }

    /// One of the lab's Talos clusters, by the name that the inventory gives it.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name; `Config` when no context of the
    /// talosconfig reaches it.
    pub fn cluster(&self, name: &str) -> Result<ClusterHandle> {
        let clusters = &self.lab().inventory().clusters;
        let Some(spec) = clusters.iter().find(|c| c.name == name) else {
            let names = clusters.iter().map(|c| c.name.as_str());
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
            };
            let message = format!("the lab has no cluster {name}; {hint}");
            return Err(Error::new(ErrorKind::NotFound, message).sent(homelab_core::Sent::No));
        };
        let world = self
            .inner
            .talos
            .iter()
            .find(|t| t.cluster.as_deref() == Some(name));
        let Some(world) = world else {
            return Err(Error::new(
                ErrorKind::Config,
                format!("no context of the talosconfig reaches cluster {name}; set {TALOSCONFIG}"),
            ));
        };
        Ok(ClusterHandle::new(
            spec,
            world,
            Arc::clone(&self.inner.clock),
        ))
    }
}

fn proxmox(
    lab: &Lab,
    credentials: &ProxmoxCredentials,
    options: &ConnectOptions,
) -> Result<ProxmoxClient> {
    let mut builder = ProxmoxClient::builder()
        .connect_timeout(options.connect_timeout)
        .request_timeout(options.request_timeout)
        .clock(Arc::clone(&options.clock));
    builder = match &credentials.login {
        ProxmoxLogin::Token { id, secret } => builder.token(id, secret.expose_secret()),
        ProxmoxLogin::Password { user, password } => builder.ticket(user, password.expose_secret()),
    };
    if credentials.endpoints.is_empty() {
        for host in &lab.inventory().hosts {
            builder = builder.endpoint(default_endpoint(
                host.address.as_deref().unwrap_or(&host.name),
            ));
        }
    }
    for endpoint in &credentials.endpoints {
        builder = builder.endpoint(endpoint);
    }
    if let Some(path) = &credentials.ca_file {
        let pem = files::read_text(path).map_err(|e| {
            Error::new(e.kind(), format!("{PROXMOX_CA}: {}", e.message())).source(e)
        })?;
        builder = builder.ca_pem(pem);
    }
    for fingerprint in &credentials.fingerprints {
        builder = builder.fingerprint(fingerprint);
    }
    builder.build()
}

fn default_endpoint(host: &str) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("https://[{host}]:8006")
    } else {
        format!("https://{host}:8006")
    }
}

fn talosconfig(credentials: &TalosCredentials) -> Result<TalosConfig> {
    if let Some(path) = &credentials.talosconfig {
        // talosctl falls through to the next place when a named file is
        // missing; a typo in a path should rather be said.
        return TalosConfig::from_file(path);
    }
    let [talos_home, home] = credentials.homes.clone();
    let vars = move |name: &str| match name {
        "TALOS_HOME" => talos_home.clone(),
        "HOME" => home.clone(),
        _ => None,
    };
    TalosConfig::search_in(vars).map(|(config, _)| config)
}

/// The chosen context, and for every other cluster the context named as it.
async fn worlds(
    lab: &Lab,
    config: &TalosConfig,
    credentials: &TalosCredentials,
    options: &ConnectOptions,
) -> Result<Vec<TalosWorld>> {
    let clusters = &lab.inventory().clusters;
    let chosen = config.context(credentials.context.as_deref())?;
    let first = match clusters.as_slice() {
        [only] => Some(only.name.clone()),
        several => several
            .iter()
            .find(|c| belongs(chosen, c))
            .map(|c| c.name.clone()),
    };
    let mut worlds = vec![(first.clone(), chosen)];
    for cluster in clusters.iter().filter(|c| Some(&c.name) != first.as_ref()) {
        if let Some(context) = config
            .contexts()
            .find(|context| belongs(context, cluster) && context.name != chosen.name)
        {
            worlds.push((Some(cluster.name.clone()), context));
        }
    }
    let mut connected = Vec::new();
    for (cluster, context) in worlds {
        // An observation asks each node a dozen things at once.
        let client_options = ClientOptions::default()
            .max_in_flight(64)
            .connect_timeout(options.connect_timeout)
            .request_timeout(options.request_timeout)
            .clock(Arc::clone(&options.clock));
        let client = TalosClient::connect(context, client_options).await?;
        connected.push(TalosWorld {
            cluster,
            context: context.clone(),
            client,
        });
    }
    Ok(connected)
}

fn belongs(context: &Context, cluster: &ClusterSpec) -> bool {
    context.name == cluster.name
        || context.cluster.as_deref() == Some(cluster.name.as_str())
        || context.name == format!("admin@{}", cluster.name)
}
