//! What changes a machine: power, reset, configuration, install and upgrade,
//! services, its META partition.
//!
//! Nothing here is ever sent twice: when the connection breaks under such a call,
//! the error says that it may have been sent, and the node has to be looked at.
//! What cannot be undone has no default: its options must be spelled out.

mod configuration;
mod installer;
mod meta;
mod power;
mod reset;
mod services;

pub use configuration::{
    AppliedConfiguration, ApplyMode, ApplyOptions, BootstrapOptions, ClientCredentials,
};
pub use installer::InstallOptions;
pub use power::{RebootMode, UpgradeOptions};
pub use reset::{ResetOptions, ResetScope};
