//! One thing with methods, called by name.

use std::task::{Context, Poll, Waker};

use homelab_bindings::{Args, Handle as Core, Reply};
use homelab_core::{Error, ErrorKind, Result};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use crate::cancel::{Cancel, unless_cancelled};
use crate::outcome::{Outcome, outcome};

/// One thing with methods, called by name with a JSON object of arguments.
#[napi]
#[derive(Debug)]
pub struct Handle(pub(crate) Core);

#[napi]
impl Handle {
    /// The handle to start from.
    #[napi(factory)]
    pub fn root() -> Self {
        Handle(Core::root())
    }

    /// Calls; never rejects, as a failure is a value.
    #[napi(ts_return_type = "Promise<string | Handle | Stream | Rows | Failure>")]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        method: String,
        args: String,
        cancel: Option<&Cancel>,
    ) -> napi::Result<PromiseRaw<'env, Outcome>> {
        let call = unless_cancelled(
            cancel.map(Cancel::token),
            call(self.0.clone(), method, args),
        );
        env.spawn_future_with_callback(async { Ok(call.await) }, |_, result| Ok(outcome(result)))
    }

    /// Calls a method that never waits, such as reading what is in memory.
    #[napi]
    pub fn call_now(&self, method: String, args: String) -> Outcome {
        let mut call = Box::pin(call(self.0.clone(), method, args));
        outcome(
            match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(Error::new(ErrorKind::Internal, "it would wait")),
            },
        )
    }

    /// Lets go of what the handle holds.
    #[napi]
    pub fn close(&self) {
        napi::bindgen_prelude::within_runtime_if_available(|| self.0.close());
    }
}

async fn call(handle: Core, method: String, args: String) -> Result<Reply> {
    handle.call(&method, Args::parse(&args)?).await
}
