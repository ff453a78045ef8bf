//! A call and the wait for its task as one: both again while a lock is in the way.

use homelab_core::Result;

use super::{OnProgress, Task, TaskOutcome, WaitOptions};
use crate::ProxmoxClient;
use crate::locks::{Backoff, is_lock};

/// Makes a call with `start` and waits for the task that it starts; `None` when
/// it was done without one. A guest's lock mostly shows in the task, not in the
/// call: a task that failed for one that passes has done nothing, so the call
/// is made again as long as there is time.
///
/// `start` gets a client whose limit is what is left of the time.
pub(crate) async fn run<Fut>(
    client: &ProxmoxClient,
    options: &WaitOptions,
    mut on_progress: OnProgress<'_>,
    start: impl Fn(ProxmoxClient) -> Fut,
) -> Result<Option<TaskOutcome>>
where
    Fut: Future<Output = Result<Option<Task>>>,
{
    let clock = client.clock();
    let deadline = clock.elapsed() + options.timeout;
    let mut backoff = Backoff::new();
    loop {
        let Some(task) = start(client.until(deadline)).await? else {
            return Ok(None);
        };
        // Its own client: the one that made the call is cut short.
        let task = client.task(task.upid().clone());
        let ended = task.wait_to(options, deadline, reborrow(&mut on_progress));
        let error = match ended.await {
            Ok(outcome) => return Ok(Some(outcome)),
            Err(error) => error,
        };
        let left = deadline.saturating_sub(clock.elapsed());
        if client.inner.retry_locks
            && is_lock(&error)
            && let Some(pause) = backoff.pause(left)
        {
            clock.sleep(pause).await;
            continue;
        }
        return Err(error);
    }
}

fn reborrow<'a>(on_progress: &'a mut OnProgress<'_>) -> OnProgress<'a> {
    match on_progress {
        Some(on_progress) => Some(&mut **on_progress),
        None => None,
    }
}
