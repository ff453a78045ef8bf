//! What every crate of homelab-sdk shares: one [`Error`], one [`PerNode`]
//! result, deadlines and an injected [`Clock`], secrets that do not print,
//! files that are whole or absent.
//!
//! Nothing here knows a protocol (no gRPC, no HTTP) or the domain (no hosts,
//! no guests): both build on this crate, never the other way round.
//!
//! | module | what |
//! |---|---|
//! | [`error`] | [`Error`], [`ErrorKind`], [`Sent`], [`Retry`]: the one error shape |
//! | [`per_node`] | [`PerNode`]: one answer or one error for each node asked |
//! | [`clock`] | [`Clock`], and [`SystemClock`] behind the feature `tokio` |
//! | [`deadline`] | [`within`]: every wait is bounded (feature `tokio`) |
//! | [`atomic_file`] | [`AtomicFile`]: temp file, fsync, rename |
//! | [`suggest`] | [`nearest`]: "did you mean" |

pub mod atomic_file;
pub mod clock;
#[cfg(feature = "tokio")]
pub mod deadline;
pub mod error;
pub mod per_node;
pub mod suggest;

pub use atomic_file::AtomicFile;
pub use clock::Clock;
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
#[cfg(feature = "tokio")]
pub use deadline::within;
pub use error::{Error, ErrorKind, Location, Result, Retry, Sent};
pub use per_node::PerNode;
pub use secrecy::{ExposeSecret, SecretString};
pub use suggest::nearest;
