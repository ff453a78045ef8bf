//! `Events`: an empty hello, then what is asked for of the past, then what
//! happens. A follower that falls behind the ring is cut off with status OK.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream;
use prost::Message;
use prost_types::Any;
use talos_proto::{common, machine as pb};
use tokio::sync::watch;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::info::health;
use crate::talos::local::Local;
use crate::world::event::event_id;
use crate::world::{EventPayload, Stage, TalosEvent, TalosNode, World};

/// Follows the events of the node.
pub(super) fn follow(
    local: &Local,
    request: &pb::EventsRequest,
) -> Result<BoxStream<pb::Event>, Status> {
    let asked = [
        request.tail_events != 0,
        !request.tail_id.is_empty(),
        request.tail_seconds != 0,
    ];
    if asked.into_iter().filter(|a| *a).count() > 1 {
        return Err(Status::invalid_argument(
            "only one of tail_events, tail_id and tail_seconds can be given",
        ));
    }
    let (shared, name) = (&local.shared, local.name.as_str());
    // Subscribed before the ring is read, so that nothing falls in between.
    let changes = shared.world.subscribe();
    let now = shared.world.now();
    let start = shared.world.read(|state| {
        let node = state.node(name)?;
        // No later than the next event's, so that a follower may resume from it.
        let number = node.events.end().saturating_sub(1);
        let hello = hello(event_id(state.seed, node, now, number));
        Some((first(node, request, now), node.events.boot, hello))
    });
    let (next, boot, hello) = start.ok_or_else(|| Status::unavailable("the node is down"))?;
    let follower = Follower {
        world: shared.world.clone(),
        changes,
        name: name.to_owned(),
        actor: request.with_actor_id.clone(),
        next,
        boot,
        ready: VecDeque::from([hello]),
        ended: false,
    };
    Ok(Box::pin(stream::unfold(follower, Follower::next)))
}

/// The number of the first event to send.
fn first(node: &TalosNode, request: &pb::EventsRequest, now: std::time::SystemTime) -> u64 {
    let end = node.events.end();
    let oldest = node.events.iter().next().map_or(end, |(n, _)| n);
    if request.tail_events < 0 {
        return oldest;
    }
    if request.tail_events > 0 {
        let tail = u64::from(request.tail_events.unsigned_abs());
        return end.saturating_sub(tail).max(oldest);
    }
    if !request.tail_id.is_empty() {
        // Ids sort by time: strictly after the one named, whether still there or not.
        let after = node.events.iter().find(|(_, e)| e.id > request.tail_id);
        return after.map_or(end, |(n, _)| n);
    }
    if let Ok(seconds) = u64::try_from(request.tail_seconds)
        && seconds > 0
    {
        let since = now.checked_sub(Duration::from_secs(seconds));
        let recent = node
            .events
            .iter()
            .find(|(_, e)| since.is_none_or(|s| e.at >= s));
        return recent.map_or(end, |(n, _)| n);
    }
    end
}

struct Follower {
    world: World,
    changes: watch::Receiver<u64>,
    name: String,
    actor: String,
    next: u64,
    boot: u64,
    ready: VecDeque<pb::Event>,
    /// The node went down: nothing follows.
    ended: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<pb::Event, Status>, Self)> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            self.changes.borrow_and_update();
            let more = self.world.read(|state| {
                let ring = &state.node(&self.name)?.events;
                (ring.boot == self.boot).then(|| ring.since(self.next))
            });
            let Some(more) = more else {
                self.ended = true;
                return Some((
                    Err(Status::unavailable("error reading from server: EOF")),
                    self,
                ));
            };
            // Fallen behind the ring: the stream ends as if all were well.
            let more = more?;
            if more.is_empty() {
                self.changes.changed().await.ok()?;
                continue;
            }
            self.next += more.len() as u64;
            let wanted = more
                .iter()
                .filter(|e| self.actor.is_empty() || e.actor_id == self.actor);
            self.ready.extend(wanted.map(event));
        }
    }
}

/// The first frame: it says that the stream stands, nothing else.
fn hello(id: String) -> pb::Event {
    pb::Event {
        id,
        data: Some(Any::default()),
        ..pb::Event::default()
    }
}

fn event(event: &TalosEvent) -> pb::Event {
    let data = match &event.payload {
        EventPayload::ServiceState {
            service,
            state,
            message,
            healthy,
        } => any(
            "ServiceStateEvent",
            &pb::ServiceStateEvent {
                service: service.clone(),
                action: action(state).into(),
                message: message.clone(),
                health: Some(health(*healthy, message, event.at)),
            },
        ),
        EventPayload::MachineStatus {
            stage,
            ready,
            unmet,
        } => any(
            "MachineStatusEvent",
            &pb::MachineStatusEvent {
                stage: machine_stage(*stage).into(),
                status: Some(pb::machine_status_event::MachineStatus {
                    ready: *ready,
                    unmet_conditions: unmet
                        .iter()
                        .map(|(name, reason)| {
                            pb::machine_status_event::machine_status::UnmetCondition {
                                name: name.clone(),
                                reason: reason.clone(),
                            }
                        })
                        .collect(),
                }),
            },
        ),
        EventPayload::Sequence { name, started } => any(
            "SequenceEvent",
            &pb::SequenceEvent {
                sequence: name.clone(),
                action: if *started {
                    pb::sequence_event::Action::Start.into()
                } else {
                    pb::sequence_event::Action::Stop.into()
                },
                error: None,
            },
        ),
        EventPayload::Refused { name, error } => any(
            "SequenceEvent",
            &pb::SequenceEvent {
                sequence: name.clone(),
                action: pb::sequence_event::Action::Noop.into(),
                error: Some(common::Error {
                    code: common::Code::Locked.into(),
                    message: error.clone(),
                    details: Vec::new(),
                }),
            },
        ),
        EventPayload::Phase { name, started } => any(
            "PhaseEvent",
            &pb::PhaseEvent {
                phase: name.clone(),
                action: i32::from(!*started),
            },
        ),
        EventPayload::Task { name, started } => any(
            "TaskEvent",
            &pb::TaskEvent {
                task: name.clone(),
                action: i32::from(!*started),
            },
        ),
        EventPayload::Address { hostname, address } => any(
            "AddressEvent",
            &pb::AddressEvent {
                hostname: hostname.clone(),
                addresses: vec![address.to_string()],
            },
        ),
    };
    pb::Event {
        metadata: None,
        data: Some(data),
        id: event.id.clone(),
        actor_id: event.actor_id.clone(),
    }
}

/// Talos packs its events under a prefix of its own, not `type.googleapis.com`.
fn any(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("talos/runtime/machine.{name}"),
        value: message.encode_to_vec(),
    }
}

fn action(state: &str) -> pb::service_state_event::Action {
    use pb::service_state_event::Action;
    match state {
        "Preparing" => Action::Preparing,
        "Waiting" => Action::Waiting,
        "Running" => Action::Running,
        "Stopping" => Action::Stopping,
        "Finished" => Action::Finished,
        "Failed" => Action::Failed,
        "Skipped" => Action::Skipped,
        "Starting" => Action::Starting,
        _ => Action::Initialized,
    }
}

fn machine_stage(stage: Stage) -> pb::machine_status_event::MachineStage {
    use pb::machine_status_event::MachineStage;
    match stage {
        Stage::Off => MachineStage::Unknown,
        Stage::Booting => MachineStage::Booting,
        Stage::Installing => MachineStage::Installing,
        Stage::Maintenance => MachineStage::Maintenance,
        Stage::Running => MachineStage::Running,
        Stage::Rebooting => MachineStage::Rebooting,
        Stage::ShuttingDown => MachineStage::ShuttingDown,
        Stage::Resetting => MachineStage::Resetting,
        Stage::Upgrading => MachineStage::Upgrading,
    }
}
