//! One thing with methods, called by name.

use std::task::{Context, Poll, Waker};

use homelab_bindings::{Args, Handle as Core, Reply as CoreReply};
use homelab_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;

use crate::error::raise;
use crate::rows::Rows;
use crate::rt;
use crate::stream::Stream;

/// One thing with methods, called by name with a JSON object of arguments.
#[pyclass(frozen, module = "homelab_sdk._native")]
pub(crate) struct Handle(Core);

/// What a call gives back: JSON text, a handle, a stream or rows.
#[derive(IntoPyObject)]
pub(crate) enum Reply {
    Json(String),
    Handle(Handle),
    Stream(Stream),
    Rows(Rows),
}

#[pymethods]
impl Handle {
    /// The handle to start from.
    #[staticmethod]
    fn root() -> Self {
        Handle(Core::root())
    }

    /// Calls and waits, without the GIL.
    fn call(&self, py: Python<'_>, method: String, args: String) -> PyResult<Reply> {
        let result = rt::block_on(py, call(self.0.clone(), method, args))?;
        reply(py, result)
    }

    /// Calls; the coroutine's cancellation is the call's.
    async fn call_async(&self, method: String, args: String) -> PyResult<Reply> {
        let result = rt::spawn(call(self.0.clone(), method, args))?.await?;
        Python::attach(|py| reply(py, result))
    }

    /// Calls a method that never waits, such as reading what is in memory.
    fn call_now(&self, py: Python<'_>, method: String, args: String) -> PyResult<Reply> {
        let result = py.detach(|| {
            let mut call = Box::pin(call(self.0.clone(), method, args));
            match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(Error::new(ErrorKind::Internal, "it would wait")),
            }
        });
        reply(py, result)
    }

    /// Lets go of what the handle holds.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let _context = rt::runtime()?.enter();
        py.detach(|| self.0.close());
        Ok(())
    }
}

async fn call(handle: Core, method: String, args: String) -> Result<CoreReply> {
    handle.call(&method, Args::parse(&args)?).await
}

fn reply(py: Python<'_>, result: Result<CoreReply>) -> PyResult<Reply> {
    match result {
        Ok(CoreReply::Json(text)) => Ok(Reply::Json(text)),
        Ok(CoreReply::Handle(handle)) => Ok(Reply::Handle(Handle(handle))),
        Ok(CoreReply::Stream(stream)) => Ok(Reply::Stream(Stream(stream))),
        Ok(CoreReply::Rows(rows)) => Ok(Reply::Rows(Rows(rows))),
        Err(error) => Err(raise(py, &error)),
    }
}
