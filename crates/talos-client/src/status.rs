//! From a gRPC status to the SDK's error: one table.

use homelab_core::{Error, ErrorKind, Retry, Sent};
use std::time::Duration;
use tonic::{Code, Status};

use crate::transport::Fault;
use crate::unknown::meaning;

/// What each code means, and where Talos answers it.
///
/// | code | kind | |
/// |---|---|---|
/// | `UNAVAILABLE` | `Unavailable` | node down or rebooting, seen by us or by the endpoint; containerd down |
/// | `PERMISSION_DENIED` | `PermissionDenied` | role; unknown resource type or namespace; forwarding through a worker |
/// | `UNIMPLEMENTED` | `Unsupported` | older release, control-plane call to a worker, maintenance before v1.13 |
/// | `INVALID_ARGUMENT` | `InvalidArgument` | configuration, enum, driver or namespace that is none |
/// | `FAILED_PRECONDITION` | `FailedPrecondition` | busy, not installed, not ready, in use, a container, stale bookmark |
/// | `NOT_FOUND`, `ALREADY_EXISTS` | the same | file, image, member, resource; bootstrap, install |
/// | `RESOURCE_EXHAUSTED` | `ResourceExhausted` | META is full; a message above 32 MiB |
/// | `INTERNAL` | `Internal` | the proxy's own failures, installer errors, panics |
/// | `UNKNOWN` | by its words | most handlers; see `unknown.rs` |
const fn kind(code: Code) -> ErrorKind {
    match code {
        Code::Cancelled => ErrorKind::Cancelled,
        Code::InvalidArgument | Code::OutOfRange => ErrorKind::InvalidArgument,
        Code::DeadlineExceeded => ErrorKind::Timeout,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::PermissionDenied => ErrorKind::PermissionDenied,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::FailedPrecondition => ErrorKind::FailedPrecondition,
        Code::Aborted => ErrorKind::Conflict,
        Code::Unimplemented => ErrorKind::Unsupported,
        Code::Internal => ErrorKind::Internal,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::DataLoss => ErrorKind::Corrupt,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
        Code::Ok | Code::Unknown => ErrorKind::Unknown,
    }
}

/// The code as the gRPC documents spell it.
pub(crate) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// How long a node that is away usually stays away at least.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// The error for a status, wherever it arose: our transport, our decoder, the
/// endpoint, the node.
pub(crate) fn to_error(status: Status) -> Error {
    if let Some(fault) = fault(&status) {
        return fault.to_error();
    }
    if let Some(error) = undecodable(&status) {
        return error;
    }
    let (code, message) = (status.code(), status.message().trim());
    let message = match message {
        "" => format!("the server answered {} without a word", code_name(code)),
        text => text.to_owned(),
    };
    let error = match code {
        Code::Unknown => unknown(message),
        code => Error::new(kind(code), message),
    };
    let error = error.status(code_name(code));
    match code {
        // The endpoint speaks for a node that it cannot reach; whether its
        // request got through, it does not say.
        Code::Unavailable => error
            .sent(Sent::Maybe)
            .retry(Retry::After(RETRY_UNAVAILABLE)),
        _ => error,
    }
    .source(status)
}

/// The error for words that came without a code. The node was asked and answered.
pub(crate) fn unknown(message: String) -> Error {
    let (kind, retry) = meaning(&message);
    Error::new(kind, message).sent(Sent::Yes).retry(retry)
}

/// Our own transport's word, if that is where the status comes from.
fn fault(status: &Status) -> Option<&Fault> {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Some(fault);
        }
        cause = error.source();
    }
    None
}

/// The decoder reports as if it were a server: these are its sentences.
fn undecodable(status: &Status) -> Option<Error> {
    let message = status.message();
    let ours = match status.code() {
        Code::Internal => {
            message.starts_with("failed to decode Protobuf message")
                || message.starts_with("protocol error: received message with invalid")
                || message == "Missing response message."
                || message == "Unexpected EOF decoding stream."
        }
        Code::Unknown => message.starts_with("protocol error: missing grpc-status"),
        Code::OutOfRange => {
            if message.starts_with("Error, decoded message length too large") {
                return Some(Error::new(ErrorKind::ResourceExhausted, message));
            }
            false
        }
        _ => false,
    };
    ours.then(|| Error::new(ErrorKind::Protocol, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_facts() {
        for (code, kind) in [
            (Code::Unavailable, ErrorKind::Unavailable),
            (Code::PermissionDenied, ErrorKind::PermissionDenied),
            (Code::Unimplemented, ErrorKind::Unsupported),
            (Code::InvalidArgument, ErrorKind::InvalidArgument),
            (Code::FailedPrecondition, ErrorKind::FailedPrecondition),
            (Code::NotFound, ErrorKind::NotFound),
            (Code::AlreadyExists, ErrorKind::AlreadyExists),
            (Code::ResourceExhausted, ErrorKind::ResourceExhausted),
            (Code::Internal, ErrorKind::Internal),
            (Code::Unknown, ErrorKind::Unknown),
            (Code::DeadlineExceeded, ErrorKind::Timeout),
            (Code::Unauthenticated, ErrorKind::Unauthenticated),
        ] {
            let error = to_error(Status::new(code, "words"));
            assert_eq!(error.kind(), kind);
            assert_eq!(error.message(), "words");
            assert_eq!(error.status_text(), Some(code_name(code)));
        }
    }

    #[test]
    fn an_answered_unavailable_may_have_been_sent_and_may_be_retried() {
        let error = to_error(Status::unavailable("node is rebooting"));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert!(error.is_retryable());
    }

    #[test]
    fn unknown_is_read_by_its_words() {
        let error = to_error(Status::unknown("etcdserver: no leader"));
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert_eq!(error.status_text(), Some("UNKNOWN"));
        assert_eq!(error.was_sent(), Sent::Yes);
        assert!(error.is_retryable());
    }

    #[test]
    fn the_transports_own_word_wins() {
        let fault = Fault::new(ErrorKind::Untrusted, Sent::No, "other CA");
        let error = to_error(Status::from_error(Box::new(fault)));
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert_eq!(error.was_sent(), Sent::No);
        assert_eq!(error.status_text(), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_the_protocols_fault() {
        let status = Status::internal("failed to decode Protobuf message: buffer underflow");
        assert_eq!(to_error(status).kind(), ErrorKind::Protocol);
    }
}
