//! What all flows share: a clock, a deadline, reports, errors.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};

/// How long a flow may take, and how often it looks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FlowOptions {
    /// How long the whole may take, in the client's clock. 30 minutes.
    pub deadline: Duration,
    /// How often the node is looked at. 2 s.
    pub poll: Duration,
}

impl Default for FlowOptions {
    fn default() -> Self {
        FlowOptions {
            deadline: Duration::from_secs(30 * 60),
            poll: Duration::from_secs(2),
        }
    }
}

impl FlowOptions {
    /// How long the whole may take.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// How often the node is looked at.
    #[must_use]
    pub fn poll(mut self, pause: Duration) -> Self {
        self.poll = pause;
        self
    }
}

/// Where a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FlowPhase {
    /// Looking before anything is changed.
    Preparing,
    /// The image is on its way to the node.
    Pulling,
    /// The installer writes to the disk.
    Installing,
    /// The order has been given.
    Ordered,
    /// The node works on it.
    Acting,
    /// The node does not answer.
    Away,
    /// The node is back and not ready yet.
    Starting,
    /// A check, or what it waits for.
    Checking,
    /// All is done.
    Done,
}

/// What a flow reports on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FlowProgress {
    /// Where it is.
    pub phase: FlowPhase,
    /// In words.
    pub message: String,
    /// Seconds since the flow began.
    pub elapsed_seconds: f64,
}

/// A flow that runs: what it may do and what it has come to.
pub(crate) struct Flow<F> {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: FlowOptions,
    start: Duration,
    operation: &'static str,
    target: String,
    state: Mutex<State<F>>,
}

struct State<F> {
    on_progress: F,
    last: String,
    /// What the last look failed with.
    trouble: Option<Error>,
    sent: Sent,
}

impl<F> fmt::Debug for Flow<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("operation", &self.operation)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl<F: FnMut(FlowProgress)> Flow<F> {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        operation: &'static str,
        target: &str,
        options: FlowOptions,
        on_progress: F,
    ) -> Self {
        Flow {
            start: clock.elapsed(),
            clock,
            options,
            operation,
            target: target.to_owned(),
            state: Mutex::new(State {
                on_progress,
                last: "nothing was seen".to_owned(),
                trouble: None,
                sent: Sent::No,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.start)
    }

    /// Reports, unless it is what was reported last.
    pub(crate) fn report(&self, phase: FlowPhase, message: impl Into<String>) {
        let message = message.into();
        let elapsed_seconds = self.elapsed().as_secs_f64();
        let mut state = self.state();
        if state.last == message {
            return;
        }
        state.last.clone_from(&message);
        (state.on_progress)(FlowProgress {
            phase,
            message,
            elapsed_seconds,
        });
    }

    /// Remembers why the last look failed, for the error at the deadline.
    pub(crate) fn trouble(&self, error: Option<Error>) {
        self.state().trouble = error;
    }

    /// Gives an order: from here on something may have been changed.
    pub(crate) async fn order<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.state().sent = Sent::Maybe;
        let result = call.await;
        self.state().sent = match &result {
            Ok(_) => Sent::Yes,
            Err(e) => e.was_sent(),
        };
        result
    }

    /// Waits until the next look is due.
    pub(crate) async fn pause(&self) {
        self.clock.sleep(self.options.poll).await;
    }

    /// What a look has come to: what was looked for, or nothing yet. What is
    /// missing is reported; what passes by itself is no error.
    ///
    /// A function that took the look itself could not be spawned: the compiler
    /// cannot tell that its futures may cross threads.
    pub(crate) fn seen<T>(
        &self,
        phase: FlowPhase,
        seen: Result<std::result::Result<T, String>>,
    ) -> Result<Option<T>> {
        match seen {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(missing)) => {
                self.trouble(None);
                self.report(phase, missing);
                Ok(None)
            }
            Err(e) if passes(&e) => {
                self.report(phase, e.message());
                self.trouble(Some(e));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Runs the flow's work within its deadline.
    pub(crate) async fn finish<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let result = tokio::select! {
            biased;
            result = work => result,
            () = self.clock.sleep(self.options.deadline) => Err(self.late()),
        };
        match result {
            Ok(value) => {
                self.report(FlowPhase::Done, format!("{}: done", self.operation));
                Ok(value)
            }
            Err(e) => Err(self.named(e)),
        }
    }

    fn late(&self) -> Error {
        let mut state = self.state();
        let message = format!(
            "not done within {:?}: {}",
            self.options.deadline, state.last
        );
        let error = Error::new(ErrorKind::Timeout, message).sent(state.sent);
        match state.trouble.take() {
            Some(trouble) => error.source(trouble),
            None => error,
        }
    }

    /// What is known about the order stands above what the last look knew.
    fn named(&self, error: Error) -> Error {
        let error = match self.state().sent {
            Sent::No => error,
            sent => error.sent(sent),
        };
        error.operation(self.operation).target(self.target.clone())
    }
}

/// Whether what went wrong may be well at the next look: silence, and a node that
/// is not ready yet.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable
            | ErrorKind::Timeout
            | ErrorKind::Cancelled
            | ErrorKind::FailedPrecondition
            | ErrorKind::NotFound
            | ErrorKind::Internal
            | ErrorKind::Unknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::SystemTime;

    /// Time that passes when everybody sleeps: it goes to who wakes up first.
    #[derive(Debug, Default)]
    struct Sleepy(Arc<Mutex<(Duration, BTreeMap<u64, Duration>)>>);

    impl Clock for Sleepy {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + self.elapsed()
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().0
        }

        fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
            let world = self.0.clone();
            let mut mine = None;
            Box::pin(std::future::poll_fn(move |cx| {
                let mut world = world.lock().unwrap();
                cx.waker().wake_by_ref();
                let Some(id) = mine else {
                    // Others fall asleep first.
                    let id = world.1.last_key_value().map_or(0, |(id, _)| id + 1);
                    let due = world.0 + duration;
                    world.1.insert(id, due);
                    mine = Some(id);
                    return Poll::Pending;
                };
                let due = world.1[&id];
                if world.1.values().any(|other| *other < due) {
                    return Poll::Pending;
                }
                world.1.remove(&id);
                world.0 = world.0.max(due);
                Poll::Ready(())
            }))
        }
    }

    fn flow(reports: &Mutex<Vec<String>>) -> Flow<impl FnMut(FlowProgress)> {
        let options = FlowOptions::default()
            .deadline(Duration::from_secs(60))
            .poll(Duration::from_secs(1));
        Flow::new(
            Arc::new(Sleepy::default()),
            "Reboot",
            "cp-1",
            options,
            move |p: FlowProgress| reports.lock().unwrap().push(p.message),
        )
    }

    #[tokio::test]
    async fn a_wait_ends_at_its_deadline_and_says_what_was_missing() {
        let reports = Mutex::new(Vec::new());
        let flow = flow(&reports);
        flow.order(async { Ok(()) }).await.unwrap();
        let mut looks = 0;
        let waiting = async {
            loop {
                looks += 1;
                let look = Err(Error::new(ErrorKind::Unavailable, "connection refused"));
                if let Some(()) = flow.seen(FlowPhase::Away, look)? {
                    return Ok(());
                }
                flow.pause().await;
            }
        };
        let error = flow.finish(waiting).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Timeout, Sent::Yes)
        );
        assert!(error.message().ends_with("connection refused"), "{error}");
        assert_eq!(error.target_name(), Some("cp-1"));
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(looks, 60);
        assert_eq!(reports.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn who_may_not_look_does_not_wait() {
        let reports = Mutex::new(Vec::new());
        let flow = flow(&reports);
        let waiting = async {
            let look = Err(Error::new(ErrorKind::PermissionDenied, "not authorized"));
            flow.seen::<()>(FlowPhase::Starting, look)
        };
        let error = flow.finish(waiting).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(flow.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn nothing_was_sent_before_the_order() {
        let reports = Mutex::new(Vec::new());
        let flow = flow(&reports);
        let error = flow
            .finish(std::future::pending::<Result<()>>())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Timeout, Sent::No)
        );
    }
}
