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
//!
//! Errors have the status that fits and the body
//! `{"code": …, "message": …}`, with the codes of the SDK.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homelab_core::{Error, ErrorKind, Result};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpSocket};

use crate::faults::Fault;
use crate::keep::Keeper;
use crate::log::{EventFilter, EventWaiter};
use crate::world::{Down, World, derive};

/// Largest body of a request.
const MAX_BODY: usize = 64 << 10;

/// How long an entry of the log is waited for unless the caller says.
const WAIT: Duration = Duration::from_secs(30);

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

/// A body of `POST /v1/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultAt {
    target: String,
    fault: Fault,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    pace: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    what: String,
    who: Option<String>,
    #[serde(default)]
    detail: BTreeMap<String, String>,
    #[serde(default)]
    after: u64,
    seconds: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Folder {
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct How {
    how: String,
}

impl Default for How {
    fn default() -> Self {
        How {
            how: Down::Refuse.as_str().to_owned(),
        }
    }
}

impl Lab {
    fn world(&self) -> &World {
        &self.keeper.shared.world
    }

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

    async fn call(&self, request: Request<Incoming>) -> Result<Value> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).map_err(|e| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("the body cannot be read: {e}"),
            )
        })?;
        let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
        let ["v1", path @ ..] = path.as_slice() else {
            return Err(unknown(&head.method, head.uri.path()));
        };
        let world = self.world();
        match (&head.method, path) {
            (&Method::GET, ["env"]) => Ok(json!(self.env)),
            (&Method::GET, ["listeners"]) => Ok(json!(self.listeners)),
            (&Method::GET, ["stats"]) => Ok(json!(self.keeper.shared.counters.snapshot())),
            (&Method::GET, ["clock"]) => Ok(self.clock()),
            (&Method::POST, ["clock"]) => {
                let Pace { pace } = read(&body)?;
                world.clock().set_pace(pace)?;
                Ok(self.clock())
            }
            (&Method::POST, ["clock", "advance"]) => {
                let Advance { seconds } = read(&body)?;
                world.advance(duration(seconds)?);
                Ok(self.clock())
            }
            (&Method::GET, ["faults"]) => Ok(self.faults()),
            (&Method::POST, ["faults"]) => {
                let FaultAt { target, fault } = read(&body)?;
                world.change(|state| state.fault_set(&target, fault))?;
                Ok(self.faults())
            }
            (&Method::DELETE, ["faults"]) => {
                if body.is_empty() {
                    world.change(|state| state.fault_clear(None, None));
                } else {
                    let FaultAt { target, fault } = read(&body)?;
                    world.change(|state| state.fault_clear(Some(&target), Some(fault)));
                }
                Ok(self.faults())
            }
            (&Method::GET, ["events"]) => {
                let after = match head.uri.query().and_then(|q| q.strip_prefix("after=")) {
                    Some(number) => number.parse().map_err(|_| invalid("after is a number"))?,
                    None => 0,
                };
                Ok(json!(world.log().after(after)))
            }
            (&Method::POST, ["events", "wait"]) => {
                let wanted: Wanted = read(&body)?;
                let limit = wanted.seconds.map_or(Ok(WAIT), duration)?;
                let filter = EventFilter {
                    what: wanted.what,
                    who: wanted.who,
                    detail: wanted.detail,
                    after: wanted.after,
                };
                let waiter = EventWaiter::new(world.log(), self.keeper.shared.stop.clone());
                Ok(json!(waiter.wait(&filter, limit).await?))
            }
            (&Method::POST, ["hosts", host, "down"]) => {
                let How { how } = if body.is_empty() {
                    How::default()
                } else {
                    read(&body)?
                };
                world.host_down(host, how.parse()?)?;
                Ok(Value::Null)
            }
            (&Method::POST, ["hosts", host, "up"]) => {
                world.host_up(host)?;
                Ok(Value::Null)
            }
            (&Method::POST, ["guests", vmid, "start"]) => {
                world.guest_start(number(vmid)?)?;
                Ok(Value::Null)
            }
            (&Method::POST, ["guests", vmid, "stop"]) => {
                world.guest_stop(number(vmid)?)?;
                Ok(Value::Null)
            }
            (&Method::POST, ["save"]) => {
                let Folder { folder } = read(&body)?;
                self.keeper.save(&folder)?;
                Ok(Value::Null)
            }
            _ => Err(unknown(&head.method, head.uri.path())),
        }
    }

    fn clock(&self) -> Value {
        json!(self.world().clock().state())
    }

    fn faults(&self) -> Value {
        self.world()
            .read(|state| json!(state.faults.active().collect::<Vec<_>>()))
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|e| invalid(&format!("the body is not what is wanted: {e}")))
}

fn number(text: &str) -> Result<u32> {
    text.parse()
        .map_err(|_| invalid(&format!("{text} is no VMID")))
}

fn duration(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| invalid(&format!("{seconds} is no number of seconds")))
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn unknown(method: &Method, path: &str) -> Error {
    let message = format!("the control endpoint has no {method} {path}");
    Error::new(ErrorKind::NotFound, message)
}

fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::FailedPrecondition => StatusCode::CONFLICT,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
