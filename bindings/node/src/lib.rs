//! homelab-sdk for Node: handles, streams, cancellation and errors, and
//! nothing else. The classes that users see are generated JavaScript in
//! `lib/`, which calls these by method name.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs` | `Handle`: `call` (a promise), `callNow` |
//! | `rows.rs` | `Rows`: the columns of a large answer |
//! | `stream.rs` | `Stream`: `next`, `close` |
//! | `cancel.rs` | `Cancel`: what an `AbortSignal` pulls |
//! | `outcome.rs` | results and errors as data: the JavaScript side throws, so that stacks begin in the user's code |

#![allow(
    unsafe_code,
    reason = "napi's macros expand to it; none is written here"
)]

mod cancel;
mod handle;
mod outcome;
mod rows;
mod stream;

use napi_derive::napi;

/// The version of the SDK.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
