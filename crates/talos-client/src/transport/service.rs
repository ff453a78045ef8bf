//! What the generated clients send their requests to.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use homelab_core::{ErrorKind, Sent};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use tonic::body::Body;
use tower::Service;

use super::body::ResponseBody;
use super::connect::Connection;
use super::endpoint::Endpoint;
use super::fault::{Fault, root_cause};
use super::pool::Pool;
use crate::omni::Signer;

const USER_AGENT: &str = concat!("homelab-sdk/", env!("CARGO_PKG_VERSION"));

/// Takes gRPC requests to whatever endpoint can be reached, with the headers
/// that name the node. What [`raw`](crate::TalosClient::raw) clients run on.
#[derive(Clone, Debug)]
pub struct Transport {
    pool: Arc<Pool>,
    headers: HeaderMap,
    signer: Option<Arc<Signer>>,
}

/// What became of a call, for those who wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallState(Arc<CallInner>);

#[derive(Debug, Default)]
struct CallInner {
    sent: AtomicBool,
    via: Mutex<Option<Via>>,
    /// Whether the answer's body is kept here, past the generated client.
    keeps_body: bool,
    body: Mutex<Option<ResponseBody>>,
}

/// The connection that a call went out on.
#[derive(Debug)]
struct Via {
    endpoint: Arc<Endpoint>,
    connection: Connection,
    received_before: u64,
}

impl CallState {
    /// Of a call whose answer's body is for us: the generated client gets an
    /// empty one, and gives the call its types.
    pub(crate) fn keeping_body() -> Self {
        CallState(Arc::new(CallInner {
            keeps_body: true,
            ..CallInner::default()
        }))
    }

    /// A request whose fate is told here.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(self.clone());
        request
    }

    /// The body of the answer, once there is one.
    pub(crate) fn take_body(&self) -> Option<ResponseBody> {
        lock(&self.0.body).take()
    }

    fn keep_body(&self, answer: Response<ResponseBody>) -> Response<ResponseBody> {
        if !self.0.keeps_body {
            return answer;
        }
        let (head, body) = answer.into_parts();
        *lock(&self.0.body) = Some(body);
        Response::from_parts(head, ResponseBody::empty())
    }

    /// Whether the request may have left.
    pub(crate) fn was_sent(&self) -> bool {
        self.0.sent.load(Ordering::Acquire)
    }

    fn sending(&self, endpoint: &Arc<Endpoint>, connection: &Connection) {
        self.0.sent.store(true, Ordering::Release);
        *lock(&self.0.via) = Some(Via {
            endpoint: endpoint.clone(),
            connection: connection.clone(),
            received_before: connection.received.bytes(),
        });
    }

    /// To be told when a call's deadline has passed: a connection that has
    /// brought nothing at all since then is given up.
    pub(crate) fn timed_out(&self) {
        let via = lock(&self.0.via);
        if let Some(via) = via.as_ref()
            && via.connection.received.bytes() == via.received_before
        {
            via.endpoint.gone_silent(&via.connection);
        }
    }

    fn not_sent(&self) {
        self.0.sent.store(false, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport {
    pub(crate) fn new(pool: Arc<Pool>, headers: HeaderMap, signer: Option<Arc<Signer>>) -> Self {
        Transport {
            pool,
            headers,
            signer,
        }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<ResponseBody>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let pool = self.pool.clone();
        request.headers_mut().extend(self.headers.clone());
        request
            .headers_mut()
            .insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(signer) = &self.signer {
            let method = request.uri().path().to_owned();
            if let Err(fault) = signer.sign(&method, request.headers_mut()) {
                return Box::pin(async { Err(fault) });
            }
        }
        let state = request
            .extensions_mut()
            .remove::<CallState>()
            .unwrap_or_default();
        Box::pin(send(pool, request, state))
    }
}

async fn send(
    pool: Arc<Pool>,
    mut request: Request<Body>,
    state: CallState,
) -> Result<Response<ResponseBody>, Fault> {
    // An idle connection may turn out to be closed the moment it is used; then
    // nothing was sent. A server that closes every connection ends the loop.
    for _ in 0..4 {
        let (endpoint, mut connection) = pool.connection().await?;
        *request.uri_mut() = uri(&endpoint, request.uri())?;
        state.sending(&endpoint, &connection);
        match connection.sender.try_send_request(request).await {
            Ok(response) => {
                return check(response)
                    .map(|answer| state.keep_body(answer))
                    .map_err(|f| f.at(&endpoint.address));
            }
            Err(mut failed) => {
                let Some(unsent) = failed.take_message() else {
                    let cause = root_cause(failed.error());
                    return Err(Fault::broken(format!("the connection broke: {cause}"))
                        .at(&endpoint.address));
                };
                state.not_sent();
                request = unsent;
            }
        }
    }
    Err(Fault::unreachable(
        "the server closes each connection before taking a request",
    ))
}

fn uri(endpoint: &Endpoint, given: &Uri) -> Result<Uri, Fault> {
    let path = given
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder()
        .scheme("https")
        .authority(endpoint.address.to_string())
        .path_and_query(path)
        .build()
        .map_err(|e| Fault::new(ErrorKind::Config, Sent::No, e.to_string()))
}

/// Lets only gRPC through: a proxy's HTML page must not reach the decoder.
fn check(response: Response<Incoming>) -> Result<Response<ResponseBody>, Fault> {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("nothing that says what it is");
    let status = response.status();
    if !kind.starts_with("application/grpc") {
        let error = match status.as_u16() {
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::PermissionDenied,
            429 | 502..=504 => ErrorKind::Unavailable,
            _ => ErrorKind::Protocol,
        };
        let sent = match error {
            ErrorKind::Unavailable => Sent::Maybe,
            _ => Sent::Yes,
        };
        return Err(Fault::new(
            error,
            sent,
            format!("answered {kind} (HTTP {status}), not gRPC"),
        ));
    }
    let complete = response.headers().contains_key("grpc-status");
    Ok(response.map(|body| ResponseBody::new(body, complete)))
}
