//! Items, one at a time.

use homelab_bindings::Stream as Core;
use pyo3::prelude::*;

use crate::error::raise;
use crate::rt;

/// Items as JSON text, one at a time; `None` is the end.
#[pyclass(frozen, module = "homelab_sdk._native")]
pub(crate) struct Stream(pub(crate) Core);

#[pymethods]
impl Stream {
    /// Waits for the next item, without the GIL.
    fn next(&self, py: Python<'_>) -> PyResult<Option<String>> {
        rt::block_on(py, self.0.next())?.map_err(|e| raise(py, &e))
    }

    /// Awaits the next item.
    async fn next_async(&self) -> PyResult<Option<String>> {
        let stream = self.0.clone();
        let item = rt::spawn(async move { stream.next().await })?.await?;
        item.map_err(|e| Python::attach(|py| raise(py, &e)))
    }

    /// Ends the stream now, on the wire too.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let _context = rt::runtime()?.enter();
        py.detach(|| self.0.close());
        Ok(())
    }
}
