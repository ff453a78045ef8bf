//! Results and errors as data.

use homelab_bindings::Reply;
use homelab_core::Result;
use napi::bindgen_prelude::Either5;
use napi_derive::napi;

use crate::handle::Handle;
use crate::rows::Rows;
use crate::stream::Stream;

/// A failure: `ErrorData` as JSON text.
#[napi]
#[derive(Debug)]
pub struct Failure(String);

#[napi]
impl Failure {
    /// `ErrorData` as JSON text.
    #[napi(getter)]
    pub fn json(&self) -> &str {
        &self.0
    }
}

/// What a call gives: JSON text, a handle, a stream, rows, or how it failed.
pub(crate) type Outcome = Either5<String, Handle, Stream, Rows, Failure>;

pub(crate) fn outcome(result: Result<Reply>) -> Outcome {
    match result {
        Ok(Reply::Json(text)) => Either5::A(text),
        Ok(Reply::Handle(handle)) => Either5::B(Handle(handle)),
        Ok(Reply::Stream(stream)) => Either5::C(Stream(stream)),
        Ok(Reply::Rows(rows)) => Either5::D(Rows(rows)),
        Err(error) => Either5::E(failure(&error)),
    }
}

pub(crate) fn failure(error: &homelab_core::Error) -> Failure {
    // Plain data; if it ever failed, the reader finds no code and says so.
    Failure(serde_json::to_string(&error.to_data()).unwrap_or_default())
}
