//! One request to one endpoint, and what its failure means.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};

use super::proxy::ProxyChoice;
use super::{Call, Reply, body, not_sent_in_time};
use crate::client::Inner;
use crate::tls;

/// The HTTP client that all endpoints share. `keep_certificates` has answers
/// tell which certificate they came with.
pub(crate) fn http_client(
    tls: rustls::ClientConfig,
    connect_timeout: Duration,
    proxy: &ProxyChoice,
    keep_certificates: bool,
) -> Result<reqwest::Client> {
    // The server hangs up after 5 s of silence; we do so before it does.
    let kept = reqwest::Client::builder()
        .tls_info(keep_certificates)
        .pool_idle_timeout(Duration::from_secs(4));
    finish(kept, tls, connect_timeout, proxy)
}

/// The one for transfers and consoles, which never use a kept connection: one
/// that the server has closed meanwhile would take half a file with it.
pub(crate) fn fresh_http_client(
    tls: rustls::ClientConfig,
    connect_timeout: Duration,
    proxy: &ProxyChoice,
) -> Result<reqwest::Client> {
    let fresh = reqwest::Client::builder().pool_max_idle_per_host(0);
    finish(fresh, tls, connect_timeout, proxy)
}

fn finish(
    builder: reqwest::ClientBuilder,
    tls: rustls::ClientConfig,
    connect_timeout: Duration,
    proxy: &ProxyChoice,
) -> Result<reqwest::Client> {
    // Off unless chosen by us: the library would ask the environment by itself.
    let mut builder = builder.no_proxy();
    if let Some(proxy) = proxy.resolve()? {
        builder = builder.proxy(proxy);
    }
    builder
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect_timeout)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(10))
        .build()
        .map_err(|e| {
            Error::new(ErrorKind::Internal, "the HTTP client cannot be set up")
                .sent(Sent::No)
                .source(e)
        })
}

/// How far a failed attempt had come.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: u8,
    pub(super) error: Error,
    /// It ended at once: the mark of a kept connection that was closed meanwhile.
    pub(super) quick: bool,
    /// The endpoint itself looks dead, not just this call.
    pub(super) endpoint_suspect: bool,
}

impl Failure {
    /// The time was up before the attempt began.
    pub(super) const NOT_STARTED: u8 = 0;
    /// No connection was made: nothing was sent.
    pub(super) const CONNECTING: u8 = 1;
    /// The request may have been acted on.
    pub(super) const SENT: u8 = 2;

    pub(super) fn sent(error: Error, quick: bool, endpoint_suspect: bool) -> Self {
        Failure {
            stage: Failure::SENT,
            error,
            quick,
            endpoint_suspect,
        }
    }

    pub(super) fn source_of(
        mut self,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.error = self.error.source(cause);
        self
    }
}

/// Makes one attempt; `limit` is when it must have ended.
pub(super) async fn exchange(
    inner: &Inner,
    index: usize,
    deadline: Instant,
    limit: Instant,
    call: &Call<'_>,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<Reply, Failure> {
    let host = inner.endpoints.host(index);
    let turn = timeout_at(deadline, inner.limits.turn(call.node.unwrap_or(host))).await;
    let Ok(_turn) = turn else {
        return Err(Failure {
            stage: Failure::NOT_STARTED,
            error: not_sent_in_time("other calls to this node"),
            quick: false,
            endpoint_suspect: false,
        });
    };
    match timeout_at(limit, roundtrip(inner, index, call, headers)).await {
        Ok(outcome) => outcome.map(|mut reply| {
            call.node.unwrap_or(host).clone_into(&mut reply.target);
            reply
        }),
        Err(_) => Err(Failure::sent(
            Error::new(ErrorKind::Timeout, "no answer in time"),
            false,
            true,
        )),
    }
}

async fn roundtrip(
    inner: &Inner,
    index: usize,
    call: &Call<'_>,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<Reply, Failure> {
    let mut url = format!("{}/api2/json{}", inner.endpoints.url(index), call.path);
    let mut form = None;
    if call.method.has_query() {
        if !call.params.is_empty() {
            url.push('?');
            url.push_str(&call.params.to_query());
        }
    } else {
        form = Some(call.params.to_query());
    }
    let method = match call.method {
        proxmox_endpoints::Method::Get => reqwest::Method::GET,
        proxmox_endpoints::Method::Post => reqwest::Method::POST,
        proxmox_endpoints::Method::Put => reqwest::Method::PUT,
        proxmox_endpoints::Method::Delete => reqwest::Method::DELETE,
    };
    let mut request = inner.http.request(method, url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if let Some(form) = form {
        request = request
            .header(
                http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .body(form);
    }
    let mut response = request.send().await.map_err(send_failure)?;
    let status = response.status().as_u16();
    let reason = reason(&response);
    let body = body::read(&mut response, inner.max_answer_bytes).await?;
    Ok(Reply {
        status,
        reason,
        body,
        target: String::new(),
    })
}

/// The reason phrase: the server's error texts travel in it, as bytes of any kind.
pub(super) fn reason(response: &reqwest::Response) -> String {
    response
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .map(|phrase| String::from_utf8_lossy(phrase.as_bytes()).into_owned())
        .or_else(|| response.status().canonical_reason().map(str::to_owned))
        .unwrap_or_default()
}

/// The error of a request that got no answer.
pub(crate) fn send_error(error: reqwest::Error) -> Error {
    send_failure(error).error
}

/// What a failure before the answer's headers means.
pub(super) fn send_failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if let Some(distrust) = tls::distrust(&error) {
        let message = distrust.to_string();
        return Failure {
            stage: Failure::CONNECTING,
            error: Error::new(ErrorKind::Untrusted, message).source(error),
            quick: false,
            endpoint_suspect: false,
        };
    }
    if error.is_connect() {
        let message = if error.is_timeout() {
            "no connection in time".to_owned()
        } else {
            format!("cannot connect: {}", root_cause(&error))
        };
        return Failure {
            stage: Failure::CONNECTING,
            error: Error::new(ErrorKind::Unavailable, message)
                .sent(Sent::No)
                .source(error),
            quick: false,
            endpoint_suspect: true,
        };
    }
    if error.is_builder() {
        let message = format!("the request cannot be made: {}", root_cause(&error));
        return Failure {
            stage: Failure::NOT_STARTED,
            error: Error::new(ErrorKind::InvalidArgument, message).source(error),
            quick: false,
            endpoint_suspect: false,
        };
    }
    let message = format!(
        "the connection broke before an answer: {}",
        root_cause(&error)
    );
    let error = Error::new(ErrorKind::Unavailable, message)
        .sent(Sent::Maybe)
        .source(error);
    Failure::sent(error, true, true)
}

/// What a failure in the middle of the answer means. Its status is known, so
/// the server has done what it was asked, only its answer got lost: the
/// connection, or a node that went down, is at fault and not what was said.
pub(super) fn body_failure(error: reqwest::Error, got: usize) -> Failure {
    let error = error.without_url();
    let message = format!(
        "the answer broke off after {got} bytes: {}",
        root_cause(&error)
    );
    // Chunks that are no chunks are another matter.
    let nonsense = {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut found = false;
        while let Some(e) = source {
            found |= e
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_parse);
            found |= e
                .downcast_ref::<std::io::Error>()
                .is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidInput);
            source = e.source();
        }
        found
    };
    let kind = if nonsense {
        ErrorKind::Protocol
    } else {
        ErrorKind::Unavailable
    };
    let error = Error::new(kind, message).sent(Sent::Yes).source(error);
    Failure::sent(error, true, false)
}

/// The innermost cause, which names the matter itself.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
