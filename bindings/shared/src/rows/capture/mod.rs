//! From rows to columns: serializers that write no text, but take each field
//! of a row to its column.
//!
//! | file | what |
//! |---|---|
//! | `row.rs` | a row: its fields, in order |
//! | `cell.rs` | a field: one value of a column |
//! | `item.rs` | a text in a list |

mod cell;
mod item;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::ser::{self, Serialize};

use super::columns::{Cells, Column, Mixed};

/// Why a row does not fit.
#[derive(Debug)]
pub(super) struct NotFlat(String);

impl fmt::Display for NotFlat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFlat {}

impl ser::Error for NotFlat {
    fn custom<T: fmt::Display>(text: T) -> Self {
        NotFlat(text.to_string())
    }
}

impl From<Mixed> for NotFlat {
    fn from(_: Mixed) -> Self {
        NotFlat("its values are of several kinds".into())
    }
}

/// Columns that grow row by row.
#[derive(Debug, Default)]
pub(super) struct Capture {
    columns: Vec<Column>,
    rows: usize,
}

impl Capture {
    /// Takes the next row.
    pub(super) fn push(&mut self, row: &impl Serialize) -> Result<(), NotFlat> {
        row.serialize(row::RowTaker::new(&mut self.columns, self.rows))?;
        self.rows += 1;
        Ok(())
    }

    /// How many rows there were, and their columns.
    pub(super) fn finish(mut self) -> (usize, Vec<Column>) {
        for column in &mut self.columns {
            column.cells.reach(self.rows);
        }
        (self.rows, self.columns)
    }
}

fn nested<T>(what: &str) -> Result<T, NotFlat> {
    Err(NotFlat(format!("{what} is no flat value")))
}

/// What no value of a row is.
macro_rules! refuse {
    ($ok:ty) => {
        fn serialize_bytes(self, _: &[u8]) -> Result<$ok, NotFlat> {
            nested("bytes")
        }
        fn serialize_unit_struct(self, _: &'static str) -> Result<$ok, NotFlat> {
            nested("a unit")
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<$ok, NotFlat> {
            nested("a variant")
        }
        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotFlat> {
            nested("a tuple")
        }
        fn serialize_tuple_struct(
            self,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleStruct, NotFlat> {
            nested("a tuple")
        }
        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, NotFlat> {
            nested("a variant")
        }
        fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotFlat> {
            nested("a map")
        }
        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, NotFlat> {
            nested("a variant")
        }
    };
}
use refuse;

/// What is not what its place wants.
macro_rules! nothing_but {
    ($wanted:literal: $($method:ident $type:ty),+) => {$(
        fn $method(self, _: $type) -> Result<(), NotFlat> {
            nested(concat!("what is no ", $wanted))
        }
    )+};
}
use nothing_but;
