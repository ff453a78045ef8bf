//! A call and the wait for its task as one: both again while a lock is in the
//! way, or when the guest has moved.
//!
//! Either mostly shows in the task, not in the call. A task that failed for a
//! lock that passes, or for a guest that is not there, has done nothing, so the
//! call can be made again.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::Upid;

use super::{OnProgress, TaskOutcome, WaitOptions};
use crate::ProxmoxClient;
use crate::follow::MOVES;
use crate::locks::{Backoff, is_lock};

/// Whether a task failed since the guest that its call was about has left the
/// node, and where it is now is known.
async fn has_left(client: &ProxmoxClient, error: &Error, deadline: Duration) -> bool {
    match client.followed() {
        Some(followed)
            if error.kind() == ErrorKind::TaskFailed && followed.may_have_left(error) =>
        {
            let found = followed.find_again(&client.until(deadline)).await;
            found.unwrap_or(false)
        }
        _ => false,
    }
}

fn reborrow<'a>(on_progress: &'a mut OnProgress<'_>) -> OnProgress<'a> {
    match on_progress {
        Some(on_progress) => Some(&mut **on_progress),
        None => None,
    }
}

/// What a call comes to when it is made again: a task, unless it was done without.
type Started = Pin<Box<dyn Future<Output = Result<Option<Upid>>> + Send>>;

/// The call that started a task. The handles of one task share it.
pub(crate) struct Origin {
    start: Box<dyn Fn(ProxmoxClient) -> Started + Send + Sync>,
    now: Mutex<Now>,
    /// Held while the call is made again: of several who wait, one makes it.
    turn: tokio::sync::Mutex<()>,
}

struct Now {
    /// The task that the call started last; `None` when it was done without.
    latest: Option<Upid>,
    cancelled: bool,
}

impl Origin {
    pub(super) fn new<Fut>(
        upid: Upid,
        start: impl Fn(ProxmoxClient) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<Option<Upid>>> + Send + 'static,
    {
        Origin {
            start: Box::new(move |client| Box::pin(start(client))),
            now: Mutex::new(Now {
                latest: Some(upid),
                cancelled: false,
            }),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the task that the call started last, and for those that take its
    /// place when a lock stops it; `None` when the call was done without one at
    /// last.
    pub(super) async fn wait(
        &self,
        client: &ProxmoxClient,
        options: &WaitOptions,
        deadline: Duration,
        mut on_progress: OnProgress<'_>,
    ) -> Result<Option<TaskOutcome>> {
        let mut latest = self.now().latest.clone();
        let mut backoff = Backoff::new();
        let mut moves = MOVES;
        while let Some(upid) = latest {
            let task = client.task(upid);
            let ended = task.wait_for_it(options, deadline, reborrow(&mut on_progress));
            let error = match ended.await {
                Ok(outcome) => return Ok(Some(outcome)),
                Err(error) => error,
            };
            let left = deadline.saturating_sub(client.clock().elapsed());
            if client.inner.retry_locks && is_lock(&error) {
                let Some(pause) = backoff.pause(left) else {
                    return Err(error);
                };
                client.clock().sleep(pause).await;
            } else if moves == 0 || left.is_zero() || !has_left(client, &error, deadline).await {
                return Err(error);
            } else {
                moves -= 1;
            }
            latest = self.again(client.until(deadline), task.upid).await?;
        }
        Ok(None)
    }

    /// Makes the call again in the place of a task that failed, unless somebody
    /// else who waits for it has done so.
    async fn again(&self, client: ProxmoxClient, failed: Upid) -> Result<Option<Upid>> {
        let _turn = self.turn.lock().await;
        {
            let now = self.now();
            if now.cancelled {
                return Err(cancelled(&failed));
            }
            if now.latest.as_ref() != Some(&failed) {
                return Ok(now.latest.clone());
            }
        }
        let started = (self.start)(client.clone()).await?;
        let too_late = {
            let mut now = self.now();
            now.latest.clone_from(&started);
            now.cancelled
        };
        // It was cancelled while the call was on its way.
        if let Some(upid) = started.clone().filter(|_| too_late) {
            client.task(upid).cancel().await?;
        }
        Ok(started)
    }

    /// The task to stop, if there is one; the call is not made again.
    pub(super) fn cancel(&self) -> Option<Upid> {
        let mut now = self.now();
        now.cancelled = true;
        now.latest.clone()
    }
}

fn cancelled(upid: &Upid) -> Error {
    let text = format!(
        "task {} was cancelled while a lock was in its way",
        upid.kind()
    );
    Error::new(ErrorKind::TaskFailed, text)
        .operation("wait for task")
        .target(upid.node())
        .request_ref(upid.as_str())
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}
