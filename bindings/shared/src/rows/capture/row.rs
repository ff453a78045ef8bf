//! A row: its fields, in order.

use serde::ser::{self, Impossible, Serialize, SerializeStruct};

use super::cell::CellTaker;
use super::{Cells, Column, NotFlat, nested, nothing_but, refuse};

/// Takes one row.
pub(super) struct RowTaker<'a> {
    columns: &'a mut Vec<Column>,
    row: usize,
}

impl<'a> RowTaker<'a> {
    pub(super) fn new(columns: &'a mut Vec<Column>, row: usize) -> Self {
        RowTaker { columns, row }
    }
}

/// Takes the fields of a row.
pub(super) struct Fields<'a> {
    columns: &'a mut Vec<Column>,
    row: usize,
    next: usize,
}

impl Fields<'_> {
    /// The column of a field. Fields come in one order; only a skipped one
    /// makes us look.
    fn column(&mut self, name: &'static str) -> Option<&mut Column> {
        let expected = self
            .columns
            .get(self.next)
            .is_some_and(|c| same(c.name, name));
        let place = if expected {
            self.next
        } else if let Some(place) = self.columns.iter().position(|c| c.name == name) {
            place
        } else {
            self.columns.push(Column {
                name,
                cells: Cells::Absent(self.row),
            });
            self.columns.len() - 1
        };
        self.next = place + 1;
        self.columns.get_mut(place)
    }
}

/// The names of a type's fields are mostly the very same texts.
fn same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other) || one == other
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotFlat> {
        let row = self.row;
        let Some(column) = self.column(name) else {
            return Ok(());
        };
        column.cells.reach(row);
        value
            .serialize(CellTaker(&mut column.cells))
            .map_err(|e| NotFlat(format!("field {name} of row {row}: {e}")))
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

impl<'a> ser::Serializer for RowTaker<'a> {
    type Ok = ();
    type Error = NotFlat;
    type SerializeSeq = Impossible<(), NotFlat>;
    type SerializeTuple = Impossible<(), NotFlat>;
    type SerializeTupleStruct = Impossible<(), NotFlat>;
    type SerializeTupleVariant = Impossible<(), NotFlat>;
    type SerializeMap = Impossible<(), NotFlat>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Impossible<(), NotFlat>;

    nothing_but!("row": serialize_bool bool, serialize_i8 i8, serialize_i16 i16,
        serialize_i32 i32, serialize_i64 i64, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64,
        serialize_char char, serialize_str &str);

    fn serialize_none(self) -> Result<(), NotFlat> {
        nested("an absent row")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotFlat> {
        nested("an absent row")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), NotFlat> {
        nested("a word")
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotFlat> {
        nested("a list")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, NotFlat> {
        Ok(Fields {
            columns: self.columns,
            row: self.row,
            next: 0,
        })
    }

    refuse!(());
}
