//! Items, one at a time.

use homelab_bindings::Stream as Core;
use napi::Env;
use napi::bindgen_prelude::{Either3, Null, PromiseRaw};
use napi_derive::napi;

use crate::cancel::{Cancel, unless_cancelled};
use crate::outcome::{Failure, failure};

/// Items as JSON text, one at a time; `null` is the end.
#[napi]
#[derive(Debug)]
pub struct Stream(pub(crate) Core);

#[napi]
impl Stream {
    /// The next item; never rejects, as a failure is a value.
    #[napi(ts_return_type = "Promise<string | null | Failure>")]
    pub fn next<'env>(
        &self,
        env: &'env Env,
        cancel: Option<&Cancel>,
    ) -> napi::Result<PromiseRaw<'env, Either3<String, Null, Failure>>> {
        let stream = self.0.clone();
        let next = unless_cancelled(
            cancel.map(Cancel::token),
            async move { stream.next().await },
        );
        env.spawn_future_with_callback(async { Ok(next.await) }, |_, result| {
            Ok(match result {
                Ok(Some(item)) => Either3::A(item),
                Ok(None) => Either3::B(Null),
                Err(error) => Either3::C(failure(&error)),
            })
        })
    }

    /// Ends the stream now, on the wire too.
    #[napi]
    pub fn close(&self) {
        napi::bindgen_prelude::within_runtime_if_available(|| self.0.close());
    }
}
