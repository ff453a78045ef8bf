//! The one error shape of the SDK.
//!
//! Every fallible call of every crate returns [`Error`]. It answers, in this
//! order, what a caller needs in order to act: *what kind* of failure
//! ([`Error::kind`]), *may the request have reached the server*
//! ([`Error::sent`]), *is another try sensible* ([`Error::retry`]), *what was
//! being done to whom* ([`Error::operation`], [`Error::target`]), and *where
//! in which file* for bad input ([`Error::location`]).
//!
//! The kind's [`code`](ErrorKind::code) is stable: it is the name of the
//! Python exception class (with `Error` appended) and the JavaScript `code`.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

mod data;
mod kind;

pub use data::{ErrorData, Failure, Location};
pub use kind::{ErrorKind, Retry, Sent};

/// `Result` with the SDK's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every fallible call in the SDK. One word wide.
///
/// `Display` is one line for a person. `source()` leads to the cause, whose
/// type is not part of the API.
///
/// ```
/// use homelab_core::{Error, ErrorKind, Sent};
///
/// let e = Error::new(ErrorKind::Unavailable, "connection refused")
///     .operation("GET /version")
///     .target("pve1")
///     .sent(Sent::No);
/// assert_eq!(e.to_string(), "GET /version on pve1: connection refused (not sent)");
/// assert!(e.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    sent: Sent,
    retry: Option<Retry>,
    operation: Option<Cow<'static, str>>,
    target: Option<String>,
    request_ref: Option<String>,
    status: Option<String>,
    message: String,
    location: Option<Location>,
    failures: Vec<(String, Error)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A new error of `kind`. `message` is one sentence without the operation
    /// and without the target: those have their own setters.
    ///
    /// What was sent starts as the kind suggests: input errors as [`Sent::No`],
    /// silence as [`Sent::Maybe`], a server's words as [`Sent::Yes`].
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let sent = match kind {
            ErrorKind::Config
            | ErrorKind::InvalidArgument
            | ErrorKind::Io
            | ErrorKind::Untrusted => Sent::No,
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Cancelled => Sent::Maybe,
            _ => Sent::Yes,
        };
        Error(Box::new(Inner {
            kind,
            sent,
            retry: None,
            operation: None,
            target: None,
            request_ref: None,
            status: None,
            message: message.into(),
            location: None,
            failures: Vec::new(),
            source: None,
        }))
    }

    /// A [`ErrorKind::Config`] error at a place in a file.
    pub fn config(location: Location, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config, message).at(location)
    }

    /// A [`ErrorKind::Io`] error that names the path.
    pub fn io(action: &str, path: &std::path::Path, source: std::io::Error) -> Self {
        let kind = if source.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::Io
        };
        Error::new(
            kind,
            format!("cannot {action} {}: {source}", path.display()),
        )
        .sent(Sent::No)
        .source(source)
    }

    /// A [`ErrorKind::PartialFailure`] from what failed, by target.
    pub fn partial(message: impl Into<String>, failures: Vec<(String, Error)>) -> Self {
        let mut e = Error::new(ErrorKind::PartialFailure, message);
        e.0.failures = failures;
        e
    }

    /// Says whether the request may have reached the server.
    #[must_use]
    pub fn sent(mut self, sent: Sent) -> Self {
        self.0.sent = sent;
        self
    }

    /// Overrides what the kind says about retrying.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = Some(retry);
        self
    }

    /// Names the operation, in the protocol's words: `GET /version`, `EtcdSnapshot`. An operation
    /// named earlier (closer to the wire) stays.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.0.operation.get_or_insert_with(|| operation.into());
        self
    }

    /// Names whom it was asked of: a host, a node, a guest. One named earlier stays.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.0.target.get_or_insert_with(|| target.into());
        self
    }

    /// Adds advice to the sentence: what it means here, what would be right.
    #[must_use]
    pub fn hint(mut self, advice: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(advice);
        self
    }

    /// The server's own reference of the request or job (UPID, request id).
    #[must_use]
    pub fn request_ref(mut self, reference: impl Into<String>) -> Self {
        self.0.request_ref = Some(reference.into());
        self
    }

    /// The protocol's status, as text: `500 no quorum`, `UNAVAILABLE`.
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.0.status = Some(status.into());
        self
    }

    /// The place in the user's file.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// The cause.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the request may have reached the server.
    pub fn was_sent(&self) -> Sent {
        self.0.sent
    }

    /// Whether another try makes sense. Unless said otherwise: silence that
    /// surely was not sent may be tried at once, everything else not.
    pub fn retry_advice(&self) -> Retry {
        self.0.retry.unwrap_or(match (self.0.kind, self.0.sent) {
            (ErrorKind::Unavailable | ErrorKind::Timeout, Sent::No) => Retry::Now,
            _ => Retry::Never,
        })
    }

    /// Whether [`retry_advice`](Error::retry_advice) is to try again, now or later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.retry_advice(), Retry::Now | Retry::After(_))
    }

    /// What was being done, in the protocol's words.
    pub fn operation_name(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// Whom it was asked of.
    pub fn target_name(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    /// The server's own reference of the request or job.
    pub fn reference(&self) -> Option<&str> {
        self.0.request_ref.as_deref()
    }

    /// The protocol's status, as text.
    pub fn status_text(&self) -> Option<&str> {
        self.0.status.as_deref()
    }

    /// The sentence alone, without operation and target.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the user's file, for bad input.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// What failed, by target, for [`ErrorKind::PartialFailure`].
    pub fn failures(&self) -> &[(String, Error)] {
        &self.0.failures
    }

    /// Everything a binding or a log needs, as plain data.
    pub fn to_data(&self) -> ErrorData {
        ErrorData {
            code: self.kind().code().to_owned(),
            message: self.to_string(),
            sent: self.was_sent(),
            retryable: self.is_retryable(),
            operation: self.0.operation.as_deref().map(str::to_owned),
            target: self.0.target.clone(),
            request_ref: self.0.request_ref.clone(),
            status: self.0.status.clone(),
            location: self.0.location.clone(),
            failures: self
                .0
                .failures
                .iter()
                .map(|(target, error)| Failure {
                    target: target.clone(),
                    error: error.to_data(),
                })
                .collect(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &self.0;
        if let Some(location) = &e.location {
            write!(f, "{location}: ")?;
        }
        match (&e.operation, &e.target) {
            (Some(op), Some(target)) => write!(f, "{op} on {target}: ")?,
            (Some(op), None) => write!(f, "{op}: ")?,
            (None, Some(target)) => write!(f, "{target}: ")?,
            (None, None) => {}
        }
        f.write_str(&e.message)?;
        // Only silence leaves a doubt worth a word; bad input was plainly not sent.
        match (e.kind, e.sent) {
            (ErrorKind::Unavailable | ErrorKind::Timeout, Sent::No) => f.write_str(" (not sent)"),
            (_, Sent::Maybe) => f.write_str(" (may have been sent)"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind)?;
        let mut cause: Option<&dyn StdError> = StdError::source(self);
        while let Some(c) = cause {
            write!(f, "\n  caused by: {c}")?;
            cause = c.source();
        }
        for (target, error) in &self.0.failures {
            write!(f, "\n  {target}: {error}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_and_crosses_threads() {
        fn send_sync<T: Send + Sync + 'static>() {}
        send_sync::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn config_error_starts_with_its_place() {
        let e = Error::config(
            Location {
                file: "homelab.yaml".into(),
                line: 3,
                column: 7,
            },
            "unknown host",
        );
        assert_eq!(e.to_string(), "homelab.yaml:3:7: unknown host");
        assert_eq!(e.was_sent(), Sent::No);
        assert!(!e.is_retryable());
    }

    #[test]
    fn the_name_closest_to_the_wire_wins() {
        let e = Error::new(ErrorKind::Timeout, "no answer")
            .target("pve1")
            .target("lab")
            .operation("A")
            .operation("B");
        assert_eq!(
            (e.target_name(), e.operation_name()),
            (Some("pve1"), Some("A"))
        );
        assert!(e.to_string().ends_with("(may have been sent)"));
    }

    #[test]
    fn codes_are_unique_and_data_keeps_failures() {
        let mut codes: Vec<_> = ErrorKind::ALL.iter().map(|k| k.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        let e = Error::partial(
            "1 of 2 failed",
            vec![("a".into(), Error::new(ErrorKind::NotFound, "gone"))],
        );
        assert_eq!(e.to_data().failures[0].error.code, "NotFound");
    }
}
