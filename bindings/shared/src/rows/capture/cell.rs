//! A field: one value of a column.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeSeq};

use super::item::ItemTaker;
use super::{Cells, NotFlat, nested, refuse};
use crate::rows::columns::Key;

/// Takes the value of one field.
pub(super) struct CellTaker<'a>(pub(super) &'a mut Cells);

/// Takes the texts of a list.
pub(super) struct ListTaker<'a> {
    cells: &'a mut Cells,
    key: Key,
}

impl SerializeSeq for ListTaker<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), NotFlat> {
        item.serialize(ItemTaker(&mut self.key))
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(self.cells.push_list(self.key)?)
    }
}

/// Where whole numbers of every size go.
macro_rules! whole {
    ($($method:ident $type:ty),+) => {$(
        fn $method(self, number: $type) -> Result<(), NotFlat> {
            self.whole(i64::from(number))
        }
    )+};
}

impl CellTaker<'_> {
    fn whole(self, number: i64) -> Result<(), NotFlat> {
        Ok(self.0.push_whole(number)?)
    }
}

impl<'a> ser::Serializer for CellTaker<'a> {
    type Ok = ();
    type Error = NotFlat;
    type SerializeSeq = ListTaker<'a>;
    type SerializeTuple = Impossible<(), NotFlat>;
    type SerializeTupleStruct = Impossible<(), NotFlat>;
    type SerializeTupleVariant = Impossible<(), NotFlat>;
    type SerializeMap = Impossible<(), NotFlat>;
    type SerializeStruct = Impossible<(), NotFlat>;
    type SerializeStructVariant = Impossible<(), NotFlat>;

    fn serialize_bool(self, truth: bool) -> Result<(), NotFlat> {
        Ok(self.0.push_truth(truth)?)
    }

    whole!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32);

    fn serialize_u64(self, number: u64) -> Result<(), NotFlat> {
        // Beyond what any counter here reaches.
        self.whole(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn serialize_f32(self, number: f32) -> Result<(), NotFlat> {
        Ok(self.0.push_number(f64::from(number))?)
    }

    fn serialize_f64(self, number: f64) -> Result<(), NotFlat> {
        Ok(self.0.push_number(number)?)
    }

    fn serialize_char(self, c: char) -> Result<(), NotFlat> {
        Ok(self.0.push_text(c.encode_utf8(&mut [0; 4]))?)
    }

    fn serialize_str(self, text: &str) -> Result<(), NotFlat> {
        Ok(self.0.push_text(text)?)
    }

    fn serialize_none(self) -> Result<(), NotFlat> {
        self.0.push_absent();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotFlat> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        word: &'static str,
    ) -> Result<(), NotFlat> {
        self.serialize_str(word)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ListTaker<'a>, NotFlat> {
        let key = self.0.list_key();
        Ok(ListTaker { cells: self.0, key })
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), NotFlat>, NotFlat> {
        nested("a struct")
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), NotFlat> {
        self.serialize_str(&value.to_string())
    }

    refuse!(());
}
