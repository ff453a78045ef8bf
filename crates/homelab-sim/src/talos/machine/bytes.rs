//! Streams of bytes: frames of 1 KiB, whose boundaries mean nothing.

use bytes::Bytes;
use futures_util::stream;
use talos_proto::common::Data;
use tonic::codegen::BoxStream;

/// Bytes in a frame.
const FRAME: usize = 1024;

/// One frame.
pub(super) fn frame(bytes: impl Into<Bytes>) -> Data {
    Data {
        metadata: None,
        bytes: bytes.into(),
    }
}

/// `data` in frames. Truncated, it is half of it and status OK, as when a
/// node's reader fails.
pub(super) fn stream(data: Vec<u8>, truncated: bool) -> BoxStream<Data> {
    Box::pin(stream::iter(frames(data, truncated).into_iter().map(Ok)))
}

/// `data` as frames.
pub(super) fn frames(data: Vec<u8>, truncated: bool) -> Vec<Data> {
    let mut data = Bytes::from(data);
    if truncated {
        data.truncate(data.len() / 2);
    }
    let mut frames = Vec::new();
    while !data.is_empty() {
        frames.push(frame(data.split_to(FRAME.min(data.len()))));
    }
    frames
}
