//! [`Pending`]: a call of the face before it is made.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Endpoint, Upid};

use crate::task::{OnProgress, run};
use crate::{ProxmoxClient, Task, TaskOutcome, TaskProgress, WaitOptions};

/// A call that is made when it is awaited. What the method did not ask for can
/// be set before: the request's fields are the call's optional parameters.
///
/// ```no_run
/// # async fn example(pve: proxmox_client::ProxmoxClient) -> homelab_core::Result<()> {
/// let guest = pve.node("pve1").qemu(100);
/// // The task, to be waited for when it suits:
/// let task = guest.shutdown().with(|request| request.timeout_seconds = Some(30)).await?;
/// task.wait(Default::default()).await?;
/// // Call and wait in one, which a lock that passes does not stop:
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
    finish: fn(&ProxmoxClient, E::Response) -> Result<T>,
    /// Why it is not sent at all.
    refused: Option<Error>,
    spares: fn(&E) -> Option<String>,
    running: Option<Running<T>>,
}

/// A [`Pending`] call that starts a task.
pub type PendingTask<E> = Pending<E, Task>;

type Running<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

impl<E: Endpoint + Clone> PendingTask<E> {
    /// Makes the call and waits until its task has ended.
    ///
    /// Most calls meet a guest's lock only in their task (`VM is locked
    /// (clone)`, `can't lock file … got timeout`), as when several clones of
    /// one template are made at once. Such a task has done nothing: when the
    /// lock is one that passes, the call is made again, with growing pauses, as
    /// long as there is time; [`retry_locks`](crate::ProxmoxClientBuilder::retry_locks)
    /// turns that off. The outcome is that of the last task.
    ///
    /// # Errors
    /// Those of [`ProxmoxClient::send`] and of [`Task::wait`].
    ///
    /// # Cancellation
    /// Dropping the future leaves a task that has begun alone.
    pub async fn wait(self, options: WaitOptions) -> Result<TaskOutcome> {
        self.started(&options, None).await
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
        self.started(&options, Some(&mut on_progress)).await
    }

    async fn started(
        &self,
        options: &WaitOptions,
        on_progress: OnProgress<'_>,
    ) -> Result<TaskOutcome> {
        self.spared()?;
        let finish = self.finish;
        let ended = run(&self.client, options, on_progress, |client| {
            let request = self.request.clone();
            async move {
                let answer = client.send(&request).await?;
                finish(&client, answer).map(Some)
            }
        });
        ended.await?.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a call that starts tasks started none")
                .operation(E::operation())
        })
    }
}

impl<E: Endpoint + Clone> Pending<E, Option<Task>> {
    /// Makes the call and waits until its task has ended; `None` when it was
    /// quick enough without one. Locks are met as by [`PendingTask::wait`](Pending::wait).
    ///
    /// # Errors
    /// Those of [`ProxmoxClient::send`] and of [`Task::wait`].
    ///
    /// # Cancellation
    /// Dropping the future leaves a task that has begun alone.
    pub async fn wait(self, options: WaitOptions) -> Result<Option<TaskOutcome>> {
        self.spared()?;
        let finish = self.finish;
        run(&self.client, &options, None, |client| {
            let request = self.request.clone();
            async move {
                let answer = client.send(&request).await?;
                finish(&client, answer)
            }
        })
        .await
    }
}

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
            refused: None,
            spares: |_| None,
            running: None,
        }
    }

    /// With an error that awaiting it gives, and nothing is sent.
    pub(crate) fn refused(mut self, error: Option<Error>) -> Self {
        self.refused = error;
        self
    }

    /// A call that is not made when `loses` says what it would lose: the one
    /// that does so has a name of its own, and wants the word for it.
    pub(crate) fn sparing(mut self, loses: fn(&E) -> Option<String>) -> Self {
        self.spares = loses;
        self
    }

    /// The same call with what it would lose otherwise not: whoever asks for
    /// this has given the word.
    pub(crate) fn losing(mut self, set: impl FnOnce(&mut E)) -> Self {
        self.spares = |_| None;
        self.with(set)
    }

    /// Whether the request, as it is now, loses nothing without the word.
    fn spared(&self) -> Result<()> {
        match (self.spares)(&self.request) {
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
        if let Some(error) = this.refused.take() {
            return Poll::Ready(Err(error));
        }
        if this.running.is_none() {
            this.spared()?;
        }
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
