//! The control endpoint: what [`Sim`](crate::Sim) does, for programs in any
//! language, as JSON over HTTP on loopback, behind a bearer token.
//!
//! | call | what |
//! |---|---|
//! | `GET /v1/env`, `GET /v1/listeners`, `GET /v1/stats` | how to reach the lab, what it saw |
//! | `GET /v1/clock`, `POST /v1/clock {"pace": 60}` | the lab's time; pace 0 stands still |
//! | `POST /v1/clock/advance {"seconds": 30}` | moves it on |
//! | `GET`, `POST`, `DELETE /v1/faults {"target", "fault"}` | what is wrong; without a body, `DELETE` ends all |
//! | `GET /v1/events?after=N` | what happened |
//! | `POST /v1/events/wait {"what", "who", "detail", "after", "seconds"}` | waits for an entry |
//! | `POST /v1/hosts/{host}/down {"how"}`, `POST /v1/hosts/{host}/up` | a host goes or comes |
//! | `POST /v1/guests/{vmid}/start`, `…/stop` | a guest's power |
//! | `POST /v1/save {"folder"}` | keeps the lab |
//! | `GET /v1/state` | `{"error"}`: why the lab's own folder could not be written |
//! | `POST /v1/machines {"name", "talos_version", "host"}` | a machine that boots a Talos medium |
//! | `POST /v1/nodes/{node}/on` | a node that was shut down |
//! | `POST /v1/images {"image", "defect"}` | an image that is broken; mended without a defect |
//!
//! Errors have the status that fits and the body
//! `{"code": …, "message": …}`, with the codes of the SDK.

mod calls;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use homelab_core::{Error, ErrorKind, Result};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpSocket};

use crate::keep::Keeper;
use crate::world::derive;

/// The control endpoint of one lab.
#[derive(Debug)]
pub(crate) struct Control {
    address: SocketAddr,
    token: String,
    listener: TcpListener,
}

/// What its calls work on.
#[derive(Debug)]
struct Lab {
    keeper: Keeper,
    env: BTreeMap<String, String>,
    listeners: BTreeMap<String, SocketAddr>,
    token: String,
}

impl Control {
    /// Takes a port of 127.0.0.1; port 0 is any that is free.
    ///
    /// # Errors
    /// `Io` when it cannot be had.
    pub(crate) fn bind(port: u16) -> Result<Self> {
        let wanted = SocketAddr::from(([127, 0, 0, 1], port));
        let failed = |e: std::io::Error| {
            let message = format!("cannot listen on {wanted} for the control endpoint: {e}");
            Error::new(ErrorKind::Io, message)
        };
        let socket = TcpSocket::new_v4().map_err(failed)?;
        socket.set_reuseaddr(true).map_err(failed)?;
        socket.bind(wanted).map_err(failed)?;
        let listener = socket.listen(64).map_err(failed)?;
        Ok(Control {
            address: listener.local_addr().map_err(failed)?,
            token: token()?,
            listener,
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token that every call needs.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Answers until the simulation stops.
    pub(crate) async fn serve(
        self,
        keeper: Keeper,
        env: BTreeMap<String, String>,
        listeners: BTreeMap<String, SocketAddr>,
    ) {
        let stop = keeper.shared.stop.clone();
        let lab = Arc::new(Lab {
            keeper,
            env,
            listeners,
            token: self.token,
        });
        loop {
            let tcp = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((tcp, _)) = tcp else { continue };
            let (lab, stop) = (Arc::clone(&lab), stop.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let lab = Arc::clone(&lab);
                    async move { Ok::<_, Infallible>(lab.answer(request).await) }
                });
                let serve = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
                tokio::select! {
                    _ = serve => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

/// A token that nobody can guess, made from a fresh key.
fn token() -> Result<String> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
        .map_err(|e| Error::new(ErrorKind::Internal, "cannot make a token").source(e))?;
    Ok(derive::hex(&Sha256::digest(key.serialize_der())))
}

impl Lab {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let given = request.headers().get(header::AUTHORIZATION);
        let expected = format!("Bearer {}", self.token);
        let result = if given.is_some_and(|given| given.as_bytes() == expected.as_bytes()) {
            self.call(request).await
        } else {
            let message = "the control endpoint wants its token: Authorization: Bearer …";
            Err(Error::new(ErrorKind::Unauthenticated, message))
        };
        let (status, body) = match result {
            Ok(body) => (StatusCode::OK, body),
            Err(error) => {
                let body = json!({ "code": error.kind().code(), "message": error.message() });
                (status_of(error.kind()), body)
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::FailedPrecondition | ErrorKind::AlreadyExists => StatusCode::CONFLICT,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
