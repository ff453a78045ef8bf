//! Many rows of one flat type, converted when somebody looks.

use homelab_bindings::Rows as Core;
use homelab_bindings::rows::{Cell, Cells, Column};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// Many rows of one flat type.
#[pyclass(frozen, module = "homelab_sdk._native")]
pub(crate) struct Rows(pub(crate) Core);

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The names of the fields, in order.
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let columns = self.0.columns().iter();
        PyTuple::new(py, columns.map(|c| PyString::intern(py, c.name)))
    }

    /// One value.
    fn cell<'py>(&self, py: Python<'py>, row: usize, column: usize) -> PyResult<Bound<'py, PyAny>> {
        match self.0.columns().get(column) {
            Some(column) => value(py, column.cells.get(row)),
            None => Err(PyIndexError::new_err("no such column")),
        }
    }

    /// Everything as dictionaries.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let columns = self.0.columns().iter();
        let columns = columns
            .map(|column| Eager::new(py, column))
            .collect::<PyResult<Vec<_>>>()?;
        let out = PyList::empty(py);
        for row in 0..self.0.len() {
            let dict = PyDict::new(py);
            for column in &columns {
                dict.set_item(&column.name, column.value(py, row)?)?;
            }
            out.append(dict)?;
        }
        Ok(out)
    }
}

/// A column of which everything is wanted: what repeats is made once.
struct Eager<'a, 'py> {
    name: Bound<'py, PyString>,
    cells: &'a Cells,
    entries: Vec<Bound<'py, PyAny>>,
}

impl<'a, 'py> Eager<'a, 'py> {
    fn new(py: Python<'py>, column: &'a Column) -> PyResult<Self> {
        let entries = match &column.cells {
            Cells::Words(words) => {
                let words = words.values.iter();
                words.map(|w| value(py, Cell::Text(w))).collect()
            }
            Cells::Lists(lists) => {
                let lists = lists.values.iter();
                lists.map(|l| value(py, Cell::List(l))).collect()
            }
            _ => Ok(Vec::new()),
        };
        Ok(Eager {
            name: PyString::intern(py, column.name),
            cells: &column.cells,
            entries: entries?,
        })
    }

    fn value(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let place = match self.cells {
            Cells::Words(words) => words.index.get(row),
            Cells::Lists(lists) => lists.index.get(row),
            cells => return value(py, cells.get(row)),
        };
        let entry = place.and_then(|place| usize::try_from(place.checked_sub(1)?).ok());
        let entry = entry.and_then(|at| self.entries.get(at));
        Ok(entry.map_or_else(|| py.None().into_bound(py), Clone::clone))
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
