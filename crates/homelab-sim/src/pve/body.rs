//! Bodies of answers, sound and broken ones.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use crate::net::Connection;

/// A body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The whole text.
pub(super) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// `start`, and then the connection ends: with a reset if asked for.
pub(super) fn broken(start: &[u8], reset: Option<Connection>) -> Body {
    let start = Bytes::copy_from_slice(start);
    let frames = stream::unfold((Some(start), reset), |(start, reset)| async move {
        if let Some(start) = start {
            return Some((Ok(Frame::data(start)), (None, reset)));
        }
        // Let the start reach the client before the end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Some(connection) = &reset {
            connection.reset();
            std::future::pending::<()>().await;
        }
        Some((Err(io::ErrorKind::UnexpectedEof.into()), (None, reset)))
    });
    StreamBody::new(frames).boxed_unsync()
}
