//! Results and errors as data.

use homelab_bindings::Reply;
use homelab_core::Result;
use napi::bindgen_prelude::Either4;
use napi_derive::napi;

use crate::handle::Handle;
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

/// What a call gives: JSON text, a handle, a stream, or how it failed.
pub(crate) type Outcome = Either4<String, Handle, Stream, Failure>;

pub(crate) fn outcome(result: Result<Reply>) -> Outcome {
    match result {
        Ok(Reply::Json(text)) => Either4::A(text),
        Ok(Reply::Handle(handle)) => Either4::B(Handle(handle)),
        Ok(Reply::Stream(stream)) => Either4::C(Stream(stream)),
        Err(error) => Either4::D(failure(&error)),
    }
}

pub(crate) fn failure(error: &homelab_core::Error) -> Failure {
    // Plain data; if it ever failed, the reader finds no code and says so.
    Failure(serde_json::to_string(&error.to_data()).unwrap_or_default())
}
