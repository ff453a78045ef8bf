//! [`ProxmoxClient`]: sends requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result};
use proxmox_endpoints::{
    Answer, Endpoint, GetVersion, ListNodes, ListPools, ListStorages, Method, Params, Upid,
};

use crate::auth::Auth;
use crate::builder::ProxmoxClientBuilder;
use crate::face::{Access, Cluster, Node, Pending, PendingTask, Pool, Storage};
use crate::follow::Followed;
use crate::locks::{self, Backoff};
use crate::release::Releases;
use crate::task::Task;
use crate::transport::{Call, EndpointHealth, Endpoints, Limits, Reply};
use crate::vmid::Claims;
use crate::{GuestPlace, answer, release, transport};

/// The time that a wait's last look has.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A client for one cluster, or one host that stands alone. Cheap to clone;
/// clones share connections, tickets and limits.
#[derive(Clone)]
pub struct ProxmoxClient {
    pub(crate) inner: Arc<Inner>,
    timeout: Duration,
    /// The guest that the calls of a handle are about, when it was found.
    followed: Option<Arc<Followed>>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    /// For transfers and consoles: a connection of its own for each.
    pub(crate) fresh: reqwest::Client,
    pub(crate) endpoints: Endpoints,
    pub(crate) limits: Limits,
    pub(crate) auth: Auth,
    pub(crate) max_answer_bytes: usize,
    pub(crate) retry_locks: bool,
    pub(crate) ask_quorum: bool,
    pub(crate) vmids: Claims,
    pub(crate) releases: Releases,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ProxmoxClient {
    /// Starts a client.
    pub fn builder() -> ProxmoxClientBuilder {
        ProxmoxClientBuilder::default()
    }

    pub(crate) fn new(inner: Inner, timeout: Duration) -> Self {
        ProxmoxClient {
            inner: Arc::new(inner),
            timeout,
            followed: None,
        }
    }

    /// The same client with another limit for each call.
    #[must_use]
    pub fn with_timeout(&self, request_timeout: Duration) -> Self {
        ProxmoxClient {
            timeout: request_timeout,
            ..self.clone()
        }
    }

    /// The same client for the handles of a guest that was found here.
    pub(crate) fn following(&self, place: GuestPlace) -> Self {
        ProxmoxClient {
            followed: Some(Arc::new(Followed::new(place))),
            ..self.clone()
        }
    }

    /// The same client, for what is not about one guest.
    pub(crate) fn unfollowing(&self) -> Self {
        ProxmoxClient {
            followed: None,
            ..self.clone()
        }
    }

    /// The guest that is followed.
    pub(crate) fn followed(&self) -> Option<&Followed> {
        self.followed.as_deref()
    }

    /// Which release the contacted node runs.
    pub fn version(&self) -> Pending<GetVersion> {
        Pending::new(self, GetVersion::new())
    }

    /// What concerns the whole cluster.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.clone())
    }

    /// Who may do what.
    pub fn access(&self) -> Access {
        Access::new(self.clone())
    }

    /// The nodes of the cluster with their use of resources.
    pub fn nodes(&self) -> Pending<ListNodes> {
        Pending::new(self, ListNodes::new())
    }

    /// The definitions of all storages.
    pub fn storages(&self) -> Pending<ListStorages> {
        Pending::new(self, ListStorages::new())
    }

    /// A storage's definition, by its name.
    pub fn storage(&self, name: impl Into<String>) -> Storage {
        Storage::new(self.clone(), name.into())
    }

    /// The pools of guests and storages.
    pub fn pools(&self) -> Pending<ListPools> {
        Pending::new(self, ListPools::new())
    }

    /// A pool, by its name; nested ones read `a/b`.
    pub fn pool(&self, name: impl Into<String>) -> Pool {
        Pool::new(self.clone(), name.into())
    }

    /// One node, by its name in the cluster.
    pub fn node(&self, name: impl Into<String>) -> Node {
        Node::new(self.clone(), name.into())
    }

    /// A task, started here or elsewhere.
    pub fn task(&self, upid: Upid) -> Task {
        Task::new(self.clone(), upid)
    }

    /// Sends a typed request.
    ///
    /// # Errors
    /// * `InvalidArgument`: a parameter broke its rule; by us, before sending,
    ///   or by the server.
    /// * `Unauthenticated`, `PermissionDenied`: credentials, privileges. The
    ///   message names the path and the first privilege that is missing.
    /// * `NotFound`, `AlreadyExists`, `Conflict` (somebody else changed it in
    ///   between), `FailedPrecondition` (locked, not running, no quorum),
    ///   `Unsupported`: in the server's words.
    /// * `Untrusted`: the certificate; the message shows its fingerprint.
    /// * `Unavailable`, `Timeout`: [`Error::was_sent`] tells whether the
    ///   server may be working on it all the same.
    /// * `Protocol`: the answer is not what the API promises.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. The server does not notice
    /// and finishes what it began.
    pub async fn send<E: Endpoint>(&self, request: &E) -> Result<E::Response> {
        Ok(self.send_for_answer(request).await?.data)
    }

    /// Like [`send`](ProxmoxClient::send), and tells how many rows there are in
    /// all when the call returns a window of them.
    ///
    /// # Errors
    /// See [`send`](ProxmoxClient::send).
    pub async fn send_for_answer<E: Endpoint>(&self, request: &E) -> Result<Answer<E::Response>> {
        let reply = self.reply_to(request).await?;
        proxmox_endpoints::decode::<E>(&reply.body)
            .map_err(|error| error.operation(E::operation()).target(reply.target))
    }

    /// Like [`send`](ProxmoxClient::send), with a type of your own for the answer:
    /// the few fields that you need of a large one, or those that it has here
    /// no name for. `null` is `null` to it.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use proxmox_client::endpoints::ListResources;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Id {
    ///     id: String,
    /// }
    ///
    /// for row in pve.send_as::<Vec<Id>, _>(&ListResources::new()).await? {
    ///     println!("{}", row.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`send`](ProxmoxClient::send); `Protocol` when the answer does not
    /// fit the type.
    pub async fn send_as<T, E>(&self, request: &E) -> Result<T>
    where
        T: serde::de::DeserializeOwned,
        E: Endpoint,
    {
        let reply = self.reply_to(request).await?;
        proxmox_endpoints::decode_as(&reply.body)
            .map_err(|error| error.operation(E::operation()).target(reply.target))
    }

    /// A call that starts a task, from its request: what the handles' methods
    /// give, for requests that no handle has a method for. Awaited, it is the
    /// task, which knows its call; see [`Task::wait`].
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use proxmox_client::endpoints::CreateLvm;
    ///
    /// let request = CreateLvm::new("pve1", "/dev/sdb", "fast");
    /// pve.send_task(request).wait(Default::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_task<E>(&self, request: E) -> PendingTask<E>
    where
        E: Endpoint<Response = Upid> + Clone + Send + Sync + 'static,
    {
        PendingTask::task(self, request)
    }

    /// Like [`send_task`](ProxmoxClient::send_task), for a call that starts a task
    /// unless it is quick enough without one.
    pub fn send_maybe_task<E>(&self, request: E) -> Pending<E, Option<Task>>
    where
        E: Endpoint<Response = Option<Upid>> + Clone + Send + Sync + 'static,
    {
        Pending::maybe_task(self, request)
    }

    async fn reply_to<E: Endpoint>(&self, request: &E) -> Result<Reply> {
        let named = |error: Error| error.operation(E::operation());
        let explained = |error: Error| named(release::explain(error, Some(E::call())));
        let params = request.params().map_err(named)?;
        self.require_release(E::call(), request.node(), &params)
            .await
            .map_err(named)?;
        self.require_quorum(E::call()).await.map_err(named)?;
        let call = Call {
            method: E::METHOD,
            path: &request.path(),
            params: &params,
            node: request.node(),
        };
        self.perform(&call).await.map_err(explained)
    }

    /// Sends any request as it is, for calls without a type: the method, the
    /// path below `/api2/json` (segments escaped where needed), the parameters.
    /// Returns what is in `data`. Nothing is looked at before, neither parameters,
    /// so that what a newer server knows can be sent, nor quorum; [`check_request`](ProxmoxClient::check_request)
    /// holds them to the rules that are known here.
    ///
    /// ```no_run
    /// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
    /// use proxmox_client::{Method, Params};
    ///
    /// let dns = pve.request(Method::Get, "/nodes/pve1/dns", &Params::new()).await?;
    /// println!("{}", dns["search"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`send`](ProxmoxClient::send).
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        params: &Params,
    ) -> Result<serde_json::Value> {
        let named = |error: Error| error.operation(format!("{method} {path}"));
        let known = proxmox_endpoints::route(method, path).map(|(call, _)| call);
        let explained = |error: Error| named(release::explain(error, known));
        let plain = path.starts_with('/')
            && !path.contains(['?', '#'])
            && path.bytes().all(|b| b.is_ascii_graphic())
            && !path.split('/').any(|s| s == "." || s == "..");
        if !plain {
            return Err(named(Error::new(
                ErrorKind::InvalidArgument,
                "a path starts with '/' and holds neither blanks nor '?': escape its arguments",
            )));
        }
        let call = Call {
            method,
            path,
            params,
            node: node_in(path),
        };
        let reply = self.perform(&call).await.map_err(explained)?;
        answer::untyped(&reply.body).map_err(|error| named(error).target(reply.target))
    }

    /// Makes the call, where the guest is when it is about one that was found.
    async fn perform(&self, call: &Call<'_>) -> Result<Reply> {
        match self.followed() {
            Some(followed) => Box::pin(followed.perform(self, call)).await,
            None => self.perform_there(call).await,
        }
    }

    /// Makes the call until no passing lock is in its way or the time is up.
    pub(crate) async fn perform_there(&self, call: &Call<'_>) -> Result<Reply> {
        let clock = self.clock();
        let end = clock.elapsed() + self.timeout;
        let mut backoff = Backoff::new();
        let mut left = self.timeout;
        loop {
            let reply = transport::execute(&self.inner, left, call).await?;
            let error = match answer::check(&reply) {
                Ok(()) => return Ok(reply),
                Err(error) => error,
            };
            left = end.saturating_sub(clock.elapsed());
            if self.inner.retry_locks
                && locks::is_lock(&error)
                && let Some(pause) = backoff.pause(left)
            {
                clock.sleep(pause).await;
                left = end.saturating_sub(clock.elapsed());
                continue;
            }
            return Err(self.inner.auth.explain(error).target(reply.target));
        }
    }

    /// A call whose answer has a type of its own here, checked like one with a
    /// request of its own. `operation` is how errors name it.
    pub(crate) async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        method: Method,
        path: &str,
        params: &Params,
    ) -> Result<T> {
        let named = |error: Error| error.operation(operation);
        let known = self.admit(method, path, params).await.map_err(named)?;
        let explained = |error: Error| named(release::explain(error, known));
        let call = Call {
            method,
            path,
            params,
            node: node_in(path),
        };
        self.decoded(&call).await.map_err(explained)
    }

    /// Lets a call that is put together by hand pass only where a typed one
    /// would: its parameters keep the rules, the node's release has it, and it
    /// does no harm where there is no quorum.
    pub(crate) async fn admit(
        &self,
        method: Method,
        path: &str,
        params: &Params,
    ) -> Result<Option<&'static proxmox_endpoints::Call>> {
        let known = crate::call::checked(method, path, params)?;
        if let Some(call) = known {
            self.require_release(call, node_in(path), params).await?;
            self.require_quorum(call).await?;
        }
        Ok(known)
    }

    /// A small question on the way to another call.
    pub(crate) async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        node: Option<&str>,
    ) -> Result<T> {
        let params = Params::new();
        self.decoded(&Call {
            method,
            path,
            params: &params,
            node,
        })
        .await
    }

    async fn decoded<T: serde::de::DeserializeOwned>(&self, call: &Call<'_>) -> Result<T> {
        let reply = self.perform(call).await?;
        proxmox_endpoints::decode_as(&reply.body).map_err(|error| error.target(reply.target))
    }

    /// How each endpoint has been doing, in the order given to the builder.
    pub fn endpoints(&self) -> Vec<EndpointHealth> {
        self.inner.endpoints.health()
    }

    /// The same client for calls of a wait that ends at `deadline` on the
    /// client's clock. A last look gets a second, however late it is.
    pub(crate) fn until(&self, deadline: Duration) -> Self {
        let left = deadline.saturating_sub(self.clock().elapsed());
        self.with_timeout(self.timeout.min(left.max(LAST_LOOK)))
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }
}

impl fmt::Debug for ProxmoxClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxmoxClient")
            .field("endpoints", &self.inner.endpoints.urls())
            .field("auth", &self.inner.auth)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The node that a path names: it will do the work.
fn node_in(path: &str) -> Option<&str> {
    path.strip_prefix("/nodes/")?.split('/').next()
}
