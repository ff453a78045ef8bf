//! Lists of rows without the rows: each field goes to a [`Sink`] as it is read.
//!
//! Ten thousand structs with a few texts each cost more to make and to drop
//! than to read. Who wants columns (the bindings do) takes the fields as they
//! come; what a value may look like is the same as for the structs.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::row::{Key, Opt, Read, Req, Row, Seen, Words, twice};
use crate::text_enum::TextEnum;
use crate::tolerant::{LenientVisitor, Scalar};

/// What takes the fields of rows, row by row: each field once in a row, in any
/// order. Fields are numbered in the order of [`Columnar::FIELDS`].
pub trait Sink {
    /// There is none.
    fn absent(&mut self, field: usize);
    /// A truth value.
    fn truth(&mut self, field: usize, truth: bool);
    /// A whole number.
    fn whole(&mut self, field: usize, number: i64);
    /// A number.
    fn number(&mut self, field: usize, number: f64);
    /// A text.
    fn text(&mut self, field: usize, text: &str);
    /// A list of texts.
    fn list<'a>(&mut self, field: usize, items: impl Iterator<Item = &'a str>);
}

/// A row of flat fields.
pub trait Columnar: Row {
    /// Their names.
    const FIELDS: &'static [&'static str];

    /// Takes the value of `key` to its field; `false` when the key is unknown
    /// and the value is still there.
    ///
    /// # Errors
    /// As [`Row::take`].
    fn take_cell<'de, A: MapAccess<'de>, S: Sink>(
        key: &str,
        map: &mut A,
        seen: &mut Seen,
        sink: &mut S,
    ) -> Result<bool, A::Error>;

    /// Takes the fields that were not there to their cells.
    fn leave_out<S: Sink>(seen: Seen, sink: &mut S);
}

/// Decodes a list of rows into `sink` and tells how many there were; `null` is
/// an empty one.
///
/// # Errors
/// As for a list of the rows themselves.
pub fn decode_cells<'de, T: Columnar, D: Deserializer<'de>>(
    deserializer: D,
    sink: &mut impl Sink,
) -> Result<usize, D::Error> {
    deserializer.deserialize_any(List::<T, _>(sink, PhantomData))
}

struct List<'a, T, S>(&'a mut S, PhantomData<T>);

impl<'de, T: Columnar, S: Sink> Visitor<'de> for List<'_, T, S> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while rows
            .next_element_seed(Cells::<T, S>(&mut *self.0, PhantomData))?
            .is_some()
        {
            count += 1;
        }
        Ok(count)
    }
}

/// One row.
struct Cells<'a, T, S>(&'a mut S, PhantomData<T>);

impl<'de, T: Columnar, S: Sink> DeserializeSeed<'de> for Cells<'_, T, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Columnar, S: Sink> Visitor<'de> for Cells<'_, T, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if !T::take_cell(&key, &mut map, &mut seen, self.0)? {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        if let Some((name, _)) = T::REQUIRED.iter().find(|(_, field)| !seen.has(*field)) {
            return Err(A::Error::missing_field(name));
        }
        T::leave_out(seen, self.0);
        Ok(())
    }
}

/// A scalar that fits a cell.
pub trait Cell: Scalar {
    /// Gives it away.
    fn put(self, field: usize, sink: &mut impl Sink);

    /// Gives the value of a text away; `false` when it has none.
    fn put_text(text: &str, field: usize, sink: &mut impl Sink) -> bool {
        let value = Self::from_str(text);
        let fits = value.is_some();
        if let Some(value) = value {
            value.put(field, sink);
        }
        fits
    }
}

impl Cell for bool {
    fn put(self, field: usize, sink: &mut impl Sink) {
        sink.truth(field, self);
    }
}

impl Cell for f64 {
    fn put(self, field: usize, sink: &mut impl Sink) {
        sink.number(field, self);
    }
}

macro_rules! whole {
    ($($type:ty),+) => {$(
        impl Cell for $type {
            fn put(self, field: usize, sink: &mut impl Sink) {
                // Beyond what any counter here reaches.
                sink.whole(field, i64::try_from(self).unwrap_or(i64::MAX));
            }
        }
    )+};
}
whole!(u32, u64, i64);

impl Cell for String {
    fn put(self, field: usize, sink: &mut impl Sink) {
        sink.text(field, &self);
    }

    fn put_text(text: &str, field: usize, sink: &mut impl Sink) -> bool {
        sink.text(field, text);
        true
    }
}

impl<T: TextEnum> Cell for T {
    fn put(self, field: usize, sink: &mut impl Sink) {
        sink.text(field, self.as_str());
    }

    fn put_text(text: &str, field: usize, sink: &mut impl Sink) -> bool {
        sink.text(field, text);
        true
    }
}

/// A way of reading a field into its cell.
pub trait ReadCell<T>: Read<T> {
    /// Reads it.
    ///
    /// # Errors
    /// When the value has the wrong form.
    fn read_cell<'de, D: Deserializer<'de>>(
        deserializer: D,
        field: usize,
        sink: &mut impl Sink,
    ) -> Result<(), D::Error>;

    /// What a cell holds when there is no such field.
    fn leave_out(field: usize, sink: &mut impl Sink) {
        sink.absent(field);
    }
}

impl<T: Cell> ReadCell<T> for Req {
    fn read_cell<'de, D: Deserializer<'de>>(
        deserializer: D,
        field: usize,
        sink: &mut impl Sink,
    ) -> Result<(), D::Error> {
        Self::read(deserializer).map(|value: T| value.put(field, sink))
    }
}

impl<T: Cell> ReadCell<Option<T>> for Opt {
    fn read_cell<'de, D: Deserializer<'de>>(
        deserializer: D,
        field: usize,
        sink: &mut impl Sink,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_any(OptCell::<T, _>(field, sink, PhantomData))
    }
}

impl ReadCell<Vec<String>> for Words {
    fn read_cell<'de, D: Deserializer<'de>>(
        deserializer: D,
        field: usize,
        sink: &mut impl Sink,
    ) -> Result<(), D::Error> {
        let words = Self::read(deserializer)?;
        sink.list(field, words.iter().map(String::as_str));
        Ok(())
    }

    fn leave_out(field: usize, sink: &mut impl Sink) {
        sink.list(field, std::iter::empty());
    }
}

/// As [`LenientVisitor`], with texts that are not copied on the way.
struct OptCell<'a, T, S>(usize, &'a mut S, PhantomData<T>);

impl<T: Cell, S: Sink> OptCell<'_, T, S> {
    fn put(self, value: Option<T>) {
        match value {
            Some(value) => value.put(self.0, self.1),
            None => self.1.absent(self.0),
        }
    }
}

impl<'de, T: Cell, S: Sink> Visitor<'de> for OptCell<'_, T, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        LenientVisitor::new().visit_bool(value).map(|v| self.put(v))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        LenientVisitor::new().visit_i64(value).map(|v| self.put(v))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        LenientVisitor::new().visit_u64(value).map(|v| self.put(v))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        LenientVisitor::new().visit_f64(value).map(|v| self.put(v))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.trim_start().is_empty() {
            self.put(T::from_blank());
        } else if !T::put_text(text, self.0, self.1) {
            self.1.absent(self.0);
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.put(None);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        LenientVisitor::new().visit_seq(seq).map(|v| self.put(v))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        LenientVisitor::new().visit_map(map).map(|v| self.put(v))
    }
}

/// Reads the value of the current key into the cell of a field. `_of` tells
/// the field's type and is not called.
///
/// # Errors
/// When the value has the wrong form, or the field was there before.
pub fn fill_cell<'de, C: ReadCell<T>, R, T, A: MapAccess<'de>>(
    _of: fn(&R) -> &T,
    map: &mut A,
    key: &str,
    seen: &mut Seen,
    field: u8,
    sink: &mut impl Sink,
) -> Result<(), A::Error> {
    struct Seed<'a, C, T, S>(u8, &'a mut S, PhantomData<(C, T)>);

    impl<'de, C: ReadCell<T>, T, S: Sink> DeserializeSeed<'de> for Seed<'_, C, T, S> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            C::read_cell(deserializer, self.0.into(), self.1)
        }
    }

    if !seen.note(field) {
        return Err(twice(key));
    }
    map.next_value_seed(Seed::<C, T, _>(field, sink, PhantomData))
}

/// The cell of a field that was not there; see [`fill_cell`] for `_of`.
pub fn leave_cell<C: ReadCell<T>, R, T>(
    _of: fn(&R) -> &T,
    seen: Seen,
    field: u8,
    sink: &mut impl Sink,
) {
    if !seen.has(field) {
        C::leave_out(field.into(), sink);
    }
}

/// `Columnar` for generated structs; takes what [`row!`](crate::row::row) takes.
macro_rules! columnar {
    ($name:ident { $($($key:literal)|+ => $field:ident $reader:ident $number:literal,)* }) => {
        impl $crate::cells::Columnar for $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn take_cell<'de, A: serde::de::MapAccess<'de>, S: $crate::cells::Sink>(
                key: &str,
                map: &mut A,
                seen: &mut $crate::row::Seen,
                sink: &mut S,
            ) -> Result<bool, A::Error> {
                match key {
                    $($($key)|+ => {
                        let of: fn(&Self) -> &_ = |row| &row.$field;
                        $crate::cells::fill_cell::<$crate::row::$reader, _, _, _>(of, map, key, seen, $number, sink)?;
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            fn leave_out<S: $crate::cells::Sink>(seen: $crate::row::Seen, sink: &mut S) {
                $(
                    let of: fn(&Self) -> &_ = |row| &row.$field;
                    $crate::cells::leave_cell::<$crate::row::$reader, _, _>(of, seen, $number, sink);
                )*
            }
        }
    };
}
pub(crate) use columnar;
