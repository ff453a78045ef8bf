//! Scalars as the server really sends them: `1`, `"1"`, `true` and `"yes"` are
//! one truth, `"512"` and `512.0` one number, `null`, `""` and nothing at all
//! one absence. The server is written in Perl, where a number that was last
//! printed is a text; no schema says which.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::time;

/// A type that several JSON forms can express.
pub trait Scalar: Sized {
    /// For messages: "a number".
    const EXPECTED: &'static str;

    /// From a JSON integer.
    fn from_i128(value: i128) -> Option<Self>;

    /// From a JSON number with a fraction.
    fn from_f64(value: f64) -> Option<Self>;

    /// From a JSON text that is not blank.
    fn from_str(value: &str) -> Option<Self>;

    /// From `true` or `false`.
    fn from_bool(value: bool) -> Option<Self> {
        Self::from_i128(i128::from(value))
    }

    /// From a text without any character; usually the same as nothing.
    fn from_blank() -> Option<Self> {
        None
    }
}

impl Scalar for bool {
    const EXPECTED: &'static str = "a truth value";

    fn from_i128(value: i128) -> Option<Self> {
        Some(value != 0)
    }

    fn from_f64(value: f64) -> Option<Self> {
        Some(value != 0.0)
    }

    fn from_str(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            other => other.parse::<f64>().ok().map(|n| n != 0.0),
        }
    }

    fn from_blank() -> Option<Self> {
        Some(false) // Perl's false is the empty string
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Scalar for $type {
            const EXPECTED: &'static str = "a whole number";

            fn from_i128(value: i128) -> Option<Self> {
                value.try_into().ok()
            }

            #[allow(clippy::cast_possible_truncation, reason = "a fraction of a byte or second is dropped on purpose")]
            fn from_f64(value: f64) -> Option<Self> {
                (value.is_finite() && value.abs() < 1e30).then_some(value as i128).and_then(Self::from_i128)
            }

            fn from_str(value: &str) -> Option<Self> {
                match value.trim().parse::<i128>() {
                    Ok(value) => Self::from_i128(value),
                    Err(_) => value.trim().parse().ok().and_then(Self::from_f64),
                }
            }
        }
    )+};
}
integers!(u32, u64, i64);

impl Scalar for f64 {
    const EXPECTED: &'static str = "a number";

    #[allow(clippy::cast_precision_loss, reason = "measurements, not identities")]
    fn from_i128(value: i128) -> Option<Self> {
        Some(value as f64)
    }

    fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then_some(value)
    }

    fn from_str(value: &str) -> Option<Self> {
        value.trim().parse().ok().and_then(Self::from_f64)
    }
}

impl Scalar for String {
    const EXPECTED: &'static str = "a text";

    fn from_i128(value: i128) -> Option<Self> {
        Some(value.to_string())
    }

    fn from_f64(value: f64) -> Option<Self> {
        Some(value.to_string())
    }

    fn from_str(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }

    fn from_blank() -> Option<Self> {
        Some(String::new())
    }
}

/// A point in time: seconds since 1970 on the wire, RFC 3339 in the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time(String);

impl Time {
    /// As RFC 3339.
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Scalar for Time {
    const EXPECTED: &'static str = "a point in time";

    fn from_i128(value: i128) -> Option<Self> {
        i64::try_from(value).ok().and_then(time::rfc3339).map(Time)
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "parts of a second are dropped"
    )]
    fn from_f64(value: f64) -> Option<Self> {
        time::rfc3339(value as i64).map(Time)
    }

    fn from_str(value: &str) -> Option<Self> {
        match value.trim().parse::<f64>() {
            Ok(seconds) => Self::from_f64(seconds),
            // Our own form, read back.
            Err(_) => value.ends_with('Z').then(|| Time(value.to_owned())),
        }
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
struct LenientVisitor<T>(PhantomData<T>);

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
        Ok(if value.trim().is_empty() {
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
    deserializer.deserialize_any(LenientVisitor(PhantomData))
}

/// An object that may be absent; `null`, an empty list, an empty text and
/// other scalars count as absent.
///
/// # Errors
/// When the object lacks what it must have, or the JSON is broken.
pub fn below<'de, D: Deserializer<'de>, T: crate::row::Row>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: crate::row::Row> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(T::from_text(text))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            crate::row::decode(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
}

/// For `deserialize_with`: a scalar that identifies the row it stands in.
pub fn req<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<T, D::Error> {
    opt(deserializer)?
        .ok_or_else(|| D::Error::custom(format!("expected {}, found none", T::EXPECTED)))
}

/// For `deserialize_with`: a point in time, as RFC 3339.
pub fn opt_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(opt::<D, Time>(deserializer)?.map(|t| t.0))
}

/// For `deserialize_with`: a list in one text, or a real list.
pub fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or one in a text")
        }

        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
            Ok(crate::params::split_list(value))
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok(vec![value.to_string()])
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok(vec![value.to_string()])
        }

        fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
            Ok(vec![value.to_string()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(Loose(item)) = seq.next_element::<Loose<String>>()? {
                list.extend(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(List)
}

/// For `deserialize_with`: a list; `null` is an empty one.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// For `deserialize_with`: a list of scalars; `null` is an empty one.
pub fn scalars<'de, D: Deserializer<'de>, T: Scalar>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<Loose<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(items.into_iter().filter_map(|item| item.0).collect())
}

/// For `deserialize_with`: a map; `null` and an empty list are an empty one.
pub fn map<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Map<T>(PhantomData<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for Map<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            match seq.next_element::<serde::de::IgnoredAny>()? {
                None => Ok(BTreeMap::new()),
                Some(_) => Err(A::Error::custom("expected a map, found a list")),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<String, T>()? {
                if map.contains_key(&key) {
                    return Err(crate::row::twice(&key));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_any(Map(PhantomData))
}

/// For `deserialize_with`: a map of scalars; absent values are left out.
pub fn scalar_map<'de, D: Deserializer<'de>, T: Scalar>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    Ok(map::<D, Loose<T>>(deserializer)?
        .into_iter()
        .filter_map(|(key, value)| value.0.map(|value| (key, value)))
        .collect())
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

#[cfg(test)]
mod tests;
