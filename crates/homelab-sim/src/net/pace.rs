//! How fast a connection carries bytes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// One direction of a connection that carries no more than so many bytes in a
/// second. It lets a piece through and then rests as long as the piece is worth.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rest: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// Ready when the next piece may pass.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// So many bytes passed, of which a second carries at most `limit`.
    pub(super) fn passed(&mut self, bytes: usize, limit: Option<u64>) {
        let Some(limit) = limit.filter(|_| bytes > 0) else {
            return;
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let worth = Duration::from_micros(bytes.saturating_mul(1_000_000) / limit.max(1));
        self.rest = Some(Box::pin(tokio::time::sleep_until(Instant::now() + worth)));
    }

    /// The most bytes that may pass at once.
    pub(super) fn piece(limit: Option<u64>) -> usize {
        // A twentieth of a second, so that what is capped flows rather than jumps.
        limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit / 20).unwrap_or(usize::MAX).max(1)
        })
    }
}
