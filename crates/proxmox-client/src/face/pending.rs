//! [`Pending`]: a call of the face before it is made.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use homelab_core::Result;
use proxmox_endpoints::{Endpoint, Upid};

use crate::{ProxmoxClient, Task};

/// A call that is made when it is awaited. What the method did not ask for can
/// be set before: the request's fields are the call's optional parameters.
///
/// ```no_run
/// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
/// let guest = pve.node("pve1").qemu(100);
/// guest.shutdown().await?.wait(Default::default()).await?;
/// guest.shutdown().with(|request| request.timeout_seconds = Some(30)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`ProxmoxClient::send`].
#[must_use = "nothing is sent until it is awaited"]
pub struct Pending<E: Endpoint, T = <E as Endpoint>::Response> {
    client: ProxmoxClient,
    request: E,
    finish: fn(&ProxmoxClient, E::Response) -> Result<T>,
    running: Option<Running<T>>,
}

/// A [`Pending`] call that starts a task.
pub type PendingTask<E> = Pending<E, Task>;

type Running<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

impl<E: Endpoint> Pending<E> {
    /// A call whose answer is given as it is.
    pub(crate) fn new(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |_, answer| Ok(answer))
    }
}

impl<E: Endpoint<Response = Upid>> PendingTask<E> {
    /// A call that always starts a task.
    pub(crate) fn task(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |client, upid| Ok(client.task(upid)))
    }
}

impl<E: Endpoint<Response = Option<Upid>>> Pending<E, Option<Task>> {
    /// A call that starts a task unless it was quick enough without.
    pub(crate) fn maybe_task(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |client, upid| {
            Ok(upid.map(|upid| client.task(upid)))
        })
    }
}

impl<E: Endpoint, T> Pending<E, T> {
    /// A call whose answer becomes something else.
    pub(crate) fn finished_by(
        client: &ProxmoxClient,
        request: E,
        finish: fn(&ProxmoxClient, E::Response) -> Result<T>,
    ) -> Self {
        Pending {
            client: client.clone(),
            request,
            finish,
            running: None,
        }
    }

    /// Sets optional parameters.
    pub fn with(mut self, set: impl FnOnce(&mut E)) -> Self {
        set(&mut self.request);
        self
    }
}

impl<E: Endpoint, T> Deref for Pending<E, T> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.request
    }
}

impl<E: Endpoint, T> DerefMut for Pending<E, T> {
    fn deref_mut(&mut self) -> &mut E {
        &mut self.request
    }
}

impl<E, T> Future for Pending<E, T>
where
    E: Endpoint + Clone + Send + Sync + Unpin + 'static,
    T: Send + 'static,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let this = &mut *self;
        let running = this.running.get_or_insert_with(|| {
            let (client, request, finish) =
                (this.client.clone(), this.request.clone(), this.finish);
            Box::pin(async move {
                let answer = client.send(&request).await?;
                finish(&client, answer)
            })
        });
        running.as_mut().poll(context)
    }
}

impl<E: Endpoint, T> fmt::Debug for Pending<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("call", &E::operation())
            .finish_non_exhaustive()
    }
}
