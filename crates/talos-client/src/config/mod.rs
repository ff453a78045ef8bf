//! talosconfig: where it is found, what it says, what its certificate allows.
//!
//! Nothing is created or migrated unless [`TalosConfig::write`] is called, and
//! nothing is connected to.

mod certificate;
mod context;
mod endpoint;
mod file;
mod search;
mod write;

pub use certificate::ContextInfo;
pub(crate) use context::Auth;
pub use context::Context;
pub use endpoint::EndpointAddress;
pub use file::TalosConfig;
pub(crate) use search::talos_home;
pub(crate) use write::write_secret;

#[cfg(test)]
mod tests;
