//! What the calls of the control endpoint do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Lab;
use crate::faults::Fault;
use crate::log::{EventFilter, EventWaiter};
use crate::world::{Down, Machine, World};

/// Largest body of a request.
const MAX_BODY: usize = 64 << 10;

/// How long an entry of the log is waited for unless the caller says.
const WAIT: Duration = Duration::from_secs(30);

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
#[serde(deny_unknown_fields)]
struct NewMachine {
    name: String,
    talos_version: String,
    host: Option<String>,
}

impl NewMachine {
    fn machine(&self) -> Machine {
        match &self.host {
            Some(host) => Machine::on(host, &self.name, &self.talos_version),
            None => Machine::bare(&self.name, &self.talos_version),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defect {
    image: String,
    defect: Option<String>,
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

    pub(super) async fn call(&self, request: Request<Incoming>) -> Result<Value> {
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
            (method, path) => self.change(method, path, &body, head.uri.path()),
        }
    }

    /// The calls about hosts, guests, nodes and the lab as a whole.
    fn change(&self, method: &Method, path: &[&str], body: &[u8], whole: &str) -> Result<Value> {
        let world = self.world();
        match (method, path) {
            (&Method::POST, ["hosts", host, "down"]) => {
                let How { how } = if body.is_empty() {
                    How::default()
                } else {
                    read(body)?
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
                let Folder { folder } = read(body)?;
                self.keeper.save(&folder)?;
                Ok(Value::Null)
            }
            (&Method::GET, ["state"]) => Ok(json!({ "error": self.keeper.health.error() })),
            (&Method::POST, ["machines"]) => {
                let wanted: NewMachine = read(body)?;
                world.change(|state| state.machine_add(&wanted.machine()))?;
                self.keeper.nodes.ensure()?;
                Ok(Value::Null)
            }
            (&Method::POST, ["nodes", node, "on"]) => {
                world.change(|state| state.machine_on(node))?;
                Ok(Value::Null)
            }
            (&Method::POST, ["images"]) => {
                let Defect { image, defect } = read(body)?;
                let defect = defect.map(|defect| defect.parse()).transpose()?;
                world.change(|state| state.set_image_defect(&image, defect));
                Ok(Value::Null)
            }
            _ => Err(unknown(method, whole)),
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
