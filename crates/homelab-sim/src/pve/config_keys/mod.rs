//! The config of guests: flat keys whose values are property strings.
//!
//! | file | what |
//! |---|---|
//! | `schema` | which keys there are and what they may be |
//! | `property` | property strings, and the server's words about bad ones |
//! | `read` | from a guest to its keys |
//! | `write` | from a key and its value to the guest |
//! | `disks` | disks: allocated, attached, detached |

pub(super) mod disks;
pub(super) mod property;
pub(super) mod read;
pub(super) mod schema;
pub(super) mod write;
