//! Waiting for the end of a task.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{TaskState, TaskStatus};

use super::looks::Looks;
use super::progress::fraction;
use super::{OnProgress, Task, TaskOutcome, TaskProgress};

/// How to wait for a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitOptions {
    /// Give up after this long; 10 minutes unless set. The last look may take a
    /// second more. The task itself goes on.
    pub timeout: Duration,
    /// The first pause between looks, which then grows; half a second unless set.
    pub first_pause: Duration,
    /// The longest pause between looks; 5 seconds unless set.
    pub longest_pause: Duration,
}

impl Default for WaitOptions {
    fn default() -> Self {
        WaitOptions {
            timeout: Duration::from_secs(600),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
        }
    }
}

impl WaitOptions {
    /// Gives up after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Pauses this long between looks at first.
    #[must_use]
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Never pauses longer than this between looks.
    #[must_use]
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }
}

/// How often an end without a word is looked at again before it is believed:
/// it also shows in the instant before the last line is written.
const LOOKS_AT_UNEXPECTED: u32 = 3;

impl Task {
    /// Waits until it has ended. A task that only asks the HA manager
    /// (`hastart`, `hastop`, `hamigrate`) ends at once; then the guest itself
    /// is watched until it runs, has stopped or has moved.
    ///
    /// Most calls meet a guest's lock only in their task (`VM is locked
    /// (clone)`, `can't lock file … got timeout`), as when several clones of
    /// one template are made at once. Such a task has done nothing: when the
    /// lock is one that passes and the task came from a call of this client,
    /// the call is made again, with growing pauses, as long as there is time.
    /// The outcome is that of the last task. Where that is not wanted, wait for
    /// `pve.task(task.upid().clone())`, or turn it off for all calls:
    /// [`retry_locks`](crate::ProxmoxClientBuilder::retry_locks).
    ///
    /// # Errors
    /// * `TaskFailed`: it ran and failed; the message holds the server's last
    ///   words, [`Error::reference`] the UPID.
    /// * `Timeout`: it still ran when the time was up.
    /// * anything else: there was no way to look; it may still run. Connection
    ///   errors are only reported when they last until the time is up, answers
    ///   that make no sense (`Protocol`) when several in a row do not.
    ///
    /// # Cancellation
    /// Dropping the future leaves the task alone; see [`cancel`](Task::cancel).
    pub async fn wait(&self, options: WaitOptions) -> Result<TaskOutcome> {
        let deadline = self.client.clock().elapsed() + options.timeout;
        self.wait_to(&options, deadline, None).await
    }

    /// Waits until it has ended and tells `on_progress` of every change on the way.
    ///
    /// # Errors
    /// As [`wait`](Task::wait).
    pub async fn wait_with(
        &self,
        options: WaitOptions,
        mut on_progress: impl FnMut(TaskProgress) + Send,
    ) -> Result<TaskOutcome> {
        let deadline = self.client.clock().elapsed() + options.timeout;
        self.wait_to(&options, deadline, Some(&mut on_progress))
            .await
    }

    pub(crate) async fn wait_to(
        &self,
        options: &WaitOptions,
        deadline: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<TaskOutcome> {
        let Some(origin) = &self.origin else {
            return self.wait_for_it(options, deadline, on_progress).await;
        };
        let ended = origin.wait(&self.client, options, deadline, on_progress);
        // Done without a task at last.
        let done = || self.ended("OK".to_owned(), Vec::new());
        Ok(ended.await?.unwrap_or_else(done))
    }

    /// Waits for this task alone.
    pub(super) async fn wait_for_it(
        &self,
        options: &WaitOptions,
        deadline: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<TaskOutcome> {
        let status = self.wait_for_end(options, deadline, on_progress).await?;
        let outcome = self.outcome(status, deadline).await?;
        self.settle(options, deadline).await?;
        Ok(outcome)
    }

    /// The same task, for one look: a silent host must not hold it far beyond
    /// the end of the wait.
    pub(super) fn look_until(&self, deadline: Duration) -> Task {
        self.client.until(deadline).task(self.upid.clone())
    }

    async fn wait_for_end(
        &self,
        options: &WaitOptions,
        deadline: Duration,
        mut on_progress: OnProgress<'_>,
    ) -> Result<TaskStatus> {
        let (first, longest) = (options.first_pause, options.longest_pause);
        let mut looks = Looks::new(&self.client, deadline, first, longest);
        let mut unexpected = 0;
        let mut lines = 0;
        loop {
            let looked = self.look_until(deadline).status().await;
            if let (Ok(_), Some(on_progress)) = (&looked, on_progress.as_deref_mut()) {
                // Progress is a courtesy: a log that cannot be read stops nothing.
                let look = self.look_until(deadline);
                if let Ok(Some(progress)) = look.progress_since(&mut lines).await {
                    on_progress(progress);
                }
            }
            let trouble = match looked {
                Ok(status) if status.status == TaskState::Stopped => {
                    let wordless = status
                        .exit_status
                        .as_deref()
                        .is_none_or(|word| word.starts_with("unexpected status"));
                    if !wordless || unexpected >= LOOKS_AT_UNEXPECTED {
                        return Ok(status);
                    }
                    unexpected += 1;
                    None
                }
                Ok(_) => {
                    looks.good();
                    None
                }
                Err(error) => Some(looks.bear(error)?),
            };
            if !looks.pause().await {
                return Err(self.time_is_up(options.timeout, trouble));
            }
        }
    }

    fn time_is_up(&self, timeout: Duration, trouble: Option<Error>) -> Error {
        let what = describe(self);
        let error = match trouble {
            None => Error::new(
                ErrorKind::Timeout,
                format!("{what} still runs after {timeout:?}"),
            ),
            Some(trouble) => Error::new(
                trouble.kind(),
                format!(
                    "cannot tell how {what} ended, it may still run: {}",
                    trouble.message()
                ),
            )
            .source(trouble),
        };
        error
            .sent(Sent::Yes)
            .operation("wait for task")
            .target(self.upid.node())
            .request_ref(self.upid.as_str())
    }

    /// The latest progress, if the log has grown beyond `seen` lines.
    async fn progress_since(&self, seen: &mut u32) -> Result<Option<TaskProgress>> {
        let lines = self.log(*seen, 0).await?;
        let Some(last) = lines.last() else {
            return Ok(None);
        };
        *seen = last.number.max(*seen);
        Ok(Some(TaskProgress {
            upid: self.upid.clone(),
            fraction: lines.iter().rev().find_map(|line| fraction(&line.text)),
            message: last.text.clone(),
            log_lines: *seen,
        }))
    }

    async fn outcome(&self, status: TaskStatus, deadline: Duration) -> Result<TaskOutcome> {
        let word = status.exit_status.unwrap_or_default();
        if word == "OK" {
            return Ok(self.ended(word, Vec::new()));
        }
        if word.starts_with("WARNINGS") {
            // The warnings are told in the log; without it the count must do.
            let look = self.look_until(deadline);
            let lines = look.log(0, 0).await.unwrap_or_default();
            let warnings = lines
                .iter()
                .filter_map(|line| line.text.strip_prefix("WARN:"))
                .map(|text| text.trim().to_owned())
                .collect();
            return Ok(self.ended(word, warnings));
        }
        let mut message = format!("{} failed: {}", describe(self), word.trim());
        if word.is_empty() || word.starts_with("unexpected status") {
            let look = self.look_until(deadline);
            let lines = look.log(0, 0).await.unwrap_or_default();
            if let Some(last) = lines.last() {
                message = format!(
                    "{} ended without a word (killed, or its node went down); the last line of its log: {}",
                    describe(self),
                    last.text.trim()
                );
            }
        }
        Err(Error::new(ErrorKind::TaskFailed, message)
            .operation("wait for task")
            .target(self.upid.node())
            .status(word)
            .request_ref(self.upid.as_str()))
    }

    fn ended(&self, exit_status: String, warnings: Vec<String>) -> TaskOutcome {
        TaskOutcome {
            upid: self.upid.clone(),
            exit_status,
            warnings,
        }
    }
}

/// `task qmstart of 100`
fn describe(task: &Task) -> String {
    let upid = task.upid();
    match upid.subject() {
        "" => format!("task {}", upid.kind()),
        subject => format!("task {} of {subject}", upid.kind()),
    }
}
