//! The messages of an answer, taken from the frames that brought them.
//!
//! A node sends bytes 1 KiB at a time, a million messages to a GiB. The decoder
//! of tonic copies each into a buffer of its own first; here a message that lies
//! within one frame, as a node's messages do, is decoded where it lies.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use homelab_core::{ErrorKind, Sent};
use http_body::Body;
use prost::Message;
use tonic::{Response, Status, Streaming};

use crate::raw::MAX_MESSAGE;
use crate::transport::{CallState, Fault, ResponseBody};

/// Before each message: whether it is compressed, and its length (4 bytes).
const PREFIX: usize = 5;

/// The messages of one answer.
pub(crate) struct Messages<A> {
    body: ResponseBody,
    cutter: Cutter,
    ended: bool,
    message: PhantomData<fn() -> A>,
}

impl<A: Message + Default> Stream for Messages<A> {
    type Item = Result<A, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx).map(Result::transpose)
    }
}

impl<A: Message + Default> Messages<A> {
    /// Those of an answer whose body was [kept](CallState::keeping_body): what
    /// the generated client makes of it only tells their type.
    pub(crate) fn kept(_: Response<Streaming<A>>, state: &CallState) -> Result<Self, Status> {
        let body = state.take_body();
        Ok(Messages {
            body: body.ok_or_else(|| Status::internal("an answer without a body"))?,
            cutter: Cutter::default(),
            ended: false,
            message: PhantomData,
        })
    }

    /// The next message; `None` at the end and after an error. Dropping the
    /// future loses nothing.
    pub(crate) async fn message(&mut self) -> Result<Option<A>, Status> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<A>, Status>> {
        while !self.ended {
            let next = match self.cutter.next() {
                Ok(Some(message)) => decode(message).map(Some),
                Ok(None) => ready!(self.poll_body(cx)),
                Err(fault) => Err(from_fault(fault)),
            };
            match next {
                Ok(None) => {}
                Ok(message) => return Poll::Ready(Ok(message)),
                Err(status) => {
                    self.ended = true;
                    return Poll::Ready(Err(status));
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Takes one frame of the body; never a message.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<A>, Status>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            self.ended = true;
            return Poll::Ready(self.cutter.end().map(|()| None).map_err(from_fault));
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(fault) => return Poll::Ready(Err(from_fault(fault))),
        };
        match frame.into_data() {
            Ok(data) => self.cutter.push(data),
            Err(frame) => {
                let status = frame.trailers_ref().and_then(Status::from_header_map);
                if let Some(status) = status.filter(|s| s.code() != tonic::Code::Ok) {
                    return Poll::Ready(Err(status));
                }
            }
        }
        Poll::Ready(Ok(None))
    }
}

fn decode<A: Message + Default>(message: Bytes) -> Result<A, Status> {
    A::decode(message).map_err(|e| from_fault(broken(format!("a message cannot be decoded: {e}"))))
}

fn from_fault(fault: Fault) -> Status {
    Status::from_error(Box::new(fault))
}

impl<A> fmt::Debug for Messages<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Cuts frames into messages.
#[derive(Debug, Default)]
struct Cutter {
    /// What is left of the frames that have come.
    rest: Bytes,
    /// The beginning of a message whose end is still to come; `rest` is empty then.
    begun: BytesMut,
}

impl Cutter {
    /// Adds a frame; to be called when [`next`](Self::next) has nothing left.
    fn push(&mut self, frame: Bytes) {
        if self.begun.is_empty() {
            self.rest = frame;
            return;
        }
        self.begun.extend_from_slice(&frame);
        // Not before it is whole: a long message is not moved for every frame.
        if !matches!(prefix(&self.begun), Ok(Some(size)) if self.begun.len() - PREFIX < size) {
            self.rest = self.begun.split().freeze();
        }
    }

    /// The next whole message, without its prefix.
    fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match prefix(&self.rest)? {
            Some(size) if self.rest.len() - PREFIX >= size => {
                self.rest.advance(PREFIX);
                Ok(Some(self.rest.split_to(size)))
            }
            _ => {
                if !self.rest.is_empty() {
                    self.begun = BytesMut::from(std::mem::take(&mut self.rest));
                }
                Ok(None)
            }
        }
    }

    /// At the end of the answer.
    fn end(&self) -> Result<(), Fault> {
        match self.begun.len() {
            0 => Ok(()),
            there => Err(broken(format!(
                "the answer ends within a message, after {there} bytes of it"
            ))),
        }
    }
}

/// How long the message is that begins here, when that much is known.
fn prefix(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let Some([compressed, length @ ..]) = bytes.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    if *compressed != 0 {
        return Err(broken(format!(
            "a message is marked as compressed ({compressed}), which nobody asked for"
        )));
    }
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(size) if size <= MAX_MESSAGE => Ok(Some(size)),
        _ => Err(Fault::new(
            ErrorKind::ResourceExhausted,
            Sent::Yes,
            format!(
                "a message of {} bytes; Talos sends at most {MAX_MESSAGE}",
                u32::from_be_bytes(*length)
            ),
        )),
    }
}

fn broken(message: String) -> Fault {
    Fault::new(ErrorKind::Protocol, Sent::Yes, message)
}

/// The bytes of an answer, cut into messages: for the fuzz target.
#[cfg(any(test, fuzzing))]
pub(super) fn cut(body: &[u8], frame: usize) -> (Vec<Vec<u8>>, Result<(), Fault>) {
    let (mut cutter, mut messages) = (Cutter::default(), Vec::new());
    for frame in body.chunks(frame) {
        cutter.push(Bytes::copy_from_slice(frame));
        loop {
            match cutter.next() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(fault) => return (messages, Err(fault)),
            }
        }
    }
    let end = cutter.end();
    (messages, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut body = Vec::new();
        for message in messages {
            body.push(0);
            body.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
            body.extend_from_slice(message);
        }
        body
    }

    #[test]
    fn boundaries_of_frames_do_not_matter() {
        let long = vec![7; 3000];
        let messages: [&[u8]; 5] = [b"one", b"", &long, b"t", b""];
        let body = framed(&messages);
        for frame in (1..40).chain([1000, 3004, 3005, 3006, 5000]) {
            let (cut, end) = cut(&body, frame);
            assert_eq!(cut, messages, "frames of {frame}");
            assert_eq!(end, Ok(()));
        }
    }

    #[test]
    fn a_message_in_one_frame_is_not_copied() {
        let frame = Bytes::from(framed(&[b"one", b"two"]));
        let (first, last) = (frame.as_ptr() as usize, frame.len());
        let mut cutter = Cutter::default();
        cutter.push(frame);
        for _ in 0..2 {
            let message = cutter.next().unwrap().unwrap();
            assert!((first..first + last).contains(&(message.as_ptr() as usize)));
        }
        assert_eq!(cutter.next().unwrap(), None);
    }

    #[test]
    fn an_end_within_a_message_is_an_error() {
        let body = framed(&[b"whole", b"half"]);
        for length in 11..body.len() {
            let (messages, end) = cut(&body[..length], 4);
            assert_eq!(messages, [b"whole"], "{length}");
            assert_eq!(end.unwrap_err().kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn what_is_too_long_or_compressed_is_refused_before_it_has_come() {
        let (_, end) = cut(&[0, 0xff, 0, 0, 0, 1], 100);
        let fault = end.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::ResourceExhausted);
        assert!(fault.to_string().contains("4278190080 bytes"), "{fault}");
        let (_, end) = cut(&[1, 0, 0, 0, 1, 9], 2);
        assert!(end.unwrap_err().to_string().contains("compressed"));
    }

    #[test]
    fn what_is_no_message_is_the_protocols_fault() {
        let status = decode::<talos_proto::common::Data>(Bytes::from_static(b"\x12\x09x"));
        let error = crate::status::to_error(status.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
