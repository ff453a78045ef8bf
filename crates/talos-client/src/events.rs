//! What a node does, as it does it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use prost::{DecodeError, Message};
use serde::{Deserialize, Serialize};
use talos_proto::machine as proto;
use talos_proto::machine::{phase_event, sequence_event, service_state_event, task_event};

use crate::cosi::{MachineStage, UnmetCondition};
use crate::enum_name::name_of;
use crate::machine::element_error;
use crate::node::NodeClient;
use crate::status::to_error;
use crate::streams::Messages;

/// Type URLs are this and the full name of the message.
const TYPE_PREFIX: &str = "talos/runtime/machine.";

/// Which events to follow. Of the tails only one can be asked for; of the
/// functions below, the last one called wins.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EventOptions {
    /// Start with this many past events; -1 for all that the node remembers (about
    /// 1000, lost at reboot).
    pub tail_events: Option<i32>,
    /// Start behind the event with this id.
    pub tail_id: Option<String>,
    /// Start this many seconds in the past.
    pub tail_seconds: Option<i32>,
    /// Only events of the action with this id.
    pub actor_id: Option<String>,
}

impl EventOptions {
    /// Start with this many past events; -1 for all.
    #[must_use]
    pub fn tail_events(mut self, count: i32) -> Self {
        (self.tail_events, self.tail_id, self.tail_seconds) = (Some(count), None, None);
        self
    }

    /// Start behind the event with this id.
    #[must_use]
    pub fn tail_id(mut self, id: impl Into<String>) -> Self {
        (self.tail_events, self.tail_id, self.tail_seconds) = (None, Some(id.into()), None);
        self
    }

    /// Start this many seconds in the past.
    #[must_use]
    pub fn tail_seconds(mut self, seconds: i32) -> Self {
        (self.tail_events, self.tail_id, self.tail_seconds) = (None, None, Some(seconds));
        self
    }

    /// Only events of the action with this id.
    #[must_use]
    pub fn actor_id(mut self, id: impl Into<String>) -> Self {
        self.actor_id = Some(id.into());
        self
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// A sequence (boot, reboot, upgrade, …) began, ended or was refused.
    Sequence,
    /// A phase of a sequence began or ended.
    Phase,
    /// A task of a phase began or ended.
    Task,
    /// A service changed.
    ServiceState,
    /// The configuration could not be read.
    ConfigLoadError,
    /// The configuration is not valid.
    ConfigValidationError,
    /// Host name or addresses changed.
    Address,
    /// The stage of the machine changed, or whether it is ready.
    MachineStatus,
    /// The node restarts.
    Restart,
    /// A kind that this release does not know: its type URL.
    #[serde(untagged)]
    Other(String),
}

/// Something that happened on a node. Which of the optional fields are set
/// depends on `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Event {
    /// Id; grows with time.
    pub id: String,
    /// The action that it belongs to, as returned by reboot, upgrade and the like; may be empty.
    pub actor_id: String,
    /// What it is about.
    pub kind: EventKind,
    /// The kind's full type URL.
    pub type_url: String,
    /// Name of the sequence, phase, task or service.
    pub name: Option<String>,
    /// `start`, `stop` or `noop` of a sequence, phase or task; the state of a service (`running`).
    pub action: Option<String>,
    /// In words: of a service.
    pub message: Option<String>,
    /// What went wrong: of a sequence or the configuration.
    pub error: Option<String>,
    /// Whether the service's health check passes.
    pub healthy: Option<bool>,
    /// Stage of the machine.
    pub stage: Option<MachineStage>,
    /// Whether the machine is ready.
    pub ready: Option<bool>,
    /// What is missing for ready.
    pub unmet_conditions: Vec<UnmetCondition>,
    /// Host name of the node.
    pub hostname: Option<String>,
    /// Addresses of the node.
    pub addresses: Vec<String>,
}

/// Events of a node; see [`NodeClient::events`].
///
/// Events do not end by themselves: when the node ends the stream (it shuts
/// down, or we read too slowly), the last item is an `Unavailable` error that
/// may be retried, from the last id on. Dropping the stream ends it on the node.
#[derive(Debug)]
pub struct EventStream {
    frames: Messages<proto::Event>,
    first: Option<proto::Event>,
    target: String,
    done: bool,
}

impl NodeClient {
    /// Follows what the node does. Returns once the node is listening: what
    /// happens from then on is not missed.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// use futures_util::StreamExt;
    /// use talos_client::{EventKind, EventOptions};
    ///
    /// let mut events = node.events(EventOptions::default().tail_events(20)).await?;
    /// while let Some(event) = events.next().await {
    ///     let event = event?;
    ///     if event.kind == EventKind::MachineStatus {
    ///         println!("{:?}, ready: {:?}", event.stage, event.ready);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` for more than one tail, before anything is sent. When the
    /// node ends the stream, its last item is an error, as [`EventStream`] says.
    pub async fn events(&self, options: EventOptions) -> Result<EventStream> {
        let tails = [
            options.tail_events.is_some(),
            options.tail_id.is_some(),
            options.tail_seconds.is_some(),
        ];
        if tails.into_iter().filter(|given| *given).count() > 1 {
            let message = "only one of tail_events, tail_id and tail_seconds can be asked for";
            return Err(Error::new(ErrorKind::InvalidArgument, message)
                .sent(Sent::No)
                .operation("Events")
                .target(self.target()));
        }
        let message = proto::EventsRequest {
            tail_events: options.tail_events.unwrap_or_default(),
            tail_id: options.tail_id.unwrap_or_default(),
            tail_seconds: options.tail_seconds.unwrap_or_default(),
            with_actor_id: options.actor_id.unwrap_or_default(),
        };
        let mut frames = self
            .open("Events", message, |raw, request| async move {
                raw.machine().events(request).await
            })
            .await?;
        // Since before v1.6 the first is an empty hello, which poll_next skips.
        let first = self.first("Events", &mut frames).await?;
        Ok(EventStream {
            frames,
            done: false,
            first,
            target: self.target().to_owned(),
        })
    }
}

impl EventStream {
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Event>>> {
        self.done = true;
        let error = error.operation("Events").target(self.target.clone());
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            let frame = match self.first.take() {
                Some(first) => Some(Ok(first)),
                None => ready!(Pin::new(&mut self.frames).poll_next(cx)),
            };
            match frame {
                Some(Ok(frame)) => match decode(frame) {
                    Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                    Ok(None) => {}
                    Err(error) => return self.fail(error),
                },
                Some(Err(status)) => return self.fail(to_error(status)),
                None => {
                    let error = Error::new(
                        ErrorKind::Unavailable,
                        "the node ended the events: it goes down, or they came faster than they were read",
                    )
                        .sent(Sent::Yes)
                        .retry(Retry::Now);
                    return self.fail(error);
                }
            }
        }
    }
}

/// `None` for the hello.
fn decode(frame: proto::Event) -> Result<Option<Event>> {
    if let Some(error) = frame.metadata.as_ref().and_then(element_error) {
        return Err(error);
    }
    let Some(data) = frame.data.filter(|data| !data.type_url.is_empty()) else {
        return Ok(None);
    };
    let mut event = Event {
        id: frame.id,
        actor_id: frame.actor_id,
        kind: EventKind::Other(data.type_url.clone()),
        type_url: data.type_url,
        name: None,
        action: None,
        message: None,
        error: None,
        healthy: None,
        stage: None,
        ready: None,
        unmet_conditions: Vec::new(),
        hostname: None,
        addresses: Vec::new(),
    };
    fill(&mut event, &data.value).map_err(|e| {
        Error::new(
            ErrorKind::Protocol,
            format!("event {} cannot be decoded: {e}", event.type_url),
        )
    })?;
    Ok(Some(event))
}

fn fill(event: &mut Event, value: &[u8]) -> Result<(), DecodeError> {
    let Some(name) = event.type_url.strip_prefix(TYPE_PREFIX) else {
        return Ok(());
    };
    match name {
        "SequenceEvent" => {
            let e = proto::SequenceEvent::decode(value)?;
            event.kind = EventKind::Sequence;
            event.action = Some(name_of(e.action, "", sequence_event::Action::as_str_name));
            event.error = e.error.map(|error| error.message);
            event.name = Some(e.sequence);
        }
        "PhaseEvent" => {
            let e = proto::PhaseEvent::decode(value)?;
            event.kind = EventKind::Phase;
            event.action = Some(name_of(e.action, "", phase_event::Action::as_str_name));
            event.name = Some(e.phase);
        }
        "TaskEvent" => {
            let e = proto::TaskEvent::decode(value)?;
            event.kind = EventKind::Task;
            event.action = Some(name_of(e.action, "", task_event::Action::as_str_name));
            event.name = Some(e.task);
        }
        "ServiceStateEvent" => {
            let e = proto::ServiceStateEvent::decode(value)?;
            event.kind = EventKind::ServiceState;
            event.action = Some(name_of(
                e.action,
                "",
                service_state_event::Action::as_str_name,
            ));
            event.healthy = e
                .health
                .and_then(|health| (!health.unknown).then_some(health.healthy));
            event.name = Some(e.service);
            event.message = Some(e.message);
        }
        "ConfigLoadErrorEvent" => {
            let e = proto::ConfigLoadErrorEvent::decode(value)?;
            event.kind = EventKind::ConfigLoadError;
            event.error = Some(e.error);
        }
        "ConfigValidationErrorEvent" => {
            let e = proto::ConfigValidationErrorEvent::decode(value)?;
            event.kind = EventKind::ConfigValidationError;
            event.error = Some(e.error);
        }
        "AddressEvent" => {
            let e = proto::AddressEvent::decode(value)?;
            event.kind = EventKind::Address;
            event.hostname = Some(e.hostname);
            event.addresses = e.addresses;
        }
        "MachineStatusEvent" => {
            let e = proto::MachineStatusEvent::decode(value)?;
            event.kind = EventKind::MachineStatus;
            // The same numbers as in the resource.
            event.stage = Some(MachineStage::from_wire(e.stage));
            let status = e.status.unwrap_or_default();
            event.ready = Some(status.ready);
            event.unmet_conditions = status
                .unmet_conditions
                .into_iter()
                .map(|c| UnmetCondition::new(c.name, c.reason))
                .collect();
        }
        "RestartEvent" => event.kind = EventKind::Restart,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(type_url: &str, value: Vec<u8>) -> proto::Event {
        proto::Event {
            id: "1".into(),
            data: Some(prost_types::Any {
                type_url: type_url.into(),
                value,
            }),
            ..proto::Event::default()
        }
    }

    #[test]
    fn the_hello_is_not_an_event() {
        assert_eq!(decode(proto::Event::default()).unwrap(), None);
        assert_eq!(decode(frame("", vec![])).unwrap(), None);
    }

    #[test]
    fn unknown_types_keep_their_url() {
        let event = decode(frame("talos/runtime/machine.NewEvent", vec![1, 2]))
            .unwrap()
            .unwrap();
        assert_eq!(
            event.kind,
            EventKind::Other("talos/runtime/machine.NewEvent".into())
        );
    }

    #[test]
    fn a_refused_sequence_says_why() {
        let value = proto::SequenceEvent {
            sequence: "upgrade".into(),
            action: 0,
            error: Some(talos_proto::common::Error {
                code: 1,
                message: "sequencer is currently locked".into(),
                details: vec![],
            }),
        };
        let event = decode(frame(
            "talos/runtime/machine.SequenceEvent",
            value.encode_to_vec(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!(event.kind, EventKind::Sequence);
        assert_eq!(event.action.as_deref(), Some("noop"));
        assert_eq!(
            event.error.as_deref(),
            Some("sequencer is currently locked")
        );
    }

    #[test]
    fn garbage_is_a_protocol_error() {
        let error = decode(frame("talos/runtime/machine.TaskEvent", vec![0xff])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
