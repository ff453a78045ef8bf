//! What kind of failure it is, whether the request was sent, whether to try again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What went wrong, as a meaning and not as a transport detail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $name,)+ }

        impl ErrorKind {
            /// All kinds, in the order of the documentation.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name,)+];

            /// The stable name: JavaScript `code`; Python class without its `Error` suffix.
            pub const fn code(self) -> &'static str {
                match self { $(ErrorKind::$name => stringify!($name),)+ }
            }
        }
    };
}

kinds! {
    /// A file or setting of the user's is missing or wrong; see [`Error::location`](crate::Error::location).
    Config,
    /// The server does not know who we are: no, wrong or expired credentials.
    Unauthenticated,
    /// The server knows who we are and says no.
    PermissionDenied,
    /// The server's certificate cannot be trusted: unknown CA, wrong name, other fingerprint.
    Untrusted,
    /// The named thing does not exist.
    NotFound,
    /// The thing to be created exists.
    AlreadyExists,
    /// An argument was refused, by us before sending or by the server.
    InvalidArgument,
    /// The thing is not in a state that allows this: locked, stopped, no quorum.
    FailedPrecondition,
    /// Somebody else changed it in between (digest or version mismatch).
    Conflict,
    /// This server, version or role does not offer the call.
    Unsupported,
    /// Over a size or rate limit.
    ResourceExhausted,
    /// The deadline passed first.
    Timeout,
    /// Nobody answered: connection refused, reset, stalled; node down.
    Unavailable,
    /// The caller cancelled.
    Cancelled,
    /// A server-side task ran and failed; the message holds its own words.
    TaskFailed,
    /// Some of several targets failed; see [`Error::failures`](crate::Error::failures).
    PartialFailure,
    /// The answer is not what the protocol promises: HTML, truncated, undecodable.
    Protocol,
    /// Data arrived whole by the protocol's rules but fails its own checks.
    Corrupt,
    /// A local file could not be read or written.
    Io,
    /// The server reported a failure of its own.
    Internal,
    /// The server gave an error that has no better kind.
    Unknown,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Whether the request may have reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// Surely not: nothing has changed.
    No,
    /// Unknown: look before trying again.
    Maybe,
    /// Yes: the server answered.
    Yes,
}

/// Whether another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Safe and sensible at once.
    Now,
    /// Sensible after this long.
    After(Duration),
    /// Retries were spent already.
    Exhausted {
        /// How many tries were made.
        attempts: u32,
    },
}
