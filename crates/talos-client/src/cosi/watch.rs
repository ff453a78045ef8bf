//! Changes of resources, as they happen.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use serde::{Deserialize, Serialize};
use talos_proto::cosi::resource as proto;

use super::resource::{Metadata, Resource, ResourceType, Typed};
use super::watch_options::WatchOptions;
use crate::node::NodeClient;
use crate::status::to_error;
use crate::streams::Messages;

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WatchEventKind {
    /// It exists, or came to be.
    Created,
    /// It changed.
    Updated,
    /// It is gone, or (first event with an id) was not there.
    Destroyed,
    /// All that existed when the watch began has been sent.
    Bootstrapped,
    /// Nothing happened; carries a bookmark.
    Noop,
    /// What was told so far no longer counts; all that exists follows. Only
    /// from [`watch_reconnecting`](NodeClient::watch_reconnecting).
    Restarted,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WatchEvent<R> {
    /// What happened.
    pub kind: WatchEventKind,
    /// To whom. Absent when bootstrapped.
    pub metadata: Option<Metadata>,
    /// How it is now. Absent when destroyed or bootstrapped.
    pub spec: Option<R>,
    /// How it was, for updates.
    pub old: Option<R>,
    /// Where to resume after this event; see [`WatchOptions::resume`].
    pub bookmark: Option<Vec<u8>>,
}

impl<R> WatchEvent<R> {
    /// Whether the resource is on its way out: it still exists, waiting for
    /// its finalizers.
    pub fn is_tearing_down(&self) -> bool {
        self.metadata
            .as_ref()
            .is_some_and(Metadata::is_tearing_down)
    }

    pub(super) fn restarted() -> Self {
        WatchEvent {
            kind: WatchEventKind::Restarted,
            metadata: None,
            spec: None,
            old: None,
            bookmark: None,
        }
    }
}

/// From a resource on the wire to metadata and specification.
pub(super) type Decode<R> = fn(proto::Resource) -> Result<(Metadata, R)>;

/// A type that is known here.
pub(super) fn typed<R: ResourceType>(resource: proto::Resource) -> Result<(Metadata, R)> {
    Typed::<R>::from_proto(resource).map(|r| (r.metadata, r.spec))
}

/// Any type, as data.
#[expect(clippy::unnecessary_wraps, reason = "it is a `Decode`")]
pub(super) fn dynamic(resource: proto::Resource) -> Result<(Metadata, serde_json::Value)> {
    let Resource { metadata, spec, .. } = Resource::from(resource);
    Ok((metadata, spec))
}

/// Changes of resources; see [`NodeClient::watch`].
///
/// A watch does not end by itself: when the node ends it, the last item is an
/// `Unavailable` error that may be retried. Dropping the stream ends the watch
/// on the node.
pub struct WatchStream<R> {
    frames: Messages<proto::WatchResponse>,
    waiting: VecDeque<Result<WatchEvent<R>>>,
    operation: String,
    target: String,
    decode: Decode<R>,
    done: bool,
}

impl<R> fmt::Debug for WatchStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream")
            .field("operation", &self.operation)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

// Nothing points into it.
impl<R> Unpin for WatchStream<R> {}

impl NodeClient {
    /// Watches the resources of a type. Returns once the node is watching.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list); `FailedPrecondition` for a bookmark that is too
    /// old; `InvalidArgument` for an id together with labels or a pattern, before
    /// anything is sent.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use futures_util::StreamExt;
    /// use talos_client::cosi::{MachineStatus, WatchOptions};
    ///
    /// let mut changes = node.watch::<MachineStatus>(WatchOptions::default()).await?;
    /// while let Some(change) = changes.next().await {
    ///     if let Some(status) = change?.spec {
    ///         println!("{:?}, ready: {}", status.stage, status.ready);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn watch<R: ResourceType>(&self, options: WatchOptions) -> Result<WatchStream<R>> {
        self.watch_decoded(R::NAMESPACE, R::TYPE, options, typed)
            .await
    }

    /// Watches the resources of any type; specifications come as data.
    /// `type_name` is the full canonical name;
    /// [`resolve_type`](NodeClient::resolve_type) finds it.
    ///
    /// # Errors
    /// As [`watch`](NodeClient::watch).
    pub async fn watch_dynamic(
        &self,
        namespace: &str,
        type_name: &str,
        options: WatchOptions,
    ) -> Result<WatchStream<serde_json::Value>> {
        self.watch_decoded(namespace, type_name, options, dynamic)
            .await
    }

    pub(super) async fn watch_decoded<R>(
        &self,
        namespace: &str,
        type_name: &str,
        options: WatchOptions,
        decode: Decode<R>,
    ) -> Result<WatchStream<R>> {
        if options.id.is_some() && (!options.labels.is_empty() || options.id_pattern.is_some()) {
            let message = "an id names one resource: labels and id_pattern pick among several";
            return Err(Error::new(ErrorKind::InvalidArgument, message)
                .sent(Sent::No)
                .operation("Watch")
                .target(self.target()));
        }
        let message = proto::WatchRequest {
            namespace: namespace.to_owned(),
            r#type: type_name.to_owned(),
            options: Some(options.to_proto()),
            id: options.id,
            // 0 would hide that the contents are complete, and errors.
            api_version: 1,
        };
        let mut frames = self
            .open("Watch", message, |raw, request| async move {
                raw.state().watch(request).await
            })
            .await?;
        // The first message is empty and says that the watch is live.
        let first = self.first("Watch", &mut frames).await?;
        let mut stream = WatchStream {
            frames,
            waiting: VecDeque::new(),
            operation: format!("Watch {type_name}"),
            target: self.target().to_owned(),
            decode,
            done: false,
        };
        match first {
            Some(response) => stream.take(response),
            None => stream.ended(),
        }
        Ok(stream)
    }
}

impl<R> WatchStream<R> {
    fn take(&mut self, response: proto::WatchResponse) {
        for event in response.event {
            if self.done {
                return;
            }
            match decode(event, self.decode) {
                Ok(event) => self.waiting.push_back(Ok(event)),
                Err(error) => self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: Error) {
        let error = error
            .operation(self.operation.clone())
            .target(self.target.clone());
        self.waiting.push_back(Err(error));
        self.done = true;
    }

    fn ended(&mut self) {
        self.fail(
            Error::new(ErrorKind::Unavailable, "the node ended the watch")
                .sent(Sent::Yes)
                .retry(Retry::Now),
        );
    }
}

impl<R> Stream for WatchStream<R> {
    type Item = Result<WatchEvent<R>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Poll::Ready(Some(item));
            }
            if self.done {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
                Some(Ok(response)) => self.take(response),
                Some(Err(status)) => self.fail(to_error(status)),
                None => self.ended(),
            }
        }
    }
}

fn decode<R>(event: proto::Event, read: Decode<R>) -> Result<WatchEvent<R>> {
    use proto::EventType;
    let kind = match EventType::try_from(event.event_type) {
        Ok(EventType::Created) => WatchEventKind::Created,
        Ok(EventType::Updated) => WatchEventKind::Updated,
        Ok(EventType::Destroyed) => WatchEventKind::Destroyed,
        Ok(EventType::Bootstrapped) => WatchEventKind::Bootstrapped,
        // A newer server's event of unknown meaning carries at least a bookmark.
        Ok(EventType::Noop) | Err(_) => WatchEventKind::Noop,
        // The stream would stay open and silent from here on.
        Ok(EventType::Errored) => {
            let why = event.error.unwrap_or_default();
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("the node gave up the watch: {why}"),
            )
            .sent(Sent::Yes)
            .retry(Retry::Now));
        }
    };
    let (metadata, spec) = match kind {
        WatchEventKind::Created | WatchEventKind::Updated => {
            let resource = event.resource.unwrap_or_default();
            let (metadata, spec) = read(resource)?;
            (Some(metadata), Some(spec))
        }
        WatchEventKind::Destroyed => (
            event.resource.and_then(|r| r.metadata).map(Metadata::from),
            None,
        ),
        WatchEventKind::Bootstrapped | WatchEventKind::Noop | WatchEventKind::Restarted => {
            (None, None)
        }
    };
    let old = match (kind, event.old) {
        (WatchEventKind::Updated, Some(old)) => Some(read(old)?.1),
        _ => None,
    };
    Ok(WatchEvent {
        kind,
        metadata,
        spec,
        old,
        bookmark: event.bookmark,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use talos_proto::definitions::cluster::MemberSpec;

    use super::*;
    use crate::cosi::Member;

    fn event(kind: proto::EventType, spec: Option<Vec<u8>>) -> proto::Event {
        proto::Event {
            event_type: kind.into(),
            resource: Some(proto::Resource {
                metadata: Some(proto::Metadata {
                    id: "cp-1".into(),
                    ..proto::Metadata::default()
                }),
                spec: spec.map(|bytes| proto::Spec {
                    proto_spec: bytes.into(),
                    yaml_spec: String::new(),
                }),
            }),
            ..proto::Event::default()
        }
    }

    #[test]
    fn an_errored_event_is_an_error_worth_another_try() {
        let mut errored = event(proto::EventType::Errored, None);
        errored.error = Some("buffer overrun".into());
        let error = decode(errored, typed::<Member>).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.retry_advice(), Retry::Now);
        assert!(error.message().ends_with("buffer overrun"));
    }

    #[test]
    fn a_tombstone_has_an_id_and_no_spec() {
        let gone = decode(event(proto::EventType::Destroyed, None), typed::<Member>).unwrap();
        assert_eq!(gone.metadata.unwrap().id, "cp-1");
        assert_eq!(gone.spec, None);
        let live = decode(event(proto::EventType::Bootstrapped, None), typed::<Member>).unwrap();
        assert_eq!(live.metadata, None);
    }

    #[test]
    fn an_update_knows_how_it_was() {
        let named = |name: &str| MemberSpec {
            hostname: name.into(),
            ..MemberSpec::default()
        };
        let mut update = event(
            proto::EventType::Updated,
            Some(named("new").encode_to_vec()),
        );
        update.old = event(
            proto::EventType::Updated,
            Some(named("old").encode_to_vec()),
        )
        .resource;
        let update = decode(update, typed::<Member>).unwrap();
        assert_eq!(update.spec.unwrap().hostname, "new");
        assert_eq!(update.old.unwrap().hostname, "old");
    }

    #[test]
    fn an_event_of_the_future_is_not_an_error() {
        let mut event = event(proto::EventType::Noop, None);
        event.event_type = 99;
        let event = decode(event, typed::<Member>).unwrap();
        assert_eq!(event.kind, WatchEventKind::Noop);
    }
}
