//! From an order to its end, by boot id, events and machine status together.
//!
//! Events alone are not enough: they are lost when the connection is, and a node
//! may be back without having told. Looking alone sees only what lasts.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};

use super::flow::{Flow, FlowPhase, FlowProgress, passes};
use super::look::{Boot, Look};
use super::watch::Events;
use crate::cosi::MachineStage;
use crate::events::{Event, EventKind};
use crate::node::NodeClient;

/// A node that was ordered to go and is silent for that long is gone, even if
/// nobody saw it go.
const GONE: Duration = Duration::from_secs(30);

/// An order whose answer was lost had not arrived, when the node goes on as
/// before for that long.
const IGNORED: Duration = Duration::from_secs(60);

/// What a node does last before it goes down.
const LAST_TASK: &str = "stopAllServices";

/// What is to come of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Another boot, running and ready.
    Back,
    /// No answer any more.
    Down,
    /// No answer as the node that it was: it forgets its configuration.
    Forgotten,
}

/// What a node was like before the order, and who listens.
pub(super) struct Tracker {
    before: Boot,
    events: Events,
    /// The action's id; none when the order's answer was lost.
    actor: Option<String>,
    /// Why the order's answer was lost.
    doubt: Option<Error>,
    /// Whether the node was seen to go.
    left: bool,
    /// Whether it told that its last task runs.
    last_task: bool,
    silent_since: Option<Duration>,
}

impl Tracker {
    /// Looks at a node before an order is given. What happens after is not missed.
    ///
    /// Looking must work: who cannot look could not tell how the order ends.
    pub(super) async fn before<F: FnMut(FlowProgress)>(
        node: &NodeClient,
        flow: &Flow<F>,
    ) -> Result<Tracker> {
        flow.report(FlowPhase::Preparing, "looking at the node");
        let events = Events::of(node, flow.clock.clone(), flow.options.poll).await?;
        let before = Boot::of(node).await?;
        Ok(Tracker {
            before,
            events,
            actor: None,
            doubt: None,
            left: false,
            last_task: false,
            silent_since: None,
        })
    }

    /// Gives the order and takes its action's id. An answer that got lost is no
    /// answer: the node will show.
    pub(super) async fn order<F: FnMut(FlowProgress)>(
        &mut self,
        flow: &Flow<F>,
        call: impl Future<Output = Result<String>>,
    ) -> Result<()> {
        match flow.order(call).await {
            Ok(actor) => {
                flow.report(FlowPhase::Ordered, "the node has taken the order");
                self.actor = Some(actor).filter(|id| !id.is_empty());
                Ok(())
            }
            Err(e) if e.was_sent() == Sent::Maybe => {
                let message = format!("the order's answer got lost ({}); looking", e.message());
                flow.report(FlowPhase::Ordered, message);
                self.doubt = Some(e);
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Whether the order's answer was lost and nothing has shown that it arrived.
    fn doubtful(&self) -> bool {
        self.doubt.is_some() && !self.left && !self.last_task
    }

    /// Follows the node until the goal is reached.
    pub(super) async fn follow<F: FnMut(FlowProgress)>(
        &mut self,
        node: &NodeClient,
        flow: &Flow<F>,
        goal: Goal,
    ) -> Result<()> {
        let start = flow.elapsed();
        loop {
            let look = Look::at(node);
            tokio::pin!(look);
            let seen = loop {
                tokio::select! {
                    seen = &mut look => break seen,
                    event = self.events.next() => self.hear(&event, flow)?,
                }
            };
            let done = match seen {
                Ok(look) => self.here(&look, flow, goal),
                Err(e) => self.away(e, flow, goal)?,
            };
            if done {
                return Ok(());
            }
            if self.doubtful() && flow.elapsed().saturating_sub(start) >= IGNORED {
                return Err(self.doubt.take().unwrap_or_else(lost));
            }
            let pause = flow.pause();
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    event = self.events.next() => self.hear(&event, flow)?,
                }
            }
        }
    }

    /// Whether an event is of our action. Without its id every action may be it.
    fn ours(&self, event: &Event) -> bool {
        match &self.actor {
            Some(actor) => event.actor_id == *actor,
            None => !event.actor_id.is_empty(),
        }
    }

    fn hear<F: FnMut(FlowProgress)>(&mut self, event: &Event, flow: &Flow<F>) -> Result<()> {
        let name = event.name.as_deref().unwrap_or_default();
        match event.kind {
            EventKind::Sequence if self.ours(event) => {
                if let Some(error) = &event.error {
                    return Err(refused(event.action.as_deref(), name, error));
                }
                self.report(flow, name, event);
            }
            EventKind::Phase | EventKind::Task if self.ours(event) => {
                self.last_task |= name == LAST_TASK;
                self.report(flow, name, event);
            }
            EventKind::MachineStatus => self.left |= event.stage.as_ref().is_some_and(leaving),
            EventKind::Restart => self.left = true,
            _ => {}
        }
        Ok(())
    }

    fn report<F: FnMut(FlowProgress)>(&self, flow: &Flow<F>, name: &str, event: &Event) {
        if event.action.as_deref() == Some("start") {
            let phase = if self.silent_since.is_some() {
                FlowPhase::Starting
            } else {
                FlowPhase::Acting
            };
            flow.report(phase, name);
        }
    }

    /// The node answers. Whether that is the goal.
    fn here<F: FnMut(FlowProgress)>(&mut self, look: &Look, flow: &Flow<F>, goal: Goal) -> bool {
        flow.trouble(None);
        self.silent_since = None;
        let stage = &look.status.stage;
        self.left |= leaving(stage);
        let another = self.before.differs(&look.boot, self.left);
        self.left |= another;
        if goal != Goal::Back {
            flow.report(
                FlowPhase::Acting,
                format!("the node still answers, {}", words(stage)),
            );
            return false;
        }
        if !another {
            flow.report(
                FlowPhase::Acting,
                format!("the node has not gone yet, {}", words(stage)),
            );
            return false;
        }
        if *stage == MachineStage::Running && look.status.ready {
            return true;
        }
        let missing: Vec<_> = look
            .status
            .unmet_conditions
            .iter()
            .map(|c| format!("{}: {}", c.name, c.reason))
            .collect();
        let message = match missing.as_slice() {
            [] => format!("the node is back, {}", words(stage)),
            missing => format!("the node is back, {}; {}", words(stage), missing.join("; ")),
        };
        flow.report(FlowPhase::Starting, message);
        false
    }

    /// The node does not answer. Whether that is the goal.
    fn away<F: FnMut(FlowProgress)>(
        &mut self,
        error: Error,
        flow: &Flow<F>,
        goal: Goal,
    ) -> Result<bool> {
        if goal == Goal::Forgotten && error.kind() == ErrorKind::Untrusted {
            // It answers with a certificate that nobody has signed.
            return Ok(true);
        }
        if !passes(&error) {
            return Err(error);
        }
        let silent = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
        flow.report(
            FlowPhase::Away,
            format!("the node does not answer: {}", error.message()),
        );
        flow.trouble(Some(error));
        if !silent {
            return Ok(false);
        }
        let now = flow.elapsed();
        let known = self.left || self.last_task;
        let since = *self.silent_since.get_or_insert(now);
        let long = now.saturating_sub(since);
        if long >= GONE {
            self.left = true;
        }
        // Twice, as one lost answer is nothing.
        Ok(goal != Goal::Back && ((known && long >= flow.options.poll) || long >= GONE))
    }
}

/// Stages of a machine that goes, or comes.
fn leaving(stage: &MachineStage) -> bool {
    matches!(
        stage,
        MachineStage::Rebooting
            | MachineStage::ShuttingDown
            | MachineStage::Resetting
            | MachineStage::Upgrading
            | MachineStage::Installing
            | MachineStage::Booting
    )
}

fn words(stage: &MachineStage) -> String {
    match stage {
        MachineStage::Other(number) => format!("in stage {number}"),
        stage => format!("{stage:?}").to_lowercase(),
    }
}

/// A sequence that did not begin was refused; one that ended with an error failed.
fn refused(action: Option<&str>, sequence: &str, error: &str) -> Error {
    let (kind, how) = match action {
        Some("noop") => (ErrorKind::FailedPrecondition, "refused"),
        _ => (ErrorKind::TaskFailed, "failed"),
    };
    Error::new(
        kind,
        format!("the node's sequence {sequence} {how}: {error}"),
    )
}

fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "the order's answer got lost").sent(Sent::Maybe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_a_failure() {
        let error = refused(Some("noop"), "reboot", "sequencer is currently locked");
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        let error = refused(Some("stop"), "upgrade", "etcd is not healthy");
        assert_eq!(error.kind(), ErrorKind::TaskFailed);
        assert!(error.message().ends_with("etcd is not healthy"));
    }
}
