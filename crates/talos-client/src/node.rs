//! Calls meant for one node.

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::client::Shared;
use crate::machine::{Answer, Element};
use crate::raw::RawClients;
use crate::status::to_error;
use crate::streams::{Frames, Messages};
use crate::transport::{CallState, Fault};

/// Calls meant for one node, or for the endpoint itself. Cheap to clone.
///
/// # Errors
/// Every call fails with `Unavailable` when no endpoint can be reached, or when
/// the endpoint cannot reach the node; with `Timeout` when the deadline passes;
/// with `Untrusted` or `Unauthenticated` when one side refuses the other's
/// certificate; with `PermissionDenied` when the certificate's roles do not allow
/// it; with `Unsupported` when this release of Talos, or a worker, does not offer it.
///
/// # Cancellation
/// Dropping a call's future cancels it on the node too.
#[derive(Clone, Debug)]
pub struct NodeClient {
    pub(crate) shared: Arc<Shared>,
    node: Option<String>,
}

impl NodeClient {
    pub(crate) fn new(shared: Arc<Shared>, node: Option<String>) -> Self {
        NodeClient { shared, node }
    }

    /// The node that is meant; `None` is the endpoint itself.
    pub fn name(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// What errors call the one who was asked.
    pub(crate) fn target(&self) -> &str {
        self.name().unwrap_or(&self.shared.info.name)
    }

    /// A read that answers once, within the deadline. A connection that breaks
    /// under it is replaced, once for each endpoint, as several may die in the
    /// same moment: reading twice does no harm.
    pub(crate) async fn read<M, A, F>(
        &self,
        operation: impl Into<Cow<'static, str>>,
        message: M,
        call: impl Fn(RawClients, Request<M>) -> F,
    ) -> Result<A>
    where
        M: Clone,
        F: Future<Output = Result<A, Status>>,
    {
        let _turn = self.shared.in_flight.acquire().await;
        let limit = self.shared.options.request_timeout;
        let named =
            |e: Error, operation: Cow<'static, str>| e.operation(operation).target(self.target());
        let operation = operation.into();
        let transport = match self.shared.transport(self.name()) {
            Ok(transport) => transport,
            Err(e) => return Err(named(e, operation)),
        };
        let state = CallState::default();
        let clients = RawClients::new(transport.clone());
        let attempt = || {
            let mut request = state.request(message.clone());
            request.set_timeout(limit);
            call(clients.clone(), request)
        };
        // Pinned where it is: each move would make the future larger by its size.
        let answered = pin!(async {
            let mut result = attempt().await;
            for _ in &self.shared.info.endpoints {
                match result {
                    Err(status) if broke(&status) => result = attempt().await,
                    _ => break,
                }
            }
            result
        });
        bounded(limit, &state, answered)
            .await
            .map_err(|e| named(e, operation))
    }

    /// A question to one of the machine's services, whose answer holds one element.
    pub(crate) async fn ask<M, A, F>(
        &self,
        operation: &'static str,
        message: M,
        call: impl Fn(RawClients, Request<M>) -> F,
    ) -> Result<A::Element>
    where
        M: Clone,
        A: Answer,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let answer = self.read(operation, message, call).await?.into_inner();
        self.element(operation, answer)
    }

    /// A call that changes something: sent once and never again, whatever happens.
    pub(crate) async fn act<M, A, F>(
        &self,
        operation: &'static str,
        limit: Option<Duration>,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F,
    ) -> Result<A>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let _turn = self.shared.in_flight.acquire().await;
        let limit = limit.unwrap_or(self.shared.options.request_timeout);
        let named = |e: Error| e.operation(operation).target(self.target());
        let transport = self.shared.transport(self.name()).map_err(named)?;
        let state = CallState::default();
        let mut request = state.request(message);
        request.set_timeout(limit);
        let sending = pin!(call(RawClients::new(transport), request));
        bounded(limit, &state, sending)
            .await
            .map(Response::into_inner)
            .map_err(named)
    }

    /// [`act`](Self::act) on one of the machine's services, whose answer holds one element.
    pub(crate) async fn order<M, A, F>(
        &self,
        operation: &'static str,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F,
    ) -> Result<A::Element>
    where
        A: Answer,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let answer = self.act(operation, None, message, call).await?;
        self.element(operation, answer)
    }

    /// The one element of an answer.
    pub(crate) fn element<A: Answer>(
        &self,
        operation: &'static str,
        answer: A,
    ) -> Result<A::Element> {
        answer
            .element()
            .map_err(|e| e.operation(operation).target(self.target()))
    }

    /// Opens a download: the answer must begin within the deadline and go on
    /// without long silences.
    pub(crate) async fn download<M, A, F>(
        &self,
        operation: &'static str,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F,
    ) -> Result<Frames<A>>
    where
        A: Element,
        F: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let frames = self.open(operation, message, call).await?;
        let stall = self.shared.options.stall_timeout;
        Ok(Frames::open(operation, self.target(), frames, Some(stall)))
    }

    /// A stream that may be silent for as long as it likes. The server sends not
    /// even headers before it has something to say, so it is opened when it is
    /// first asked for an item, without a deadline.
    pub(crate) fn follow<M, A, F>(
        &self,
        operation: &'static str,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F + Send + 'static,
    ) -> Frames<A>
    where
        M: Send + 'static,
        A: Element,
        F: Future<Output = Result<Response<Streaming<A>>, Status>> + Send,
    {
        let node = self.clone();
        let opening = async move {
            let transport = node.shared.transport(node.name())?;
            let state = CallState::keeping_body();
            call(RawClients::new(transport), state.request(message))
                .await
                .and_then(|answer| Messages::kept(answer, &state))
                .map_err(to_error)
        };
        Frames::opening(operation, self.target(), Box::pin(opening))
    }

    /// Opens a stream; its first word must come within the deadline, its rest
    /// has none.
    pub(crate) async fn open<M, A, F>(
        &self,
        operation: &'static str,
        message: M,
        call: impl FnOnce(RawClients, Request<M>) -> F,
    ) -> Result<Messages<A>>
    where
        A: Message + Default,
        F: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let named = |e: Error| e.operation(operation).target(self.target());
        let limit = self.shared.options.request_timeout;
        let transport = self.shared.transport(self.name()).map_err(named)?;
        let state = CallState::keeping_body();
        let opening = call(RawClients::new(transport.clone()), state.request(message));
        let opened = pin!(async { Messages::kept(opening.await?, &state) });
        bounded(limit, &state, opened).await.map_err(named)
    }

    /// The first message of a stream, within the deadline. Streams that watch
    /// begin with an empty one, which says that nothing will be missed from now on.
    pub(crate) async fn first<A>(
        &self,
        operation: &'static str,
        frames: &mut Messages<A>,
    ) -> Result<Option<A>>
    where
        A: Message + Default,
    {
        let limit = self.shared.options.request_timeout;
        let named = |e: Error| e.operation(operation).target(self.target());
        match tokio::time::timeout(limit, frames.message()).await {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(status)) => Err(named(to_error(status))),
            Err(_) => Err(named(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {limit:?}"),
            ))),
        }
    }
}

/// Waits for an answer for at most `limit`, and says at the end of it whether
/// anything was sent.
async fn bounded<T>(
    limit: Duration,
    state: &CallState,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T> {
    if let Ok(answer) = tokio::time::timeout(limit, call).await {
        return answer.map_err(to_error);
    }
    state.timed_out();
    let sent = if state.was_sent() {
        Sent::Maybe
    } else {
        Sent::No
    };
    let message = format!("no answer within {limit:?}");
    Err(Error::new(ErrorKind::Timeout, message).sent(sent))
}

/// Whether the connection broke under the call, as opposed to an answer.
fn broke(status: &Status) -> bool {
    std::error::Error::source(status)
        .and_then(|cause| cause.downcast_ref::<Fault>())
        .is_some_and(|f| f.kind() == ErrorKind::Unavailable && f.was_sent() == Sent::Maybe)
}
