//! `nodes`: the answers of several nodes merged into one, each element marked
//! with the node it came from. A node that fails becomes an element with
//! nothing but its error, and the call as a whole succeeds.

use std::future::Future;
use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use talos_proto::{common, google};
use tonic::Status;
use tonic::body::Body;

use super::carry::trailers;

/// Length of what precedes a message: a flag and the size.
const PREFIX: usize = 5;

pub(super) fn body(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes))
}

/// The whole request body, to be sent to each node.
pub(super) async fn collect(body: Body) -> Result<Bytes, Status> {
    Ok(body.collect().await?.to_bytes())
}

/// Waits for all answers, in the order they come, and sends them as one message.
pub(super) async fn unary<F>(calls: impl Iterator<Item = F>) -> Response<Body>
where
    F: Future<Output = (String, Response<Body>)>,
{
    let mut pending: FuturesUnordered<_> = calls.collect();
    let mut merged = BytesMut::new();
    while let Some((node, response)) = pending.next().await {
        let result = whole(response)
            .await
            .and_then(|message| mark(&node, &message, &mut merged));
        if let Err(status) = result {
            put_element(&mut merged, &[], &failure(&node, &status));
        }
    }
    let frames = [Ok(Frame::data(framed(&merged))), trailers(&Status::ok(""))];
    answer(stream::iter(frames))
}

/// Interleaves the frames of all nodes, each marked.
pub(super) fn stream<F>(calls: impl Iterator<Item = F>) -> Response<Body>
where
    F: Future<Output = (String, Response<Body>)> + Send + 'static,
{
    let each = calls.map(|call| {
        stream::once(call)
            .flat_map(|(node, response)| {
                messages(response).map(move |message| {
                    let (mut bytes, metadata) = match message {
                        Ok(message) => (BytesMut::from(&message[..]), metadata(&node)),
                        Err(status) => (BytesMut::new(), failure(&node, &status)),
                    };
                    // A second field 1 is merged into the first by every protobuf reader.
                    put_field(&mut bytes, &metadata.encode_to_vec());
                    Ok(Frame::data(framed(&bytes)))
                })
            })
            .boxed()
    });
    let merged = stream::select_all(each);
    answer(merged.chain(stream::once(async { trailers(&Status::ok("")) })))
}

fn answer(
    frames: impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static,
) -> Response<Body> {
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    response
}

fn metadata(node: &str) -> common::Metadata {
    common::Metadata {
        hostname: node.to_owned(),
        ..common::Metadata::default()
    }
}

fn failure(node: &str, status: &Status) -> common::Metadata {
    common::Metadata {
        hostname: node.to_owned(),
        error: format!(
            "rpc error: code = {:?} desc = {}",
            status.code(),
            status.message()
        ),
        status: Some(google::rpc::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        }),
    }
}

/// The one message of a unary answer.
async fn whole(response: Response<Body>) -> Result<Bytes, Status> {
    let mut all = messages(response);
    let mut last = Bytes::new();
    while let Some(message) = all.next().await {
        last = message?;
    }
    Ok(last)
}

/// Copies the elements of `messages = 1` and marks each.
fn mark(node: &str, message: &Bytes, merged: &mut BytesMut) -> Result<(), Status> {
    let malformed = |e: prost::DecodeError| Status::internal(e.to_string());
    let mut rest = message.clone();
    let metadata = metadata(node);
    while !rest.is_empty() {
        let (tag, wire) = decode_key(&mut rest).map_err(malformed)?;
        if tag != 1 || wire != WireType::LengthDelimited {
            return Err(Status::internal("the answer has no list of messages"));
        }
        let length = decode_varint(&mut rest).map_err(malformed)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > rest.len() {
            return Err(Status::internal("the answer is cut short"));
        }
        put_element(merged, &rest.split_to(length), &metadata);
    }
    Ok(())
}

fn put_element(merged: &mut BytesMut, element: &[u8], metadata: &common::Metadata) {
    let mut marked = BytesMut::from(element);
    put_field(&mut marked, &metadata.encode_to_vec());
    put_field(merged, &marked);
}

fn put_field(to: &mut BytesMut, value: &[u8]) {
    encode_key(1, WireType::LengthDelimited, to);
    encode_varint(value.len() as u64, to);
    to.put_slice(value);
}

fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    bytes.freeze()
}

/// The messages of a gRPC answer, and its error as the last item if it has one.
fn messages(response: Response<Body>) -> Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>> {
    let early = Status::from_header_map(response.headers());
    let state = (response.into_body(), BytesMut::new(), early, false);
    Box::pin(stream::unfold(
        state,
        |(mut body, mut buffer, early, done)| async move {
            if done {
                return None;
            }
            if let Some(status) = early {
                let ok = status.code() == tonic::Code::Ok;
                return (!ok).then_some((Err(status), (body, buffer, None, true)));
            }
            loop {
                if let Some(message) = take_message(&mut buffer) {
                    return Some((Ok(message), (body, buffer, None, false)));
                }
                let end = match body.frame().await {
                    None => Status::ok(""),
                    Some(Err(status)) => status,
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => {
                            buffer.extend_from_slice(&data);
                            continue;
                        }
                        Err(frame) => frame
                            .into_trailers()
                            .ok()
                            .and_then(|t| Status::from_header_map(&t))
                            .unwrap_or_else(|| Status::unknown("no status")),
                    },
                };
                let ok = end.code() == tonic::Code::Ok;
                return (!ok).then_some((Err(end), (body, buffer, None, true)));
            }
        },
    ))
}

fn take_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let size = buffer.get(1..PREFIX)?;
    let size = u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize;
    if buffer.len() < PREFIX + size {
        return None;
    }
    let mut message = buffer.split_to(PREFIX + size);
    Some(message.split_off(PREFIX).freeze())
}
