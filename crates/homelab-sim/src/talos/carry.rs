//! An answer on its way to the client: it ends when the link to the node that
//! gives it breaks, it suffers faults, and it is counted while it streams.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use tonic::Status;
use tonic::body::Body;

use crate::net::Connection;
use crate::shared::{Changes, Link, Shared};
use crate::stats::Guard;

/// How an answer travels.
pub(super) struct Carrier {
    shared: Shared,
    changes: Changes,
    /// The node behind the endpoint that gives the answer, if it is another.
    behind: Option<String>,
    /// The connection to break in the middle of the answer.
    reset: Option<Connection>,
    /// Counts the answer while it streams.
    open: Option<Guard>,
}

impl Carrier {
    pub(super) fn new(shared: &Shared) -> Self {
        Carrier {
            shared: shared.clone(),
            changes: shared.changes(),
            behind: None,
            reset: None,
            open: None,
        }
    }

    /// The answer comes from this node, through the endpoint.
    pub(super) fn behind(mut self, node: &str) -> Self {
        self.behind = Some(node.to_owned());
        self
    }

    /// The connection breaks in the middle of the answer.
    pub(super) fn reset(mut self, connection: Option<Connection>) -> Self {
        self.reset = connection;
        self
    }

    /// The answer counts as an open stream until it ends or is dropped.
    pub(super) fn open(mut self, guard: Option<Guard>) -> Self {
        self.open = guard;
        self
    }

    /// Carries `response`.
    pub(super) fn carry(self, response: Response<Body>) -> Response<Body> {
        let plain = self.behind.is_none() && self.reset.is_none() && self.open.is_none();
        // An error without a body travels in the headers; a body around it,
        // even an empty one, would make strict clients miss the status.
        if plain || response.body().is_end_stream() {
            if let Some(connection) = &self.reset {
                connection.reset();
            }
            return response;
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
}

struct Travel {
    carrier: Carrier,
    body: Option<Body>,
    begun: bool,
}

impl Travel {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Status>, Self)> {
        if self.begun
            && let Some(connection) = &self.carrier.reset
        {
            // Let the first half go out before the connection breaks.
            tokio::time::sleep(Duration::from_millis(10)).await;
            connection.reset();
            return std::future::pending().await;
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
            if self.carrier.reset.is_some() {
                self.begun = true;
                return Some((frame.map(first_half), self));
            }
            return Some((frame, self));
        }
    }
}

impl Carrier {
    fn link(&self) -> Link {
        self.behind
            .as_deref()
            .map_or(Link::Up, |node| self.shared.link(node))
    }
}

fn first_half(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_data() {
        Ok(data) => Frame::data(data.slice(..data.len().div_ceil(2))),
        Err(other) => other,
    }
}

/// The last frame of a gRPC answer.
pub(super) fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut headers = http::HeaderMap::new();
    status.add_header(&mut headers)?;
    Ok(Frame::trailers(headers))
}
