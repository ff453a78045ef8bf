//! Time is injected, so that waits, renewals and simulations can run in
//! simulated time. Library code takes a [`Clock`]; it never asks the system.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock, for certificates, tickets and time stamps.
    fn now(&self) -> SystemTime;

    /// Time since some fixed point, for measuring; never goes back.
    fn elapsed(&self) -> Duration;

    /// Completes after `duration` of this clock's time.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
}

/// The real clock, on tokio's timer (which tests may pause).
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

#[cfg(feature = "tokio")]
impl Default for SystemClock {
    fn default() -> Self {
        SystemClock {
            start: tokio::time::Instant::now(),
        }
    }
}

#[cfg(feature = "tokio")]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
