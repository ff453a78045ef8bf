//! An error becomes the exception class of its kind.

use homelab_core::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// `homelab_sdk._runtime.error_from_json`, which knows the classes.
static FROM_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception for `error`.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|broken| broken)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let data = serde_json::to_string(&error.to_data())
        .map_err(|e| pyo3::exceptions::PyRuntimeError::new_err(e.to_string()))?;
    let from_json = FROM_JSON.get_or_try_init(py, || {
        py.import("homelab_sdk._runtime")?
            .getattr("error_from_json")
            .map(Bound::unbind)
    })?;
    let exception = from_json.bind(py).call1((PyString::new(py, &data),))?;
    Ok(PyErr::from_value(exception))
}
