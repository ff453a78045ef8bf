//! Which endpoints there are and how they have been doing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use serde::{Deserialize, Serialize};

/// Left alone for this long after a failure, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How an endpoint has been doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EndpointHealth {
    /// Its URL.
    pub url: String,
    /// Whether its last attempt went well; an endpoint not yet tried is healthy.
    pub healthy: bool,
    /// Whether calls go to it at the moment.
    pub preferred: bool,
    /// Failed attempts since the last good one.
    pub failures: u32,
    /// What the last failure said, while it is not healthy.
    pub last_error: Option<String>,
}

/// The endpoints of a client.
#[derive(Debug)]
pub(crate) struct Endpoints {
    urls: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    preferred: usize,
    health: Vec<Health>,
}

#[derive(Clone, Debug, Default)]
struct Health {
    failures: u32,
    last_error: Option<(ErrorKind, String)>,
    /// On the client's clock.
    paused_until: Duration,
}

impl Endpoints {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        let health = vec![Health::default(); urls.len()];
        Endpoints {
            urls,
            state: Mutex::new(State {
                preferred: 0,
                health,
            }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    pub(crate) fn url(&self, index: usize) -> &str {
        self.urls.get(index).map_or("", String::as_str)
    }

    /// `pve1.lan:8006`
    pub(crate) fn host(&self, index: usize) -> &str {
        self.url(index).trim_start_matches("https://")
    }

    /// The endpoints to try, in order: the preferred one, the other healthy
    /// ones, then those whose pause is over.
    ///
    /// # Errors
    /// `Unavailable` with the last failure when all are paused: a call to a
    /// dead host must not cost its connect timeout each time.
    pub(crate) fn candidates(&self, now: Duration) -> Result<Vec<usize>> {
        let state = self.state();
        let count = self.urls.len();
        let mut order: Vec<usize> = (0..count)
            .map(|offset| (state.preferred + offset) % count.max(1))
            .collect();
        let health = |index: usize| state.health.get(index).cloned().unwrap_or_default();
        order.retain(|index| health(*index).paused_until <= now);
        order.sort_by_key(|index| health(*index).failures > 0);
        if order.is_empty() {
            let wait = (0..count)
                .map(|index| health(index).paused_until.saturating_sub(now))
                .min()
                .unwrap_or_default();
            let message = health(state.preferred)
                .last_error
                .map_or_else(|| "no endpoint answers".to_owned(), |(_, text)| text);
            return Err(Error::new(ErrorKind::Unavailable, message)
                .sent(Sent::No)
                .retry(Retry::After(wait))
                .target(self.host(state.preferred)));
        }
        Ok(order)
    }

    pub(crate) fn succeeded(&self, index: usize) {
        let mut state = self.state();
        state.preferred = index;
        if let Some(health) = state.health.get_mut(index) {
            *health = Health::default();
        }
    }

    /// Notes a failure; `pause` keeps callers away from it for a while.
    pub(crate) fn failed(&self, index: usize, now: Duration, error: &Error, pause: bool) {
        let mut state = self.state();
        if let Some(health) = state.health.get_mut(index) {
            // Calls that were under way together fail together: that is one failure.
            if health.paused_until > now {
                return;
            }
            health.failures = health.failures.saturating_add(1);
            health.last_error = Some((error.kind(), error.message().to_owned()));
            if pause {
                let doublings = health.failures.saturating_sub(1).min(8);
                let length = FIRST_PAUSE
                    .saturating_mul(1 << doublings)
                    .min(LONGEST_PAUSE);
                health.paused_until = now + length;
            }
        }
    }

    pub(crate) fn health(&self) -> Vec<EndpointHealth> {
        let state = self.state();
        self.urls
            .iter()
            .zip(&state.health)
            .enumerate()
            .map(|(index, (url, health))| EndpointHealth {
                url: url.clone(),
                healthy: health.failures == 0,
                preferred: index == state.preferred,
                failures: health.failures,
                last_error: health.last_error.as_ref().map(|(_, text)| text.clone()),
            })
            .collect()
    }
}

/// `https://HOST:PORT` from what people write: port 8006 unless given.
pub(crate) fn parse_endpoint(text: &str) -> Result<String> {
    let bad = |why: &str| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("'{text}' is not an endpoint: {why}"),
        )
    };
    // What stands before an @ may be a password.
    if let Some((_, shown)) = text.rsplit_once('@') {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("'…@{shown}' is not an endpoint: credentials do not belong into it"),
        ));
    }
    let rest = match text.trim().split_once("://") {
        None => text.trim(),
        Some(("https", rest)) => rest,
        Some(_) => return Err(bad("only https is served")),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return Err(bad("it has no path, just host and port"));
    }
    // A bare IPv6 address has more than one colon and no brackets.
    let bracketed = if rest.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{rest}]")
    } else {
        rest.to_owned()
    };
    let authority: http::uri::Authority = bracketed
        .parse()
        .map_err(|_| bad("it reads https://HOST:8006"))?;
    if authority.host().is_empty() {
        return Err(bad("the host is missing"));
    }
    let port = authority.port_u16().unwrap_or(8006);
    Ok(format!("https://{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(endpoints: &Endpoints, index: usize, now: u64) {
        let error = Error::new(ErrorKind::Unavailable, "connection refused");
        endpoints.failed(index, Duration::from_secs(now), &error, true);
    }

    #[test]
    fn endpoints_as_people_write_them() {
        for (text, url) in [
            ("pve1", "https://pve1:8006"),
            ("https://pve1.lan/", "https://pve1.lan:8006"),
            ("https://10.0.0.1:443", "https://10.0.0.1:443"),
            ("fd00::1", "https://[fd00::1]:8006"),
            ("https://[fd00::1]:8007", "https://[fd00::1]:8007"),
        ] {
            assert_eq!(parse_endpoint(text).unwrap(), url);
        }
        for bad in ["http://a", "https://a/b", "https://u@a", "", "a b"] {
            assert!(parse_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dead_endpoint_is_paid_for_once() {
        let endpoints = Endpoints::new(vec!["https://a:1".into(), "https://b:1".into()]);
        let at = Duration::from_secs;
        assert_eq!(endpoints.candidates(at(0)).unwrap(), [0, 1]);
        down(&endpoints, 0, 0);
        endpoints.succeeded(1);
        assert_eq!(endpoints.candidates(at(1)).unwrap(), [1]);
        // Back as the last resort once its pause is over.
        assert_eq!(endpoints.candidates(at(3)).unwrap(), [1, 0]);
        down(&endpoints, 1, 3);
        assert_eq!(endpoints.candidates(at(3)).unwrap(), [0]);
    }

    #[test]
    fn when_all_are_down_calls_fail_at_once_and_say_when_to_return() {
        let endpoints = Endpoints::new(vec!["https://a:1".into()]);
        down(&endpoints, 0, 10);
        let error = endpoints.candidates(Duration::from_secs(11)).unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Unavailable, Sent::No)
        );
        assert_eq!(error.retry_advice(), Retry::After(Duration::from_secs(1)));
        assert!(endpoints.candidates(Duration::from_secs(12)).is_ok());
        let health = endpoints.health();
        assert!(!health[0].healthy);
        assert_eq!(health[0].last_error.as_deref(), Some("connection refused"));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let endpoints = Endpoints::new(vec!["https://a:1".into()]);
        let mut now = 0;
        for pause in [2, 4, 8, 15, 15] {
            down(&endpoints, 0, now);
            assert!(
                endpoints
                    .candidates(Duration::from_secs(now + pause - 1))
                    .is_err()
            );
            assert!(
                endpoints
                    .candidates(Duration::from_secs(now + pause))
                    .is_ok()
            );
            now += pause;
        }
    }
}
