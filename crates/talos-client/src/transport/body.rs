//! Answers whose errors say what happened.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use homelab_core::{ErrorKind, Sent};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::fault::{Fault, root_cause};

/// The body of an answer.
///
/// HTTP/2 can end a stream in a way that looks like its regular end; gRPC
/// promises a status behind the last message. An end without one is an error
/// here, never the end of the data.
#[derive(Debug)]
pub struct ResponseBody {
    /// Absent when somebody else reads it.
    inner: Option<Incoming>,
    /// Whether the status has arrived: with the headers, or in trailers.
    complete: bool,
}

impl ResponseBody {
    pub(super) fn new(inner: Incoming, status_in_headers: bool) -> Self {
        ResponseBody {
            inner: Some(inner),
            complete: status_in_headers,
        }
    }

    /// One without anything, for whom the real one is kept from.
    pub(super) fn empty() -> Self {
        ResponseBody {
            inner: None,
            complete: true,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.complete |= frame
                    .trailers_ref()
                    .is_some_and(|t| t.contains_key("grpc-status"));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(e))) => {
                self.complete = true;
                let message = format!("the connection broke: {}", root_cause(&e));
                Poll::Ready(Some(Err(Fault::broken(message))))
            }
            Poll::Ready(None) if self.complete => Poll::Ready(None),
            Poll::Ready(None) => {
                self.complete = true;
                Poll::Ready(Some(Err(Fault::new(
                    ErrorKind::Unavailable,
                    Sent::Maybe,
                    "the answer was cut off: it ends without a status",
                ))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.complete && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
