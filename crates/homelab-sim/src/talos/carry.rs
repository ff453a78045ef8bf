//! An answer on its way to the client: it ends when the link to the node that
//! gives it breaks, it suffers faults, it is counted while it streams and
//! written into the log.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use tonic::Status;
use tonic::body::Body;

use crate::faults::Fault;
use crate::net::Connection;
use crate::shared::{Changes, Link, Record, Shared};
use crate::stats::Guard;

/// What happens to an answer on its way.
pub(super) enum Damage {
    /// Nothing.
    None,
    /// The connection breaks in the middle of it.
    Reset(Connection),
    /// The connection breaks after the messages, before the status.
    ResetLate(Connection),
    /// The messages make no sense.
    Garbage,
}

impl Damage {
    /// What happens to the answers of `endpoint` right now.
    pub(super) fn of(shared: &Shared, endpoint: &str, connection: &Connection) -> Self {
        let has = |fault| shared.faults.has(endpoint, fault);
        if has(Fault::Reset) {
            Damage::Reset(connection.clone())
        } else if has(Fault::ResetLate) {
            Damage::ResetLate(connection.clone())
        } else if has(Fault::Garbage) {
            Damage::Garbage
        } else {
            Damage::None
        }
    }
}

/// How an answer travels.
pub(super) struct Carrier {
    shared: Shared,
    changes: Changes,
    /// The node behind the endpoint that gives the answer, if it is another,
    /// after the endpoint itself.
    behind: Option<(String, String)>,
    damage: Damage,
    /// Counts the answer while it streams.
    open: Option<Guard>,
    /// Writes down how it ends.
    record: Option<Record>,
}

impl Carrier {
    pub(super) fn new(shared: &Shared) -> Self {
        Carrier {
            shared: shared.clone(),
            changes: shared.changes(),
            behind: None,
            damage: Damage::None,
            open: None,
            record: None,
        }
    }

    /// The answer comes from this node, through the endpoint.
    pub(super) fn behind(mut self, endpoint: &str, node: &str) -> Self {
        self.behind = Some((endpoint.to_owned(), node.to_owned()));
        self
    }

    /// What happens to the answer on its way.
    pub(super) fn damage(mut self, damage: Damage) -> Self {
        self.damage = damage;
        self
    }

    /// The answer counts as an open stream until it ends or is dropped.
    pub(super) fn open(mut self, guard: Option<Guard>) -> Self {
        self.open = guard;
        self
    }

    /// How the answer ends is written down.
    pub(super) fn log(mut self, record: Record) -> Self {
        self.record = Some(record);
        self
    }

    /// Carries `response`.
    pub(super) fn carry(mut self, response: Response<Body>) -> Response<Body> {
        // An error without a body travels in the headers; a body around it,
        // even an empty one, would make strict clients miss the status.
        if response.body().is_end_stream() {
            self.ends(response.headers());
            if let Damage::Reset(connection) | Damage::ResetLate(connection) = &self.damage {
                connection.reset();
            }
            return response;
        }
        // Nobody knows how a stream will end; that it began is what counts.
        if self.open.is_some()
            && let Some(record) = self.record.take()
        {
            record.opened();
        }
        response.map(|body| {
            let travel = Travel {
                carrier: self,
                body: Some(body),
                begun: false,
            };
            Body::new(StreamBody::new(stream::unfold(travel, Travel::next)))
        })
    }

    fn ends(&mut self, headers: &HeaderMap) {
        if let Some(record) = self.record.take() {
            record.ended(&status_of(headers));
        }
    }
}

struct Travel {
    carrier: Carrier,
    body: Option<Body>,
    begun: bool,
}

impl Travel {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Status>, Self)> {
        if self.begun
            && let Damage::Reset(connection) = &self.carrier.damage
        {
            return break_off(connection).await;
        }
        loop {
            let body = self.body.as_mut()?;
            match self.carrier.link() {
                Link::Up => {}
                Link::Stall => {
                    self.carrier.changes.next().await;
                    continue;
                }
                Link::Refuse => {
                    self.body = None;
                    let broken = Status::unavailable("error reading from server: EOF");
                    return Some((trailers(&broken), self));
                }
            }
            let frame = tokio::select! {
                frame = body.frame() => frame?,
                () = self.carrier.changes.next() => continue,
            };
            if let Some(trailers) = frame.as_ref().ok().and_then(Frame::trailers_ref) {
                let trailers = trailers.clone();
                self.carrier.ends(&trailers);
                if let Damage::ResetLate(connection) = &self.carrier.damage {
                    return break_off(connection).await;
                }
            }
            let frame = match &self.carrier.damage {
                Damage::Reset(_) => {
                    self.begun = true;
                    frame.map(first_half)
                }
                Damage::Garbage => frame.map(garbage),
                Damage::ResetLate(_) | Damage::None => frame,
            };
            return Some((frame, self));
        }
    }
}

/// Lets what was written go out, and breaks the connection.
async fn break_off<T>(connection: &Connection) -> T {
    tokio::time::sleep(Duration::from_millis(10)).await;
    connection.reset();
    std::future::pending().await
}

impl Carrier {
    fn link(&self) -> Link {
        self.behind.as_ref().map_or(Link::Up, |(endpoint, node)| {
            self.shared.link_between(endpoint, node)
        })
    }
}

fn first_half(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_data() {
        Ok(data) => Frame::data(data.slice(..data.len().div_ceil(2))),
        Err(other) => other,
    }
}

/// Messages of the same length that no schema has: all ones, which is a field
/// number without end.
fn garbage(frame: Frame<Bytes>) -> Frame<Bytes> {
    /// One byte of compression, four of length.
    const PREFIX: usize = 5;
    match frame.into_data() {
        Ok(data) if data.len() > PREFIX => {
            let mut bytes = BytesMut::from(&data[..PREFIX]);
            bytes.resize(data.len(), 0xff);
            Frame::data(bytes.freeze())
        }
        Ok(data) => Frame::data(data),
        Err(other) => other,
    }
}

/// The status in headers or trailers as a number; a page that is no gRPC has none.
fn status_of(headers: &HeaderMap) -> String {
    let status = headers.get("grpc-status").and_then(|v| v.to_str().ok());
    status.unwrap_or("none").to_owned()
}

/// The last frame of a gRPC answer.
pub(super) fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers)?;
    Ok(Frame::trailers(headers))
}
