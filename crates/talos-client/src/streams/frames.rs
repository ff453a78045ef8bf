//! The messages of a stream: their errors, and silences between them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::{FutureExt, stream};
use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use prost::Message;
use talos_proto::common::Data;

use super::Messages;
use crate::machine::{Element, element_error};
use crate::status::to_error;

type Opening<A> = Pin<Box<dyn Future<Output = Result<Messages<A>>> + Send>>;

/// The messages of a stream that a node sends.
pub(crate) struct Frames<A> {
    source: Source<A>,
    operation: &'static str,
    target: String,
    /// Longest silence.
    stall: Option<Duration>,
    /// How many bytes of data have come.
    bytes: u64,
}

enum Source<A> {
    Opening(Opening<A>),
    Open(Box<Messages<A>>),
    Ended,
}

impl<A: Element> Frames<A> {
    pub(crate) fn open(
        operation: &'static str,
        target: &str,
        frames: Messages<A>,
        stall: Option<Duration>,
    ) -> Self {
        Frames {
            source: Source::Open(Box::new(frames)),
            operation,
            target: target.to_owned(),
            stall,
            bytes: 0,
        }
    }

    pub(crate) fn opening(operation: &'static str, target: &str, opening: Opening<A>) -> Self {
        Frames {
            source: Source::Opening(opening),
            operation,
            target: target.to_owned(),
            stall: None,
            bytes: 0,
        }
    }

    /// With a limit on silences, opening included.
    pub(crate) fn stalling(mut self, stall: Option<Duration>) -> Self {
        self.stall = stall;
        self
    }

    /// The next message; `None` at the end and after an error.
    pub(crate) async fn next(&mut self) -> Result<Option<A>> {
        // Most often there is more already: no timer for that.
        let result = match (self.source.next().now_or_never(), self.stall) {
            (Some(result), _) => result,
            (None, None) => self.source.next().await,
            (None, Some(stall)) => match tokio::time::timeout(stall, self.source.next()).await {
                Ok(result) => result,
                Err(_) => Err(Error::new(
                    ErrorKind::Timeout,
                    format!("nothing arrived for {stall:?}"),
                )
                .sent(Sent::Maybe)),
            },
        };
        let result = match result {
            Ok(Some(frame)) => match frame.metadata().and_then(element_error) {
                Some(error) => Err(error),
                None => return Ok(Some(frame)),
            },
            other => other,
        };
        // Whatever else it was, nothing follows.
        self.source = Source::Ended;
        result.map_err(|error| self.named(error))
    }

    /// What `error` is about, and how far the stream had come.
    pub(crate) fn named(&self, error: Error) -> Error {
        let error = match self.bytes {
            0 => error,
            bytes => after(bytes, &error),
        };
        error.operation(self.operation).target(self.target.clone())
    }

    /// The end of a stream that only the node's going away ends.
    pub(crate) fn ended_early(&self) -> Error {
        let error = Error::new(ErrorKind::Unavailable, "the node ended the stream")
            .sent(Sent::Yes)
            .retry(Retry::Now);
        error.operation(self.operation).target(self.target.clone())
    }

    /// Each message as what `decode` makes of it.
    pub(crate) fn items<T: Send + 'static>(
        self,
        decode: fn(A) -> T,
    ) -> impl Stream<Item = Result<T>> + Send + Unpin + use<A, T> {
        Box::pin(stream::unfold(self, move |mut frames| async move {
            let item = frames.next().await.transpose()?;
            Some((item.map(decode), frames))
        }))
    }
}

impl Frames<Data> {
    /// The next bytes, however many; `None` at the end and after an error.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.next().await? {
            if !frame.bytes.is_empty() {
                self.bytes = self.bytes.saturating_add(frame.bytes.len() as u64);
                return Ok(Some(frame.bytes));
            }
        }
        Ok(None)
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<A: Message + Default> Source<A> {
    /// The next message. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Option<A>> {
        if let Source::Opening(opening) = self {
            *self = Source::Open(Box::new(opening.as_mut().await?));
        }
        match self {
            Source::Open(frames) => frames.message().await.map_err(to_error),
            Source::Opening(_) | Source::Ended => Ok(None),
        }
    }
}

impl<A> fmt::Debug for Frames<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("operation", &self.operation)
            .field("target", &self.target)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The same error, saying how far it got.
pub(crate) fn after(bytes: u64, error: &Error) -> Error {
    let mut named = Error::new(
        error.kind(),
        format!("{} (after {bytes} bytes)", error.message()),
    )
    .sent(error.was_sent())
    .retry(error.retry_advice());
    if let Some(status) = error.status_text() {
        named = named.status(status);
    }
    named
}
