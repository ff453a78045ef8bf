//! Locks that pass: what a refusal for a lock looks like, and when to try again.
//!
//! There are two kinds. A file lock is held for seconds, and the server itself
//! waits ten for it. A guest's `lock` property is held as long as what set it
//! runs: a clone, a backup. Either way a refused call has changed nothing.

use std::time::Duration;

use homelab_core::{Error, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Guest locks that stay until somebody acts.
const STAYING: &[&str] = &["(suspended)", "(mounted)"];

/// Whether the call was refused for a lock that will pass.
pub(crate) fn is_lock(error: &Error) -> bool {
    if !matches!(
        error.kind(),
        ErrorKind::FailedPrecondition | ErrorKind::TaskFailed
    ) {
        return false;
    }
    let text = error.message().to_ascii_lowercase();
    let guest = text.contains(" is locked (") && !STAYING.iter().any(|word| text.contains(word));
    guest
        || text.contains("can't lock file")
        || text.contains("got lock request timeout")
        || text.contains("could not acquire lock")
}

/// Pauses that double up to a limit, as long as there is time for them.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Backoff { next: FIRST_PAUSE }
    }

    /// The next pause, if it ends before the time that is left.
    pub(crate) fn pause(&mut self, left: Duration) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        (pause < left).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::from_answer;

    #[test]
    fn passing_locks_are_told_from_the_rest() {
        for (text, lock) in [
            ("VM is locked (backup)", true),
            ("CT is locked (snapshot-delete)", true),
            ("VM is locked (suspended)", false),
            (
                "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
                true,
            ),
            (
                "cfs-lock 'storage-nfs' error: got lock request timeout",
                true,
            ),
            ("cfs-lock 'file-user_cfg' error: no quorum!", false),
            ("VM 100 not running", false),
        ] {
            assert_eq!(is_lock(&from_answer(500, text, "")), lock, "{text}");
        }
        let task = Error::new(
            ErrorKind::TaskFailed,
            "task qmstart of 100 failed: VM is locked (clone)",
        );
        assert!(is_lock(&task));
    }

    #[test]
    fn pauses_grow_and_end_with_the_time() {
        let mut backoff = Backoff::new();
        let left = Duration::from_secs(60);
        let pauses: Vec<u64> = (0..6)
            .filter_map(|_| backoff.pause(left))
            .map(|pause| pause.as_secs())
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.pause(Duration::from_secs(10)), None);
    }
}
