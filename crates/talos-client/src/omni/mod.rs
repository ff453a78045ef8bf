//! Calls to Omni, which are signed one by one instead of carried by a client
//! certificate.
//!
//! A context with `auth.siderov1` names an identity. Each call then carries the
//! time, the headers that count as JSON, and a PGP signature of that JSON
//! (`x-sidero-timestamp`, `x-sidero-payload`, `x-sidero-signature`); Omni allows
//! clocks to differ by five minutes.
//!
//! | file | what |
//! |---|---|
//! | `find.rs` | which key: a service account's, or the one that a login left behind |
//! | `key.rs` | an armored private key: Ed25519, version 4, without a passphrase |
//! | `packet.rs` | PGP's packets and numbers, read |
//! | `signature.rs` | a detached signature, written |
//! | `sign.rs` | the headers of a call |
//!
//! Logging in needs a browser and is not done here.

mod find;
mod key;
mod packet;
mod sign;
mod signature;

pub(crate) use find::signer;
pub(crate) use key::SigningKey;
pub(crate) use sign::Signer;

#[cfg(test)]
mod tests;
