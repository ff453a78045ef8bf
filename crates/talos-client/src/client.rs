//! The client: a context, connected.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, ExposeSecret, Result, Sent};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use crate::config::{Auth, Context, ContextInfo};
use crate::node::NodeClient;
use crate::nodes::NodesClient;
use crate::omni::{self, Signer};
use crate::options::ClientOptions;
use crate::raw::RawClients;
use crate::transport::{Dialer, EndpointHealth, Pool, Proxies, Transport, client_config};

/// A client for the Talos API of one cluster. Cheap to clone; clones share
/// connections.
///
/// Calls name the node that is meant; any reachable endpoint passes them on.
///
/// ```no_run
/// # async fn example() -> homelab_core::Result<()> {
/// use talos_client::{ClientOptions, TalosClient, TalosConfig};
///
/// let (config, _path) = TalosConfig::search()?;
/// let talos = TalosClient::connect(config.context(None)?, ClientOptions::default()).await?;
/// println!("{}", talos.node("172.16.1.50").version().await?.tag);
/// for (node, memory) in talos.nodes(["172.16.1.50", "172.16.1.51"]).memory().await {
///     match memory {
///         Ok(memory) => println!("{node}: {} bytes free", memory.available_bytes),
///         Err(error) => println!("{node}: {error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TalosClient {
    shared: Arc<Shared>,
}

/// What all clones and all nodes' clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: ContextInfo,
    pub(crate) options: ClientOptions,
    pub(crate) in_flight: Semaphore,
    pool: Arc<Pool>,
    headers: HeaderMap,
    signer: Option<Arc<Signer>>,
}

impl TalosClient {
    /// Prepares a client for `context`. Nothing is dialled yet: the first call does,
    /// so an endpoint that is down or a CA that does not fit shows there.
    ///
    /// # Errors
    /// - `Unauthenticated` when the client certificate has expired, naming the date.
    /// - `Config` when certificates, key or endpoints cannot be used, or there is
    ///   no endpoint; with file and line where there is a file.
    /// - `NotFound` when the context signs calls as an identity of Omni and there
    ///   is no key for it; it names the files that were looked for.
    #[expect(
        clippy::unused_async,
        reason = "connecting may come to need I/O (proxies, renewed keys)"
    )]
    pub async fn connect(context: &Context, options: ClientOptions) -> Result<TalosClient> {
        let info = context.describe()?;
        if info.expired(options.clock.now()) {
            return Err(expired(context, &info));
        }
        Self::with_tls(context, client_config(context)?, options)
    }

    /// A client for the context's endpoints that trusts as `tls` says.
    pub(crate) fn with_tls(
        context: &Context,
        tls: ClientConfig,
        options: ClientOptions,
    ) -> Result<TalosClient> {
        let mut info = context.describe()?;
        let now = options.clock.now();
        let written = options.endpoints.as_ref().unwrap_or(&context.endpoints);
        let addresses = context.endpoint_addresses(written)?;
        if addresses.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("context {:?} has no endpoints", context.name),
            )
            .at(context.location().clone()));
        }
        info.endpoints = addresses.iter().map(ToString::to_string).collect();
        let headers = headers(context)?;
        let signer = match context.auth() {
            Auth::SideroV1 { identity } => {
                let vars = |name: &str| std::env::var(name).ok();
                Some(Arc::new(omni::signer(context, identity, &options, vars)?))
            }
            Auth::None | Auth::Basic { .. } => None,
        };
        let pool = Pool::new(
            addresses,
            options.seed.unwrap_or_else(|| seed(now)),
            Dialer {
                tls: Arc::new(tls),
                proxies: Proxies::of(context, |name| std::env::var(name).ok())?,
                limit: options.connect_timeout,
                clock: options.clock.clone(),
            },
        );
        Ok(TalosClient {
            shared: Arc::new(Shared {
                info,
                in_flight: Semaphore::new(options.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)),
                options,
                pool: Arc::new(pool),
                headers,
                signer,
            }),
        })
    }

    /// Calls meant for one node: an IP address or a name that the endpoint can
    /// resolve, without a port.
    pub fn node(&self, node: impl Into<String>) -> NodeClient {
        NodeClient::new(self.shared.clone(), Some(node.into()))
    }

    /// Calls meant for several nodes: one call each, at the same time.
    pub fn nodes(&self, nodes: impl IntoIterator<Item = impl Into<String>>) -> NodesClient {
        NodesClient::new(nodes.into_iter().map(|node| self.node(node)).collect())
    }

    /// Calls meant for the nodes that the context names, one call each.
    ///
    /// # Errors
    /// `Config` when it names none.
    pub fn context_nodes(&self) -> Result<NodesClient> {
        let nodes = &self.shared.info.nodes;
        if nodes.is_empty() {
            let message = format!("context {:?} names no nodes", self.shared.info.name);
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(self.nodes(nodes))
    }

    /// Calls that the endpoint itself answers, whichever it is.
    pub fn endpoint(&self) -> NodeClient {
        NodeClient::new(self.shared.clone(), None)
    }

    /// What the context says: endpoints, roles, validity of the certificate.
    pub fn context_info(&self) -> &ContextInfo {
        &self.shared.info
    }

    /// How the endpoints are doing, in the order in which they are used.
    pub fn endpoints(&self) -> Vec<EndpointHealth> {
        self.shared.pool.health()
    }

    /// The generated clients, for calls that this crate does not wrap, meant for
    /// `node` or for the endpoint. They share connections and failover, but
    /// have no deadlines and speak in gRPC statuses.
    ///
    /// # Errors
    /// `InvalidArgument` for a node that is no address or name, or has a port.
    pub fn raw(&self, node: Option<&str>) -> Result<RawClients> {
        Ok(RawClients::new(self.shared.transport(node)?))
    }
}

impl Shared {
    pub(crate) fn transport(&self, node: Option<&str>) -> Result<Transport> {
        let mut headers = self.headers.clone();
        if let Some(node) = node {
            headers.insert(HeaderName::from_static("node"), node_header(node)?);
        }
        Ok(Transport::new(
            self.pool.clone(),
            headers,
            self.signer.clone(),
        ))
    }
}

/// The header takes one address or name and no port; what is not one would be
/// answered with an internal error or, worse, be read as something else.
fn node_header(node: &str) -> Result<HeaderValue> {
    let wrong = |why: &str| {
        Error::new(ErrorKind::InvalidArgument, format!("node {node:?}: {why}")).target(node)
    };
    if node.is_empty() {
        return Err(wrong("empty"));
    }
    let literal = node.parse::<std::net::Ipv6Addr>().is_ok();
    if !literal && node.contains([':', '[', ']', ',', ' ', '/']) {
        return Err(wrong("one address or name without a port is needed"));
    }
    HeaderValue::from_str(node).map_err(|_| wrong("not a name or address"))
}

fn headers(context: &Context) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("runtime", HeaderValue::from_static("Talos"));
    let wrong =
        |message: &str| Error::new(ErrorKind::Config, message).at(context.location().clone());
    if let Some(cluster) = &context.cluster {
        let value = HeaderValue::from_str(cluster)
            .map_err(|_| wrong("the cluster's name does not fit into a header"))?;
        headers.insert("context", value);
    }
    match context.auth() {
        // Omni's signature is another one for each call.
        Auth::None | Auth::SideroV1 { .. } => {}
        Auth::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose_secret());
            let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
                .map_err(|_| wrong("auth.basic does not fit into a header"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
    }
    Ok(headers)
}

fn expired(context: &Context, info: &ContextInfo) -> Error {
    let date = info.not_after.as_deref().unwrap_or("an unknown date");
    Error::new(
        ErrorKind::Unauthenticated,
        format!(
            "the client certificate of context {:?} expired on {date}",
            context.name
        ),
    )
    .at(context.location().clone())
    .sent(Sent::No)
}

/// Spreads clients that start at different moments over the endpoints.
fn seed(now: SystemTime) -> u64 {
    Timestamp::try_from(now).map_or(0, |t| t.as_microsecond().unsigned_abs())
}
