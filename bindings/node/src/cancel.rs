//! What an `AbortSignal` pulls.

use homelab_core::{Error, ErrorKind, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

/// Ends the call that it was given to: the call's future is dropped, its
/// request reset on the wire.
#[napi]
#[derive(Debug, Default)]
pub struct Cancel(CancellationToken);

#[napi]
impl Cancel {
    /// A fresh one; `signal.addEventListener('abort', ...)` calls `cancel()`.
    #[napi(constructor)]
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Ends the call.
    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// `call`, unless cancelled first.
pub(crate) async fn unless_cancelled<T>(
    cancel: Option<CancellationToken>,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(cancel) = cancel else {
        return call.await;
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the caller cancelled")),
        result = call => result,
    }
}

impl Cancel {
    pub(crate) fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}
