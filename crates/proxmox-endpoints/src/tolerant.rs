//! Scalars as the server really sends them: `1`, `"1"`, `true` and `"yes"` are
//! one truth, `"512"` and `512.0` one number, `null`, `""` and nothing at all
//! one absence. The server is written in Perl, where a number that was last
//! printed is a text; no schema says which.

mod collections;
mod scalar;
#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

pub use collections::{below, list, map, scalar_map, scalars, words};
pub use scalar::{Scalar, Time};

/// For `deserialize_with`: a scalar that may be absent.
pub fn opt<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

/// A scalar that may be absent; absent too when it has the wrong form.
///
/// # Errors
/// When the JSON itself is broken.
pub fn lenient<'de, D: Deserializer<'de>, T: Scalar>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(LenientVisitor::new())
}

/// For `deserialize_with`: a scalar that identifies the row it stands in.
pub fn req<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<T, D::Error> {
    opt(deserializer)?
        .ok_or_else(|| D::Error::custom(format!("expected {}, found none", T::EXPECTED)))
}

/// For `deserialize_with`: a point in time, as RFC 3339.
pub fn opt_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(opt::<D, Time>(deserializer)?.map(Time::into_text))
}

/// A scalar inside a list or map, or alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose<T>(pub Option<T>);

impl<'de, T: Scalar> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        opt(deserializer).map(Loose)
    }
}

/// A scalar that is a whole answer, such as the next free guest id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tolerant<T>(pub T);

impl<T> std::ops::Deref for Tolerant<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Tolerant<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        req(deserializer).map(Tolerant)
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> ScalarVisitor<T> {
    fn bad<E: serde::de::Error>(value: impl fmt::Display) -> E {
        E::custom(format!("expected {}, found {value}", T::EXPECTED))
    }
}

impl<'de, T: Scalar> Visitor<'de> for ScalarVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        T::from_bool(value)
            .map(Some)
            .ok_or_else(|| Self::bad(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        T::from_i128(value.into())
            .map(Some)
            .ok_or_else(|| Self::bad(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        T::from_i128(value.into())
            .map(Some)
            .ok_or_else(|| Self::bad(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        T::from_f64(value).map(Some).ok_or_else(|| Self::bad(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        match value.trim() {
            "" => Ok(T::from_blank()),
            text => match T::from_str(value) {
                Some(parsed) => Ok(Some(parsed)),
                // What tools print where they have no number.
                None if matches!(text, "N/A" | "n/a" | "-" | "unknown") => Ok(None),
                None => Err(Self::bad(format_args!("'{}'", shorten(text)))),
            },
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Like [`ScalarVisitor`], but what cannot be read counts as absent.
pub(crate) struct LenientVisitor<T>(PhantomData<T>);

impl<T> LenientVisitor<T> {
    pub(crate) fn new() -> Self {
        LenientVisitor(PhantomData)
    }
}

impl<'de, T: Scalar> Visitor<'de> for LenientVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::from_i128(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(T::from_i128(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(T::from_f64(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(if value.trim_start().is_empty() {
            T::from_blank()
        } else {
            T::from_str(value)
        })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    // A text keeps what has parts as JSON; a number cannot be had from it.
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let value =
            serde_json::Value::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))?;
        Ok(T::from_str(&value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let value =
            serde_json::Value::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(T::from_str(&value.to_string()))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
