//! The one dispatch table behind the Python and Node bindings.
//!
//! A binding holds [`Handle`]s and calls methods on them by name, with the
//! arguments as JSON: [`Handle::call`]. What comes back is JSON text, another
//! handle or a [`Stream`]. Every method is one match arm that calls the Rust
//! API; there is no logic here, no Python and no Node.
//!
//! The names are those of `bindings/api`, from which the classes of both
//! languages are generated; a test compares the two.
//!
//! # Cancellation
//! Dropping the future of [`Handle::call`] or [`Stream::next`] drops the call:
//! its request is reset on the wire.

mod args;
mod handle;
mod reply;
pub mod rows;
mod stream;

mod lab;
mod proxmox;
mod root;
mod simulator;
mod talos;

#[cfg(feature = "schema")]
pub mod schema;

pub use args::Args;
pub use handle::Handle;
pub use reply::Reply;
pub use rows::Rows;
pub use stream::Stream;
