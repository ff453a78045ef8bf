//! The looks of a wait: what they bear, and the pauses between them.

use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result};

use crate::{ProxmoxClient, errors};

/// So many answers in a row may make no sense: one that was cut on the way is
/// whole the next time, a server that always answers so will not change.
const GARBLED: u32 = 3;

/// The looks of one wait.
pub(crate) struct Looks<'a> {
    clock: &'a dyn Clock,
    deadline: Duration,
    pause: Duration,
    longest_pause: Duration,
    bearing: Bearing,
}

/// What the looks of a wait bear. They change nothing, so that another one does
/// no harm.
#[derive(Default)]
pub(super) struct Bearing {
    garbled: u32,
}

impl Bearing {
    /// A look went well.
    pub(super) fn good(&mut self) {
        self.garbled = 0;
    }

    /// Whether what went wrong in one look may go well in the next: silence, of
    /// the server or of what stands in between, and an answer that makes no
    /// sense, a few times.
    pub(super) fn bears(&mut self, error: &Error) -> bool {
        if error.kind() != ErrorKind::Protocol {
            self.garbled = 0;
            return errors::passes(error);
        }
        self.garbled += 1;
        self.garbled <= GARBLED
    }
}

impl<'a> Looks<'a> {
    /// Looks until `deadline` on the client's clock, with pauses that grow from
    /// the first to the longest.
    pub(crate) fn new(
        client: &'a ProxmoxClient,
        deadline: Duration,
        first_pause: Duration,
        longest_pause: Duration,
    ) -> Self {
        Looks {
            clock: client.clock(),
            deadline,
            pause: first_pause,
            longest_pause,
            bearing: Bearing::default(),
        }
    }

    /// A look went well.
    pub(crate) fn good(&mut self) {
        self.bearing.good();
    }

    /// What went wrong in a look, when the wait bears that.
    pub(crate) fn bear(&mut self, error: Error) -> Result<Error> {
        if self.bearing.bears(&error) {
            Ok(error)
        } else {
            Err(error)
        }
    }

    /// Pauses before the next look; `false` when there is no time for one.
    pub(crate) async fn pause(&mut self) -> bool {
        let left = self.deadline.saturating_sub(self.clock.elapsed());
        if left.is_zero() {
            return false;
        }
        self.clock.sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 3 / 2).min(self.longest_pause);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_borne_always_and_nonsense_a_few_times_in_a_row() {
        let silence = Error::new(ErrorKind::Unavailable, "reset");
        let nonsense = Error::new(ErrorKind::Protocol, "not JSON");
        let mut bearing = Bearing::default();
        assert!((0..100).all(|_| bearing.bears(&silence)));
        assert!((0..GARBLED).all(|_| bearing.bears(&nonsense)));
        assert!(!bearing.bears(&nonsense));
        bearing.good();
        assert!(bearing.bears(&nonsense));
        assert!(!bearing.bears(&Error::new(ErrorKind::PermissionDenied, "no")));
    }
}
