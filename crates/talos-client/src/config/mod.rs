//! talosconfig: where it is found, what it says, what its certificate allows.
//!
//! Only reading happens here; nothing is created, migrated or connected to.

mod certificate;
mod context;
mod endpoint;
mod file;
mod search;

pub use certificate::ContextInfo;
pub(crate) use context::Auth;
pub use context::Context;
pub use endpoint::EndpointAddress;
pub use file::TalosConfig;

#[cfg(test)]
mod tests;
