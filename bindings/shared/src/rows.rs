//! Many rows of one flat type, as the columns from which both languages make
//! their values.
//!
//! A text for each row, parsed again on the other side, costs more than the
//! request and its decoding together. Rows cross as a handful of columns
//! instead: numbers as they are, texts that repeat as a dictionary with an
//! index, other texts as one text with their ends.

mod columns;
mod dictionary;
#[cfg(test)]
mod tests;
mod texts;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use proxmox_endpoints::cells::{Columnar, decode_cells};
use serde::de::{Deserialize, Deserializer};

pub use columns::{Cell, Cells, Column};
pub use dictionary::{Lists, Words};
pub use texts::Texts;

/// Rows of one flat type: fields are texts, numbers, truth values, lists of
/// texts, or absent. Clones share them.
#[derive(Clone)]
pub struct Rows(Arc<Block>);

struct Block {
    rows: usize,
    columns: Vec<Column>,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns, in the order of the type's fields.
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("len", &self.len()).finish()
    }
}

/// A list of `T` that never exists: its fields go to their columns as they are
/// decoded.
#[derive(Debug)]
pub(crate) struct RowsOf<T> {
    pub(crate) rows: Rows,
    kind: PhantomData<T>,
}

impl<'de, T: Columnar> Deserialize<'de> for RowsOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut columns = columns::Growing::new(T::FIELDS);
        let rows = decode_cells::<T, D>(deserializer, &mut columns)?;
        let columns = columns.0;
        Ok(RowsOf {
            rows: Rows(Arc::new(Block { rows, columns })),
            kind: PhantomData,
        })
    }
}

/// Answers are bounded far below 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
