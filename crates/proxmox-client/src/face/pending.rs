//! [`Pending`]: a call of the face before it is made.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Endpoint, Upid};

use crate::{ProxmoxClient, Task, TaskOutcome, TaskProgress, WaitOptions};

/// A call that is made when it is awaited. What the method did not ask for can
/// be set before: the request's fields are the call's optional parameters.
///
/// ```no_run
/// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
/// let guest = pve.node("pve1").qemu(100);
/// // The task, to be waited for when it suits; it knows its call, so that a
/// // lock that passes does not stop it:
/// let task = guest.shutdown().with(|request| request.timeout_seconds = Some(30)).await?;
/// task.wait(Default::default()).await?;
/// // Call and wait in one:
/// guest.start().wait(Default::default()).await?;
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
    finish: fn(&ProxmoxClient, E, E::Response) -> Result<T>,
    /// Says why the request, as it is, is not sent at all.
    refuses: fn(&E) -> Option<String>,
    running: Option<Running<T>>,
}

/// A [`Pending`] call that starts a task.
pub type PendingTask<E> = Pending<E, Task>;

type Running<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

impl<E> PendingTask<E>
where
    E: Endpoint + Clone + Send + Sync + 'static,
{
    /// Makes the call and waits until its task has ended. The time is for both;
    /// otherwise it is what [`Task::wait`] does.
    ///
    /// # Errors
    /// Those of [`ProxmoxClient::send`] and of [`Task::wait`].
    ///
    /// # Cancellation
    /// Dropping the future leaves a task that has begun alone.
    pub async fn wait(self, options: WaitOptions) -> Result<TaskOutcome> {
        let deadline = self.client.clock().elapsed() + options.timeout;
        let task = Box::pin(self.made(deadline)).await?;
        task.wait_to(&options, deadline, None).await
    }

    /// Like [`wait`](Self::wait), and tells `on_progress` of every change on the way.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub async fn wait_with(
        self,
        options: WaitOptions,
        mut on_progress: impl FnMut(TaskProgress) + Send,
    ) -> Result<TaskOutcome> {
        let deadline = self.client.clock().elapsed() + options.timeout;
        let task = Box::pin(self.made(deadline)).await?;
        task.wait_to(&options, deadline, Some(&mut on_progress))
            .await
    }
}

impl<E> Pending<E, Option<Task>>
where
    E: Endpoint + Clone + Send + Sync + 'static,
{
    /// Makes the call and waits until its task has ended; `None` when it was
    /// quick enough without one. See [`Task::wait`].
    ///
    /// # Errors
    /// Those of [`ProxmoxClient::send`] and of [`Task::wait`].
    ///
    /// # Cancellation
    /// Dropping the future leaves a task that has begun alone.
    pub async fn wait(self, options: WaitOptions) -> Result<Option<TaskOutcome>> {
        let deadline = self.client.clock().elapsed() + options.timeout;
        match Box::pin(self.made(deadline)).await? {
            Some(task) => task.wait_to(&options, deadline, None).await.map(Some),
            None => Ok(None),
        }
    }
}

impl<E: Endpoint> Pending<E> {
    /// A call whose answer is given as it is.
    pub(crate) fn new(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |_, _, answer| Ok(answer))
    }
}

impl<E> PendingTask<E>
where
    E: Endpoint<Response = Upid> + Clone + Send + Sync + 'static,
{
    /// A call that always starts a task.
    pub(crate) fn task(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |client, request, upid| {
            let again = move |client: ProxmoxClient| {
                let request = request.clone();
                async move { client.send(&request).await.map(Some) }
            };
            Ok(Task::started_by(client, upid, again))
        })
    }
}

impl<E> Pending<E, Option<Task>>
where
    E: Endpoint<Response = Option<Upid>> + Clone + Send + Sync + 'static,
{
    /// A call that starts a task unless it was quick enough without.
    pub(crate) fn maybe_task(client: &ProxmoxClient, request: E) -> Self {
        Pending::finished_by(client, request, |client, request, upid| {
            let again = move |client: ProxmoxClient| {
                let request = request.clone();
                async move { client.send(&request).await }
            };
            Ok(upid.map(|upid| Task::started_by(client, upid, again)))
        })
    }
}

impl<E, T> Pending<E, T>
where
    E: Endpoint + Clone + Send + Sync,
{
    /// Makes the call within what is left of the time.
    async fn made(self, deadline: Duration) -> Result<T> {
        self.allowed()?;
        let answer = self.client.until(deadline).send(&self.request).await?;
        (self.finish)(&self.client, self.request, answer)
    }
}

impl<E: Endpoint, T> Pending<E, T> {
    /// A call whose answer becomes something else.
    pub(crate) fn finished_by(
        client: &ProxmoxClient,
        request: E,
        finish: fn(&ProxmoxClient, E, E::Response) -> Result<T>,
    ) -> Self {
        Pending {
            client: client.clone(),
            request,
            finish,
            refuses: |_| None,
            running: None,
        }
    }

    /// A call that is not made when `refuses` says why: it would lose
    /// something, which the one that does so wants the word for, or its
    /// parameters do not go together.
    pub(crate) fn refusing(mut self, refuses: fn(&E) -> Option<String>) -> Self {
        self.refuses = refuses;
        self
    }

    /// The same call with what it would lose otherwise not: whoever asks for
    /// this has given the word.
    pub(crate) fn losing(mut self, set: impl FnOnce(&mut E)) -> Self {
        self.refuses = |_| None;
        self.with(set)
    }

    /// Whether the request, as it is now, may be sent.
    fn allowed(&self) -> Result<()> {
        match (self.refuses)(&self.request) {
            Some(why) => Err(Error::new(ErrorKind::InvalidArgument, why)
                .operation(E::operation())
                .sent(Sent::No)),
            None => Ok(()),
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
        if this.running.is_none() {
            this.allowed()?;
        }
        let running = this.running.get_or_insert_with(|| {
            let (client, request, finish) =
                (this.client.clone(), this.request.clone(), this.finish);
            Box::pin(async move {
                let answer = client.send(&request).await?;
                finish(&client, request, answer)
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
