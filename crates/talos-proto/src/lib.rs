//! The wire contract of the Talos and COSI APIs: messages, gRPC clients and,
//! with the feature `server`, server traits.
//!
//! `proto/` holds the contract for Talos v1.9 to v1.14, written in our own
//! words after the public API; `src/generated/` is made from it by
//! `cargo xtask codegen`. Nothing here connects, decides or retries: that is
//! the work of a client.
//!
//! Modules are named as the protobuf packages: [`machine`], [`cosi::resource`],
//! [`talos::resource::definitions`] (the specifications of resources; short:
//! [`definitions`]). Enums are `i32` in messages, because a newer server may
//! send values that this release does not know.
//!
//! ```
//! use talos_proto::cosi::resource::{EventType, WatchRequest};
//!
//! let request = WatchRequest {
//!     namespace: "cluster".into(),
//!     r#type: "Members.cluster.talos.dev".into(),
//!     api_version: 1,
//!     ..WatchRequest::default()
//! };
//! assert_eq!(request.api_version, 1);
//! assert_eq!(EventType::try_from(3), Ok(EventType::Bootstrapped));
//! ```

mod codec;

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    rustdoc::all,
    reason = "generated; documented as far as the .proto files are"
)]
#[rustfmt::skip]
mod generated;

pub use codec::Codec;
pub use generated::talos::resource::definitions;
pub use generated::*;
pub use {prost, prost_types};
