//! From a call to an answer: endpoints, limits, deadlines, repeats.

mod body;
mod endpoints;
mod exchange;
mod limits;
mod login;
mod proxy;
mod transfer;

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Retry, Sent};
use http::{HeaderName, HeaderValue};
use proxmox_endpoints::{Method, Params};
use tokio::time::Instant;

pub use endpoints::EndpointHealth;
pub(crate) use endpoints::{Endpoints, parse_endpoint};
pub(crate) use exchange::{fresh_http_client, http_client, root_cause, send_error};
pub(crate) use limits::Limits;
pub(crate) use proxy::ProxyChoice;
pub(crate) use transfer::{Opened, Opening, broken_answer, on_one_endpoint, open, whole};

use crate::client::Inner;
use exchange::{Failure, exchange};
use login::Login;

/// What goes over the wire.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Below `/api2/json`, escaped.
    pub(crate) path: &'a str,
    pub(crate) params: &'a Params,
    /// The node that does the work, when the path names one.
    pub(crate) node: Option<&'a str>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The reason phrase: on this API the carrier of error texts.
    pub(crate) reason: String,
    pub(crate) body: String,
    /// Who answered, for error messages: the node, or the endpoint's host.
    pub(crate) target: String,
}

/// Makes the call within `timeout`, with credentials.
pub(crate) async fn execute(inner: &Inner, timeout: Duration, call: &Call<'_>) -> Result<Reply> {
    let deadline = Instant::now() + timeout;
    let mut login = Login::new(inner, deadline, call.method);
    loop {
        let headers = login.headers().await?;
        let reply = attempts(inner, deadline, call, &headers, false).await?;
        if !login.ran_out(reply.status, reply.body.is_empty()).await {
            return Ok(reply);
        }
    }
}

/// Tries the endpoints in turn. `repeatable` says that a second execution does
/// no harm; for reads it never does.
pub(crate) async fn attempts(
    inner: &Inner,
    deadline: Instant,
    call: &Call<'_>,
    headers: &[(HeaderName, HeaderValue)],
    repeatable: bool,
) -> Result<Reply> {
    let repeatable = repeatable || call.method == Method::Get;
    let candidates = inner.endpoints.candidates(inner.clock.elapsed())?;
    let mut last: Option<Error> = None;
    for (position, index) in candidates.iter().copied().enumerate() {
        let others = candidates.len() - position - 1;
        let mut repeated = false;
        loop {
            let limit = share_of(deadline, repeatable && others > 0);
            let failure = match exchange(inner, index, deadline, limit, call, headers).await {
                Ok(reply) => {
                    inner.endpoints.succeeded(index);
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            let error = failure.error.target(inner.endpoints.host(index));
            match failure.stage {
                Failure::NOT_STARTED => return Err(error),
                Failure::CONNECTING => {
                    let trusted = error.kind() != ErrorKind::Untrusted;
                    inner
                        .endpoints
                        .failed(index, inner.clock.elapsed(), &error, trusted);
                    // A certificate to distrust says more than an endpoint that is off.
                    if trusted && last.as_ref().is_some_and(is_distrust) {
                        break;
                    }
                    last = Some(error);
                    break;
                }
                // A kept connection that the server had closed meanwhile looks
                // like this; one more try tells it from a server in trouble.
                _ if repeatable && !repeated && failure.quick => repeated = true,
                _ => {
                    if failure.endpoint_suspect {
                        inner
                            .endpoints
                            .failed(index, inner.clock.elapsed(), &error, true);
                    }
                    if !repeatable || others == 0 || Instant::now() >= deadline {
                        return Err(error);
                    }
                    last = Some(error);
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(nobody_to_ask))
}

fn nobody_to_ask() -> Error {
    Error::new(ErrorKind::Unavailable, "there is no endpoint to ask").sent(Sent::No)
}

fn is_distrust(error: &Error) -> bool {
    error.kind() == ErrorKind::Untrusted
}

/// When this attempt must have ended: at the deadline, or before it if another
/// endpoint should still get its turn.
fn share_of(deadline: Instant, leave_some: bool) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    if leave_some {
        now + left * 3 / 5
    } else {
        deadline
    }
}

/// The error for time that ran out before anything was sent.
pub(crate) fn not_sent_in_time(waiting_for: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("the time ran out while waiting for {waiting_for}"),
    )
    .sent(Sent::No)
    .retry(Retry::Now)
}
