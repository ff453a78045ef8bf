//! [`Row`]: objects in answers, decoded key by key.
//!
//! Written by hand rather than derived: with hundreds of types, the code that
//! serde's derive makes for each field is most of the compile time. A row
//! takes what it knows, skips what it does not, and lets a value of the wrong
//! form in an optional field count as absent: no schema promises the forms,
//! and one odd field must not cost the caller the whole answer. What it knows
//! must be there once: of two values nobody can say which is meant.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};

use crate::tolerant::{self, Scalar};

/// An object of an answer.
pub trait Row: Default {
    /// The fields without which it makes no sense, with their numbers.
    const REQUIRED: &'static [(&'static str, u8)];

    /// Takes the value of `key`, whose number goes to `seen`; `false` when the
    /// key is unknown and the value is still there.
    ///
    /// # Errors
    /// When a required value has the wrong form, a key occurs again, or the
    /// JSON ends.
    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        seen: &mut Seen,
    ) -> Result<bool, A::Error>;

    /// From a text, for objects that also come as property strings.
    fn from_text(_: &str) -> Option<Self> {
        None
    }
}

/// Which fields of a row there were, by number; a row has at most 64.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen(u64);

impl Seen {
    /// Notes a field; `false` when it was there before.
    pub(crate) fn note(&mut self, field: u8) -> bool {
        let bit = 1 << field;
        let fresh = self.0 & bit == 0;
        self.0 |= bit;
        fresh
    }

    pub(crate) fn has(self, field: u8) -> bool {
        self.0 & (1 << field) != 0
    }
}

/// Decodes a row.
///
/// # Errors
/// When the value is no object, a key occurs twice, or something required is
/// missing.
pub fn decode<'de, T: Row, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut row = T::default();
    Place(&mut row).deserialize(deserializer)?;
    Ok(row)
}

/// Decodes a list of rows, each where it stays: a row is several hundred bytes,
/// and a large answer has ten thousand of them.
///
/// # Errors
/// When the value is no list, or as [`decode`] for one of its rows.
pub fn decode_list<'de, T: Row, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);

    impl<'de, T: Row> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut rows = Vec::new();
            loop {
                rows.push(T::default());
                let next = rows.last_mut().map(Place);
                let Some(()) = next.map_or(Ok(None), |place| seq.next_element_seed(place))? else {
                    rows.pop();
                    return Ok(rows);
                };
            }
        }
    }

    deserializer.deserialize_seq(List(PhantomData))
}

/// A row that is there already, still empty.
struct Place<'a, T>(&'a mut T);

impl<'de, T: Row> DeserializeSeed<'de> for Place<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Row> Visitor<'de> for Place<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        *self.0 = T::from_text(text)
            .ok_or_else(|| E::invalid_type(serde::de::Unexpected::Str(text), &self))?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if !self.0.take(&key, &mut map, &mut seen)? {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        match T::REQUIRED.iter().find(|(_, field)| !seen.has(*field)) {
            Some((name, _)) => Err(A::Error::missing_field(name)),
            None => Ok(()),
        }
    }
}

/// A key, borrowed where the input allows it.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A way of reading a field.
pub trait Read<T> {
    /// Reads it.
    ///
    /// # Errors
    /// When the value has the wrong form.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Reads the value of the current key into `field`, whose number is `number`.
///
/// # Errors
/// When the value has the wrong form, or the field was there before.
pub fn fill<'de, C: Read<T>, T, A: MapAccess<'de>>(
    field: &mut T,
    map: &mut A,
    key: &str,
    seen: &mut Seen,
    number: u8,
) -> Result<(), A::Error> {
    struct Seed<C, T>(PhantomData<(C, T)>);

    impl<'de, C: Read<T>, T> DeserializeSeed<'de> for Seed<C, T> {
        type Value = T;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
            C::read(deserializer)
        }
    }

    if !seen.note(number) {
        return Err(twice(key));
    }
    *field = map.next_value_seed(Seed::<C, T>(PhantomData))?;
    Ok(())
}

#[cold]
pub(crate) fn twice<E: serde::de::Error>(key: &str) -> E {
    E::custom(format_args!("duplicate field `{key}`"))
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident<$t:ident: $bound:path> $type:ty = $with:path;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl<$t: $bound> Read<$type> for $name {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                $with(deserializer)
            }
        }
    )+};
}
readers! {
    /// A scalar that identifies the row.
    Req<T: Scalar> T = tolerant::req;
    /// A scalar that may be absent.
    Opt<T: Scalar> Option<T> = tolerant::lenient;
    /// A list; `null` is an empty one.
    List<T: DeserializeOwned> Vec<T> = tolerant::list;
    /// A list of scalars.
    Scalars<T: Scalar> Vec<T> = tolerant::scalars;
    /// A map; `null` and an empty list are an empty one.
    Map<T: DeserializeOwned> BTreeMap<String, T> = tolerant::map;
    /// A map of scalars.
    ScalarMap<T: Scalar> BTreeMap<String, T> = tolerant::scalar_map;
    /// An object below that may be absent.
    Below<T: Row> Option<T> = tolerant::below;
    /// Anything that may be absent.
    Whole<T: DeserializeOwned> T = plain;
}

/// A point in time, as RFC 3339.
#[derive(Debug)]
pub struct Moment;

impl Read<Option<String>> for Moment {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Ok(tolerant::lenient::<D, tolerant::Time>(deserializer)?.map(tolerant::Time::into_text))
    }
}

/// A list in one text, or a real list.
#[derive(Debug)]
pub struct Words;

impl Read<Vec<String>> for Words {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        tolerant::words(deserializer)
    }
}

fn plain<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

/// `Row` and `Deserialize` for generated structs. A field's number follows its
/// reader.
macro_rules! row {
    ($name:ident [$($required:literal $at:literal),*] { $($($key:literal)|+ => $field:ident $reader:ident $number:literal,)* } $(rest $rest:ident)? $(from $parse:ident)?) => {
        impl $crate::row::Row for $name {
            const REQUIRED: &'static [(&'static str, u8)] = &[$(($required, $at)),*];

            fn take<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
                seen: &mut $crate::row::Seen,
            ) -> Result<bool, A::Error> {
                match key {
                    $($($key)|+ => {
                        $crate::row::fill::<$crate::row::$reader, _, _>(&mut self.$field, map, key, seen, $number)?;
                    })*
                    $(_ => if self.$rest.insert(key.to_owned(), map.next_value()?).is_some() {
                        return Err($crate::row::twice(key));
                    })?
                    #[allow(unreachable_patterns, reason = "a row that keeps unknown keys knows all")]
                    _ => return Ok(false),
                }
                Ok(true)
            }

            $(fn from_text(text: &str) -> Option<Self> {
                $crate::property::$parse(text).ok()
            })?
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::row::decode(deserializer)
            }
        }
    };
}
pub(crate) use row;
