//! A watch that outlives its connection.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use homelab_core::{Error, ErrorKind, Result};

use super::resource::ResourceType;
use super::watch::{Decode, WatchEvent, WatchStream, dynamic, typed};
use super::watch_options::WatchOptions;
use crate::node::NodeClient;

/// First pause before a watch is opened again, and how it grows: 0.5 s, 1 s,
/// 2 s, … at most 15 s.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// How long a broken watch is tried again.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Reconnect {
    /// Longest time without an open watch, after which the last error is
    /// handed out. 10 minutes: a node's reboot is shorter.
    pub give_up_after: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect {
            give_up_after: Duration::from_secs(600),
        }
    }
}

impl Reconnect {
    /// Longest time without an open watch.
    #[must_use]
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = limit;
        self
    }
}

/// Changes of resources, across reconnections; see
/// [`NodeClient::watch_reconnecting`].
pub struct ReconnectingWatch<R> {
    inner: Pin<Box<dyn Stream<Item = Result<WatchEvent<R>>> + Send>>,
}

impl<R> fmt::Debug for ReconnectingWatch<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingWatch").finish_non_exhaustive()
    }
}

impl<R> Stream for ReconnectingWatch<R> {
    type Item = Result<WatchEvent<R>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(cx)
    }
}

impl NodeClient {
    /// A [`watch`](NodeClient::watch) that is opened again when it breaks: the
    /// connection lost, the node rebooted, the node fallen behind.
    ///
    /// It resumes behind the last event that was handed out. Where the node no
    /// longer remembers that (it has rebooted, or too much has happened), an
    /// event of kind [`Restarted`](super::WatchEventKind::Restarted) comes, followed
    /// by all that exists now: what was known before and does not come again
    /// is gone.
    ///
    /// # Errors
    /// The stream ends after its first error: one that trying again does not
    /// mend, or the last one when no watch could be opened for
    /// [`give_up_after`](Reconnect::give_up_after).
    pub fn watch_reconnecting<R: ResourceType>(
        &self,
        options: WatchOptions,
        reconnect: Reconnect,
    ) -> ReconnectingWatch<R> {
        self.reconnecting(R::NAMESPACE, R::TYPE, typed, options, reconnect)
    }

    /// [`watch_reconnecting`](NodeClient::watch_reconnecting) for resources of any
    /// type, as [`watch_dynamic`](NodeClient::watch_dynamic) gives them.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use futures_util::StreamExt;
    /// use talos_client::cosi::{Reconnect, WatchOptions};
    ///
    /// let routes = node.resolve_type("routes").await?;
    /// let mut changes = node.watch_dynamic_reconnecting(
    ///     &routes.default_namespace,
    ///     &routes.type_name,
    ///     WatchOptions::default(),
    ///     Reconnect::default(),
    /// );
    /// while let Some(change) = changes.next().await {
    ///     let change = change?;
    ///     println!("{:?} {:?}", change.kind, change.spec);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`watch_reconnecting`](NodeClient::watch_reconnecting).
    pub fn watch_dynamic_reconnecting(
        &self,
        namespace: &str,
        type_name: &str,
        options: WatchOptions,
        reconnect: Reconnect,
    ) -> ReconnectingWatch<serde_json::Value> {
        self.reconnecting(namespace, type_name, dynamic, options, reconnect)
    }

    fn reconnecting<R: Send + 'static>(
        &self,
        namespace: &str,
        type_name: &str,
        decode: Decode<R>,
        options: WatchOptions,
        reconnect: Reconnect,
    ) -> ReconnectingWatch<R> {
        let state = State {
            node: self.clone(),
            namespace: namespace.to_owned(),
            type_name: type_name.to_owned(),
            decode,
            resume: options.with_bookmarks(),
            limit: reconnect.give_up_after,
            open: None,
            fruitless: false,
            begun: false,
            done: false,
        };
        ReconnectingWatch {
            inner: Box::pin(stream::unfold(state, State::next)),
        }
    }
}

struct State<R> {
    node: NodeClient,
    namespace: String,
    type_name: String,
    decode: Decode<R>,
    /// How the watch is to be opened next time.
    resume: WatchOptions,
    limit: Duration,
    open: Option<WatchStream<R>>,
    /// Whether the last watch that was opened has told nothing. One that breaks
    /// at once, every time, must not be opened in a loop without a pause.
    fruitless: bool,
    /// Whether anything has been handed out.
    begun: bool,
    done: bool,
}

impl<R: Send + 'static> State<R> {
    async fn next(mut self) -> Option<(Result<WatchEvent<R>>, Self)> {
        if self.done {
            return None;
        }
        loop {
            let Some(open) = &mut self.open else {
                match self.reopen().await {
                    Ok(None) => continue,
                    Ok(Some(event)) => return Some((Ok(event), self)),
                    Err(error) => {
                        self.done = true;
                        return Some((Err(error), self));
                    }
                }
            };
            match open.next().await {
                Some(Ok(event)) => {
                    self.begun = true;
                    self.fruitless = false;
                    if event.bookmark.is_some() {
                        self.resume.bookmark.clone_from(&event.bookmark);
                    }
                    return Some((Ok(event), self));
                }
                Some(Err(error)) if passes(&error) => self.open = None,
                Some(Err(error)) => {
                    self.done = true;
                    return Some((Err(error), self));
                }
                None => self.open = None,
            }
        }
    }

    /// Opens the watch, with pauses, until it works or the limit is reached.
    /// An event tells that what was known no longer counts.
    async fn reopen(&mut self) -> Result<Option<WatchEvent<R>>> {
        let clock = self.node.shared.options.clock.clone();
        let start = clock.elapsed();
        let mut pause = PAUSE_FIRST;
        if self.fruitless {
            clock.sleep(pause).await;
        }
        loop {
            let (namespace, type_name) = (&self.namespace, &self.type_name);
            let watch =
                self.node
                    .watch_decoded(namespace, type_name, self.resume.clone(), self.decode);
            match watch.await {
                Ok(open) => {
                    self.open = Some(open);
                    self.fruitless = true;
                    // With an id the node tells the present state first. Without
                    // a bookmark everything is told anew.
                    let anew = self.begun && self.resume.bookmark.is_none();
                    return Ok(anew.then(WatchEvent::restarted));
                }
                Err(error)
                    if error.kind() == ErrorKind::FailedPrecondition
                        && self.resume.bookmark.is_some() =>
                {
                    self.resume.bookmark = None;
                    self.resume.contents_first = true;
                    self.begun = true;
                }
                Err(error) if passes(&error) => {
                    let waited = clock.elapsed().saturating_sub(start);
                    if waited.saturating_add(pause) >= self.limit {
                        return Err(error);
                    }
                    clock.sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether it may work again later. A call that was cancelled is what a node
/// answers on its way down.
fn passes(error: &Error) -> bool {
    error.is_retryable()
        || matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Cancelled
        )
}
