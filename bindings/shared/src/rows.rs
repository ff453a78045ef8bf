//! Many rows of one flat type, kept as they were decoded, and turned into the
//! columns from which both languages make their values.
//!
//! A text for each row, parsed again on the other side, costs more than the
//! request and its decoding together. Rows cross as a handful of columns
//! instead: numbers as they are, texts that repeat as a dictionary with an
//! index, other texts as one text with their ends.

mod capture;
mod columns;

use std::fmt;
use std::sync::{Arc, OnceLock};

use homelab_core::{Error, ErrorKind, Result};
use serde::Serialize;

pub use columns::{Cell, Cells, Column};

use crate::reply::json;

/// Rows of one flat type: fields are texts, numbers, truth values, lists of
/// texts, or absent. Clones share them.
#[derive(Clone)]
pub struct Rows(Arc<Block>);

struct Block {
    source: Box<dyn Source>,
    /// Made when somebody looks.
    columns: OnceLock<Vec<Column>>,
}

/// The rows as they came.
trait Source: Send + Sync {
    fn len(&self) -> usize;
    fn columns(&self) -> Result<Vec<Column>>;
    fn json(&self) -> Result<String>;
}

impl<T: Serialize + Send + Sync> Source for Vec<T> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn columns(&self) -> Result<Vec<Column>> {
        capture::columns(self).map_err(|e| {
            Error::new(
                ErrorKind::Internal,
                format!("rows cannot become columns: {e}"),
            )
        })
    }

    fn json(&self) -> Result<String> {
        json(self)
    }
}

impl Rows {
    /// Takes rows.
    pub(crate) fn new<T: Serialize + Send + Sync + 'static>(rows: Vec<T>) -> Self {
        Rows(Arc::new(Block {
            source: Box::new(rows),
            columns: OnceLock::new(),
        }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.source.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns, in the order of the type's fields.
    ///
    /// # Errors
    /// `Internal` when the type is not flat, which no test has met then.
    pub fn columns(&self) -> Result<&[Column]> {
        if let Some(columns) = self.0.columns.get() {
            return Ok(columns);
        }
        let columns = self.0.source.columns()?;
        Ok(self.0.columns.get_or_init(|| columns))
    }

    /// All rows as one JSON list.
    ///
    /// # Errors
    /// `Internal`, never met.
    pub fn json(&self) -> Result<String> {
        self.0.source.json()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("len", &self.len()).finish()
    }
}
