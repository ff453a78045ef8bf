//! The lab's time: stopped, stepped, or so many times as fast as real time.
//!
//! Everything that happens *in* the lab waits on this clock: tasks, boots,
//! elections, tickets, validity. What guards a real socket (keep-alive, the
//! latency of a link) stays in real time, as its other end lives there.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use homelab_core::{Clock, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::log::rfc3339;

/// The slowest and the fastest that a clock runs.
const PACES: std::ops::RangeInclusive<f64> = 0.001..=1e6;

/// The clock of a simulated lab; a handle that is cheap to clone.
///
/// As text (for command lines and bindings): `real`, `paused`, or how many
/// times as fast as real time, such as `60` or `60x`.
///
/// It is a [`Clock`], so a client that takes one can live in the lab's time:
/// its waits and polls then take no real time either.
///
/// ```
/// use std::time::Duration;
/// use homelab_core::Clock;
/// use homelab_sim::SimClock;
///
/// let clock = SimClock::paused();
/// let before = clock.now();
/// assert_eq!(clock.now(), before, "nothing moves by itself");
/// assert_eq!("60x".parse::<SimClock>()?.pace(), 60.0);
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SimClock(Arc<Inner>);

/// What a lab's clock shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ClockState {
    /// The lab's time: RFC 3339 with milliseconds.
    pub now: String,
    /// How much of it passed since the lab was first started.
    pub elapsed_seconds: f64,
    /// How many times as fast as real time it runs; 0 while it stands still.
    pub pace: f64,
}

struct Inner {
    time: Mutex<Time>,
    timers: Mutex<Timers>,
    /// The next timer or the pace is another one.
    changed: Notify,
}

/// Lab time is `base` plus what passed since `since`, times `pace`.
struct Time {
    start: SystemTime,
    base: Duration,
    since: Instant,
    /// 0 while it stands still.
    pace: f64,
}

#[derive(Default)]
struct Timers {
    /// By deadline; those of one moment in the order they were set.
    waiting: BTreeMap<(Duration, u64), Waker>,
    serial: u64,
}

impl SimClock {
    /// As fast as real time.
    pub fn real() -> Self {
        SimClock::new(SystemTime::now(), Duration::ZERO, 1.0)
    }

    /// So many times as fast as real time, from a thousandth to a million.
    pub fn times(pace: f64) -> Self {
        SimClock::new(SystemTime::now(), Duration::ZERO, limited(pace))
    }

    /// Stands still but for [`Sim::advance`](crate::Sim::advance).
    pub fn paused() -> Self {
        SimClock::paused_at(SystemTime::now())
    }

    /// Stands still at a given time: two runs then show the same time stamps.
    /// Clients check certificates by their own clock, so it should be within
    /// days of the real time.
    pub fn paused_at(time: SystemTime) -> Self {
        SimClock::new(time, Duration::ZERO, 0.0)
    }

    fn new(start: SystemTime, base: Duration, pace: f64) -> Self {
        SimClock(Arc::new(Inner {
            time: Mutex::new(Time {
                start,
                base,
                since: Instant::now(),
                pace,
            }),
            timers: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Goes on where a saved lab stood: at its time if it stood still, at the
    /// real time, if that is later, if it ran.
    pub(crate) fn resume(&self, now: SystemTime, elapsed: Duration) {
        let mut time = self.time();
        let real = SystemTime::now();
        let (now, elapsed) = match real.duration_since(now) {
            Ok(away) if time.pace > 0.0 => (real, elapsed + away),
            _ => (now, elapsed),
        };
        time.base = elapsed;
        time.since = Instant::now();
        time.start = now.checked_sub(elapsed).unwrap_or(SystemTime::UNIX_EPOCH);
    }

    /// How many times as fast as real time it runs; 0 while it stands still.
    pub fn pace(&self) -> f64 {
        self.time().pace
    }

    /// Stands still from now on.
    pub fn pause(&self) {
        self.change_pace(0.0);
    }

    /// Runs so many times as fast as real time from now on.
    pub fn run(&self, pace: f64) {
        self.change_pace(limited(pace));
    }

    /// Runs so many times as fast as real time from now on, or stands still
    /// with 0.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no pace.
    pub fn set_pace(&self, pace: f64) -> Result<()> {
        if pace != 0.0 && !PACES.contains(&pace) {
            let message = format!(
                "{pace} is no pace: 0 stands still, {} to {} are times as fast as real time",
                PACES.start(),
                PACES.end()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        self.change_pace(pace);
        Ok(())
    }

    /// What it shows.
    pub fn state(&self) -> ClockState {
        ClockState {
            now: rfc3339(self.now()),
            elapsed_seconds: self.elapsed().as_secs_f64(),
            pace: self.pace(),
        }
    }

    fn change_pace(&self, pace: f64) {
        let mut time = self.time();
        time.base = time.elapsed();
        time.since = Instant::now();
        time.pace = pace;
        drop(time);
        self.0.changed.notify_one();
    }

    /// Moves to `elapsed`, never back.
    pub(crate) fn move_to(&self, elapsed: Duration) {
        let mut time = self.time();
        if elapsed > time.elapsed() {
            time.base = elapsed;
            time.since = Instant::now();
        }
    }

    /// When the next of those who sleep wakes.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        let timers = self.timers();
        timers.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Wakes the first of those who sleep.
    pub(crate) fn fire_first(&self) {
        let first = self.timers().waiting.pop_first();
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    /// The real time until the lab's time is `elapsed`; none while it stands still.
    pub(crate) fn real_until(&self, elapsed: Duration) -> Option<Duration> {
        let time = self.time();
        (time.pace > 0.0).then(|| scaled(elapsed.saturating_sub(time.elapsed()), 1.0 / time.pace))
    }

    /// Completes when the next timer or the pace is another one.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time {
    fn elapsed(&self) -> Duration {
        self.base + scaled(self.since.elapsed(), self.pace)
    }
}

/// What a clock shows at `now` that is wrong by so many seconds.
pub(crate) fn skewed(now: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let shown = if seconds < 0 {
        now.checked_sub(by)
    } else {
        now.checked_add(by)
    };
    shown.unwrap_or(now)
}

fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX / 4)
}

fn limited(pace: f64) -> f64 {
    if pace.is_nan() {
        1.0
    } else {
        pace.clamp(*PACES.start(), *PACES.end())
    }
}

impl Clock for SimClock {
    fn now(&self) -> SystemTime {
        let time = self.time();
        time.start + time.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.time().elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(Sleep {
            clock: self.clone(),
            deadline: self.elapsed().saturating_add(duration),
            timer: None,
        })
    }
}

impl FromStr for SimClock {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "real" => Ok(SimClock::real()),
            "paused" => Ok(SimClock::paused()),
            pace => match pace.strip_suffix('x').unwrap_or(pace).parse::<f64>() {
                Ok(pace) if PACES.contains(&pace) => Ok(SimClock::times(pace)),
                _ => Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!(
                        "{text} is no clock: there are real, paused, and how many times as \
                         fast as real time, such as 60"
                    ),
                )),
            },
        }
    }
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimClock")
            .field("elapsed", &self.elapsed())
            .field("pace", &self.pace())
            .finish_non_exhaustive()
    }
}

/// Waits for a point of the lab's time.
struct Sleep {
    clock: SimClock,
    deadline: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.elapsed() >= self.deadline {
            self.forget();
            return Poll::Ready(());
        }
        let clock = self.clock.clone();
        let mut timers = clock.timers();
        let key = self.timer.unwrap_or_else(|| {
            timers.serial += 1;
            (self.deadline, timers.serial)
        });
        self.timer = Some(key);
        timers.waiting.insert(key, context.waker().clone());
        let first = timers.waiting.first_key_value().map(|(key, _)| *key) == Some(key);
        drop(timers);
        if first {
            clock.0.changed.notify_one();
        }
        Poll::Pending
    }
}

impl Sleep {
    fn forget(&mut self) {
        if let Some(key) = self.timer.take() {
            self.clock.timers().waiting.remove(&key);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_nonsense() {
        assert!((("60".parse::<SimClock>().unwrap().pace()) - 60.0).abs() < 1e-9);
        assert!("paused".parse::<SimClock>().unwrap().pace() < 1e-9);
        for wrong in ["fast", "0", "-1", "nan", "x", ""] {
            let error = wrong.parse::<SimClock>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn a_paused_clock_moves_when_told_and_never_back() {
        let clock = SimClock::paused_at(SystemTime::UNIX_EPOCH);
        clock.move_to(Duration::from_secs(5));
        clock.move_to(Duration::from_secs(3));
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }

    #[test]
    fn a_fast_clock_needs_less_real_time() {
        let clock = SimClock::times(100.0);
        let later = clock.elapsed() + Duration::from_secs(200);
        assert!(clock.real_until(later).unwrap() <= Duration::from_secs(2));
        clock.pause();
        assert_eq!(clock.real_until(later), None);
        let stands = clock.elapsed();
        clock.run(0.001);
        assert!(clock.elapsed() >= stands);
        assert!(clock.real_until(stands).unwrap().is_zero());
    }

    #[test]
    fn a_resumed_clock_goes_on_where_it_stood() {
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let stood = SimClock::paused();
        stood.resume(long_ago, Duration::from_secs(9));
        assert_eq!(stood.now(), long_ago);
        assert_eq!(stood.elapsed(), Duration::from_secs(9));
        let ran = SimClock::real();
        ran.resume(long_ago, Duration::from_secs(9));
        assert!(ran.now() > long_ago + Duration::from_secs(1_000_000));
        assert!(ran.elapsed() > Duration::from_secs(1_000_000));
    }
}
