//! The secrets of a cluster, and what can be made of them without one: a new
//! cluster's CAs and tokens, client certificates, a talosconfig.
//!
//! | file | what |
//! |---|---|
//! | `bundle.rs` | `secrets.yaml`: read, write, describe |
//! | `generate.rs` | a new cluster's secrets |
//! | `issue.rs` | a client certificate, signed here |
//! | `authority.rs` | keys and certificates |
//! | `der.rs` | the bytes of a client certificate |
//!
//! Nothing here connects. What is made carries the algorithms, lifetimes and
//! usages that Talos itself gives.

mod authority;
mod bundle;
mod der;
mod generate;
mod issue;

pub use authority::KeyPair;
pub use bundle::SecretsBundle;
pub use generate::ServiceAccountKey;
pub use issue::{ClientCertificate, ClientCertificateOptions};

#[cfg(test)]
mod tests;
