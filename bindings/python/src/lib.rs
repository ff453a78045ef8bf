//! homelab-sdk for Python: handles, streams, cancellation and errors, and
//! nothing else. The classes that users see are generated Python code in
//! `python/homelab_sdk`, which calls these by method name.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs` | `Handle`: `call` (sync), `call_async`, `call_now` |
//! | `rows.rs` | `Rows`: cells of a large answer, converted when somebody looks |
//! | `stream.rs` | `Stream`: `next`, `next_async`, `close` |
//! | `rt.rs` | the tokio runtime; sync waits that Ctrl-C ends; awaits that abort when dropped |
//! | `error.rs` | an error becomes the exception class of its kind |

#![allow(
    unsafe_code,
    reason = "pyo3's macros expand to it; none is written here"
)]

mod error;
mod handle;
mod rows;
mod rt;
mod stream;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::handle::Handle;
    #[pymodule_export]
    use super::rows::Rows;
    #[pymodule_export]
    use super::stream::Stream;
    #[pymodule_export]
    use super::version;
}

/// The version of the SDK.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
