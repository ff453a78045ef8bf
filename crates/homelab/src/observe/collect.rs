//! Asking many things at once: each has its own limit, all together have one,
//! and whatever fails or does not finish is written down with its target.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, within};
use tokio::sync::Semaphore;

/// What is being asked: whom, and in the protocol's words what.
#[derive(Clone, Debug)]
struct Question {
    target: String,
    operation: &'static str,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs questions and keeps their failures.
pub(super) struct Collector {
    limit: Duration,
    slots: Semaphore,
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, Question>>,
    failures: Mutex<Vec<(String, Error)>>,
}

impl Collector {
    /// `limit` for each question; at most `at_once` of them under way.
    pub(super) fn new(limit: Duration, at_once: usize) -> Self {
        Collector {
            limit,
            slots: Semaphore::new(at_once.max(1)),
            next: AtomicU64::new(0),
            open: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Asks; `None` when it failed, which is then written down.
    pub(super) fn ask<'a, T: 'a>(
        &'a self,
        target: &'a str,
        operation: &'static str,
        question: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Option<T>> + 'a {
        let answer = self.attempt(target, operation, question);
        async move { self.unless_failed(target, operation, answer.await, |_| false) }
    }

    /// Asks something that a sound server may lack: `Unsupported`, `NotFound`
    /// and `FailedPrecondition` (Ceph that is not installed) are no failures.
    pub(super) fn ask_optional<'a, T: 'a>(
        &'a self,
        target: &'a str,
        operation: &'static str,
        question: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Option<T>> + 'a {
        let answer = self.attempt(target, operation, question);
        async move { self.unless_failed(target, operation, answer.await, absent) }
    }

    /// Asks and leaves it to the caller to write down a failure.
    pub(super) fn attempt<'a, T: 'a>(
        &'a self,
        target: &'a str,
        operation: &'static str,
        question: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Result<T>> + 'a {
        // Boxed, since dozens of questions are under way in one future.
        let question: Boxed<'a, T> = Box::pin(question);
        async move {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let entry = Question {
                target: target.to_owned(),
                operation,
            };
            lock(&self.open).insert(id, entry);
            // Closed only by dropping the collector, which cannot happen here.
            let _slot = self.slots.acquire().await;
            let answer = within(self.limit, operation, question).await;
            lock(&self.open).remove(&id);
            answer
        }
    }

    fn unless_failed<T>(
        &self,
        target: &str,
        operation: &'static str,
        answer: Result<T>,
        harmless: fn(&Error) -> bool,
    ) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                if !harmless(&error) {
                    self.failed(target, operation, error);
                }
                None
            }
        }
    }

    /// Writes down a failure.
    pub(super) fn failed(&self, target: &str, operation: &'static str, error: Error) {
        let error = error.operation(operation).target(target);
        lock(&self.failures).push((target.to_owned(), error));
    }

    /// Everything that failed, and what `deadline` cut off, sorted by target.
    pub(super) fn finish(&self, deadline: Duration) -> Vec<(String, Error)> {
        let open = std::mem::take(&mut *lock(&self.open));
        for question in open.into_values() {
            let message = format!("no answer before the observation's end after {deadline:?}");
            let error = Error::new(ErrorKind::Timeout, message);
            self.failed(&question.target, question.operation, error);
        }
        let mut failures = std::mem::take(&mut *lock(&self.failures));
        failures.sort_by(|(a, x), (b, y)| (a, x.operation_name()).cmp(&(b, y.operation_name())));
        failures
    }
}

fn absent(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::NotFound | ErrorKind::FailedPrecondition
    )
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The guarded values are whole after each statement, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_cut_off_is_named() {
        let collector = Collector::new(Duration::from_secs(10), 4);
        let all = async {
            tokio::join!(
                collector.ask("pve1", "GET /version", async { Ok(1) }),
                collector.ask("pve2", "GET /version", std::future::pending::<Result<u8>>()),
                collector.ask("pve3", "GET /version", async {
                    Err::<u8, _>(Error::new(ErrorKind::Unavailable, "refused"))
                }),
            )
        };
        let deadline = Duration::from_millis(20);
        assert!(tokio::time::timeout(deadline, all).await.is_err());
        let failures = collector.finish(deadline);
        let seen: Vec<_> = failures
            .iter()
            .map(|(target, error)| (target.as_str(), error.kind().code()))
            .collect();
        assert_eq!(seen, [("pve2", "Timeout"), ("pve3", "Unavailable")]);
    }

    #[tokio::test]
    async fn one_stalled_question_has_its_own_limit() {
        let collector = Collector::new(Duration::from_millis(20), 1);
        let answer = collector
            .ask("node", "Version", std::future::pending::<Result<u8>>())
            .await;
        assert!(answer.is_none());
        assert_eq!(
            collector.finish(Duration::from_secs(30))[0].1.kind(),
            ErrorKind::Timeout
        );
    }
}
