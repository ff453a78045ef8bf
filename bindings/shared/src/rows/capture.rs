//! From rows to columns: a serializer that writes no text, but takes each
//! field to its column.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeSeq, SerializeStruct};

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

/// The columns of `rows`.
pub(super) fn columns<T: Serialize>(rows: &[T]) -> Result<Vec<Column>, NotFlat> {
    let mut columns = Vec::new();
    for (row, value) in rows.iter().enumerate() {
        value.serialize(RowTaker {
            columns: &mut columns,
            row,
        })?;
    }
    for column in &mut columns {
        column.cells.reach(rows.len());
    }
    Ok(columns)
}

struct RowTaker<'a> {
    columns: &'a mut Vec<Column>,
    row: usize,
}

struct Fields<'a> {
    columns: &'a mut Vec<Column>,
    row: usize,
    next: usize,
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotFlat> {
        // Fields come in one order; only a skipped one makes us look.
        let expected = self.columns.get(self.next).is_some_and(|c| c.name == name);
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
        let Some(column) = self.columns.get_mut(place) else {
            return Ok(());
        };
        column.cells.reach(self.row);
        value
            .serialize(CellTaker(&mut column.cells))
            .map_err(|e| NotFlat(format!("field {name} of row {}: {e}", self.row)))
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

struct CellTaker<'a>(&'a mut Cells);

impl From<Mixed> for NotFlat {
    fn from(_: Mixed) -> Self {
        NotFlat("its values are of several kinds".into())
    }
}

fn nested<T>(what: &str) -> Result<T, NotFlat> {
    Err(NotFlat(format!("{what} is no flat value")))
}

/// The texts of a list.
struct ListTaker<'a> {
    cells: &'a mut Cells,
    list: Vec<String>,
}

impl SerializeSeq for ListTaker<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), NotFlat> {
        self.list.push(item.serialize(TextTaker)?);
        Ok(())
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(self.cells.push_list(self.list)?)
    }
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

    fn serialize_seq(self, length: Option<usize>) -> Result<ListTaker<'a>, NotFlat> {
        Ok(ListTaker {
            cells: self.0,
            list: Vec::with_capacity(length.unwrap_or(0)),
        })
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

/// What is not what its place wants.
macro_rules! nothing_but {
    ($ok:ty, $wanted:literal: $($method:ident $type:ty),+) => {$(
        fn $method(self, _: $type) -> Result<$ok, NotFlat> {
            nested(concat!("what is no ", $wanted))
        }
    )+};
}

/// Takes one text.
struct TextTaker;

impl ser::Serializer for TextTaker {
    type Ok = String;
    type Error = NotFlat;
    type SerializeSeq = Impossible<String, NotFlat>;
    type SerializeTuple = Impossible<String, NotFlat>;
    type SerializeTupleStruct = Impossible<String, NotFlat>;
    type SerializeTupleVariant = Impossible<String, NotFlat>;
    type SerializeMap = Impossible<String, NotFlat>;
    type SerializeStruct = Impossible<String, NotFlat>;
    type SerializeStructVariant = Impossible<String, NotFlat>;

    nothing_but!(String, "text": serialize_bool bool, serialize_i8 i8, serialize_i16 i16,
        serialize_i32 i32, serialize_i64 i64, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64);

    fn serialize_char(self, c: char) -> Result<String, NotFlat> {
        Ok(c.to_string())
    }

    fn serialize_str(self, text: &str) -> Result<String, NotFlat> {
        Ok(text.to_owned())
    }

    fn serialize_none(self) -> Result<String, NotFlat> {
        nested("an absent item")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, NotFlat> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<String, NotFlat> {
        nested("an absent item")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        word: &'static str,
    ) -> Result<String, NotFlat> {
        Ok(word.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, NotFlat> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotFlat> {
        nested("a list in a list")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, NotFlat> {
        nested("a struct")
    }

    refuse!(String);
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

    nothing_but!((), "row": serialize_bool bool, serialize_i8 i8, serialize_i16 i16,
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

#[cfg(test)]
mod tests {
    use super::super::{Cell, Rows};
    use serde::Serialize;

    #[derive(Clone, Default, Serialize)]
    struct Row {
        id: String,
        kind: &'static str,
        vmid: Option<u32>,
        load: Option<f64>,
        template: Option<bool>,
        tags: Vec<String>,
        never: Option<String>,
    }

    #[derive(Serialize)]
    struct Nested {
        inner: Row,
    }

    fn rows() -> Vec<Row> {
        (0..2_000)
            .map(|n| Row {
                id: format!("qemu/ä{n}"),
                kind: if n % 2 == 0 { "qemu" } else { "lxc" },
                vmid: (n % 3 != 0).then_some(n),
                load: (n % 5 != 0).then(|| f64::from(n) / 8.0),
                template: (n % 7 != 0).then_some(n % 2 == 1),
                tags: (0..n % 4).map(|t| format!("t{t}")).collect(),
                never: None,
            })
            .collect()
    }

    #[test]
    fn every_cell_is_what_the_row_said() {
        let (rows, block) = (rows(), Rows::new(rows()));
        let columns = block.columns().unwrap();
        let names: Vec<_> = columns.iter().map(|c| c.name).collect();
        assert_eq!(
            names,
            ["id", "kind", "vmid", "load", "template", "tags", "never"]
        );
        for (n, row) in rows.iter().enumerate() {
            let cell = |column: usize| columns[column].cells.get(n);
            assert_eq!(cell(0), Cell::Text(&row.id));
            assert_eq!(cell(1), Cell::Text(row.kind));
            let vmid = row.vmid.map_or(Cell::Absent, |v| Cell::Whole(v.into()));
            assert_eq!(cell(2), vmid);
            assert_eq!(cell(3), row.load.map_or(Cell::Absent, Cell::Number));
            assert_eq!(cell(4), row.template.map_or(Cell::Absent, Cell::Truth));
            assert_eq!(cell(5), Cell::List(&row.tags));
            assert_eq!(cell(6), Cell::Absent);
        }
        assert_eq!(columns[0].cells.get(rows.len()), Cell::Absent);
    }

    #[test]
    fn ends_are_counted_as_javascript_counts() {
        let block = Rows::new(rows());
        let super::super::Cells::Texts(texts) = &block.columns().unwrap()[0].cells else {
            panic!("ids repeat?");
        };
        let ends = texts.ends_utf16();
        let units: Vec<u16> = texts.text.encode_utf16().collect();
        let second = &units[ends[0] as usize..ends[1] as usize];
        assert_eq!(String::from_utf16(second).unwrap(), "qemu/ä1");
    }

    #[test]
    fn a_type_that_is_not_flat_says_so() {
        let block = Rows::new(vec![Nested {
            inner: Row::default(),
        }]);
        let error = block.columns().unwrap_err();
        assert!(error.message().contains("field inner of row 0"), "{error}");
        assert!(block.json().unwrap().starts_with("[{\"inner\""));
    }
}
