//! Many rows of one flat type, converted when somebody looks.

use homelab_bindings::Rows as Core;
use homelab_bindings::rows::{Cell, Column};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error::raise;

/// Many rows of one flat type.
#[pyclass(frozen, module = "homelab_sdk._native")]
pub(crate) struct Rows(pub(crate) Core);

impl Rows {
    fn columns(&self, py: Python<'_>) -> PyResult<&[Column]> {
        // The first look makes them, which takes some milliseconds for many rows.
        py.detach(|| self.0.columns()).map_err(|e| raise(py, &e))
    }
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The names of the fields, in order.
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let columns = self.columns(py)?;
        PyTuple::new(py, columns.iter().map(|c| PyString::intern(py, c.name)))
    }

    /// One value.
    fn cell<'py>(&self, py: Python<'py>, row: usize, column: usize) -> PyResult<Bound<'py, PyAny>> {
        let columns = match self.0.columns() {
            Ok(columns) => columns,
            Err(error) => return Err(raise(py, &error)),
        };
        match columns.get(column) {
            Some(column) => value(py, column.cells.get(row)),
            None => Err(PyIndexError::new_err("no such column")),
        }
    }

    /// Everything as dictionaries.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let columns = self.columns(py)?;
        let names: Vec<_> = columns
            .iter()
            .map(|c| PyString::intern(py, c.name))
            .collect();
        let out = PyList::empty(py);
        for row in 0..self.0.len() {
            let dict = PyDict::new(py);
            for (name, column) in names.iter().zip(columns) {
                dict.set_item(name, value(py, column.cells.get(row))?)?;
            }
            out.append(dict)?;
        }
        Ok(out)
    }
}

fn value<'py>(py: Python<'py>, cell: Cell<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match cell {
        Cell::Absent => py.None().into_bound(py),
        Cell::Truth(truth) => PyBool::new(py, truth).to_owned().into_any(),
        Cell::Whole(number) => PyInt::new(py, number).into_any(),
        Cell::Number(number) => PyFloat::new(py, number).into_any(),
        Cell::Text(text) => PyString::new(py, text).into_any(),
        Cell::List(list) => PyTuple::new(py, list)?.into_any(),
    })
}
