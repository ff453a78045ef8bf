//! The tokio runtime, and the two ways to wait on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How often a sync call looks whether Ctrl-C was pressed.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// The runtime and the process that it was made in.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);

/// The runtime of this process.
///
/// Worker threads do not survive a `fork()`: a child gets a runtime of its
/// own. The parent's is leaked there, as its threads cannot be joined.
pub(crate) fn runtime() -> PyResult<&'static Runtime> {
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = *slot
        && owner == process
    {
        return Ok(runtime);
    }
    // One is enough: answers are decoded on the threads that wait for them, and
    // a second would be woken for nothing with every packet.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("homelab-sdk")
        .build()
        .map_err(|e| PyRuntimeError::new_err(format!("no threads for homelab_sdk: {e}")))?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *slot = Some((process, runtime));
    Ok(runtime)
}

/// Runs `future` on the calling thread, without the GIL.
///
/// Ctrl-C drops the future within [`SIGNAL_CHECK`] and raises
/// `KeyboardInterrupt`.
pub(crate) fn block_on<T: Send>(
    py: Python<'_>,
    future: impl Future<Output = T> + Send,
) -> PyResult<T> {
    let runtime = runtime()?;
    py.detach(|| {
        let mut future = Box::pin(future);
        loop {
            let slice = async { tokio::time::timeout(SIGNAL_CHECK, &mut future).await };
            if let Ok(output) = runtime.block_on(slice) {
                return Ok(output);
            }
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the method alone is not general over lifetimes"
            )]
            Python::attach(|py| py.check_signals())?;
        }
    })
}

/// Runs `future` on the runtime; dropping what is returned aborts it.
///
/// A pyo3 coroutine drops its future when asyncio cancels the task, so that a
/// cancelled task is a cancelled request.
pub(crate) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> PyResult<Spawned<T>> {
    Ok(Spawned(runtime()?.spawn(future)))
}

/// A task of the runtime that ends with its owner.
pub(crate) struct Spawned<T>(JoinHandle<T>);

impl<T> Future for Spawned<T> {
    type Output = PyResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|joined| joined.map_err(|e| PyRuntimeError::new_err(format!("homelab_sdk: {e}"))))
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
