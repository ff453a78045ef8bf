//! Transfers and upgraded connections: one endpoint, a connection of its own,
//! no limit on size.

use homelab_core::{Error, ErrorKind, Result};
use http::{HeaderName, HeaderValue};
use proxmox_endpoints::Method;
use tokio::time::{Instant, timeout_at};

use super::exchange::{self, Failure, exchange};
use super::login::Login;
use super::{Call, Reply, is_distrust, nobody_to_ask};
use crate::client::Inner;

/// What to open.
pub(crate) struct Opening<'a> {
    pub(crate) method: Method,
    /// Below `/api2/json`, query included, escaped.
    pub(crate) path: &'a str,
    /// The only endpoint that will do.
    pub(crate) endpoint: Option<usize>,
    /// The answer's headers must be there by then; `None` when the caller watches.
    pub(crate) deadline: Option<Instant>,
}

/// An answer whose body is still to come.
pub(crate) struct Opened {
    pub(crate) response: reqwest::Response,
    /// Who answers: the endpoint's host.
    pub(crate) host: String,
}

/// Sends a request on a connection of its own. Another endpoint gets it only
/// when no connection was made: then nothing was sent.
pub(crate) async fn open(
    inner: &Inner,
    opening: &Opening<'_>,
    dress: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<Opened> {
    let login_by = opening
        .deadline
        .unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(60));
    let mut login = Login::new(inner, login_by, opening.method);
    loop {
        let headers = login.headers().await?;
        let opened = first_that_connects(inner, opening, &headers, &dress).await?;
        let status = opened.response.status().as_u16();
        let bodyless = opened.response.content_length() == Some(0);
        if !login.ran_out(status, bodyless).await {
            return Ok(opened);
        }
    }
}

async fn first_that_connects(
    inner: &Inner,
    opening: &Opening<'_>,
    headers: &[(HeaderName, HeaderValue)],
    dress: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<Opened> {
    let candidates = match opening.endpoint {
        Some(index) => vec![index],
        None => inner.endpoints.candidates(inner.clock.elapsed())?,
    };
    let mut last = None;
    for index in candidates {
        let url = format!("{}/api2/json{}", inner.endpoints.url(index), opening.path);
        let method = match opening.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = inner.fresh.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let sending = dress(request).send();
        let sent = match opening.deadline {
            None => sending.await,
            Some(deadline) => match timeout_at(deadline, sending).await {
                Ok(sent) => sent,
                Err(_) => {
                    return Err(Error::new(ErrorKind::Timeout, "no answer in time")
                        .target(inner.endpoints.host(index)));
                }
            },
        };
        match sent {
            Ok(response) => {
                inner.endpoints.succeeded(index);
                return Ok(Opened {
                    response,
                    host: inner.endpoints.host(index).to_owned(),
                });
            }
            Err(error) => {
                let failure = exchange::send_failure(error);
                last = Some(passed_over(inner, index, failure)?);
            }
        }
    }
    Err(last.unwrap_or_else(nobody_to_ask))
}

/// Why the next endpoint has its turn: this one could not be reached. A call
/// that failed in another way ends with its error.
fn passed_over(inner: &Inner, index: usize, failure: Failure) -> Result<Error> {
    let error = failure.error.target(inner.endpoints.host(index));
    if failure.stage != Failure::CONNECTING {
        return Err(error);
    }
    let now = inner.clock.elapsed();
    inner
        .endpoints
        .failed(index, now, &error, !is_distrust(&error));
    Ok(error)
}

/// Reads the whole answer, as usual calls do.
pub(crate) async fn whole(inner: &Inner, opened: Opened) -> Result<Reply> {
    let Opened { mut response, host } = opened;
    let status = response.status().as_u16();
    let reason = exchange::reason(&response);
    let body = super::body::read(&mut response, inner.max_answer_bytes)
        .await
        .map_err(|failure| failure.error.target(&host))?;
    Ok(Reply {
        status,
        reason,
        body,
        target: host,
    })
}

/// The error of a body that broke off after `got` bytes.
pub(crate) fn broken_answer(error: reqwest::Error, got: u64) -> Error {
    let got = usize::try_from(got).unwrap_or(usize::MAX);
    exchange::body_failure(error, got).error
}

/// Makes a call and tells which endpoint answered it, for what must go on
/// there. Only an endpoint that cannot be reached is passed over.
pub(crate) async fn on_one_endpoint(
    inner: &Inner,
    deadline: Instant,
    call: &Call<'_>,
) -> Result<(Reply, usize)> {
    let mut login = Login::new(inner, deadline, call.method);
    loop {
        let headers = login.headers().await?;
        let (reply, index) = first_that_answers(inner, deadline, call, &headers).await?;
        if !login.ran_out(reply.status, reply.body.is_empty()).await {
            return Ok((reply, index));
        }
    }
}

async fn first_that_answers(
    inner: &Inner,
    deadline: Instant,
    call: &Call<'_>,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<(Reply, usize)> {
    let mut last = None;
    for index in inner.endpoints.candidates(inner.clock.elapsed())? {
        match exchange(inner, index, deadline, deadline, call, headers).await {
            Ok(reply) => {
                inner.endpoints.succeeded(index);
                return Ok((reply, index));
            }
            Err(failure) => last = Some(passed_over(inner, index, failure)?),
        }
    }
    Err(last.unwrap_or_else(nobody_to_ask))
}
