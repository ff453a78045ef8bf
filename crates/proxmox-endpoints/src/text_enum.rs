//! Enums that are words on the wire and keep the words they do not know.

use std::borrow::Cow;

use crate::params::ParamValue;
use crate::tolerant::Scalar;

/// A closed list of words plus `Other` for all that is new: releases add
/// words, and none of them may break a decoder.
pub trait TextEnum: Sized {
    /// The words known when this was written.
    const KNOWN: &'static [&'static str];

    /// The word on the wire.
    fn as_str(&self) -> &str;

    /// From a word, known or not.
    fn from_word(word: &str) -> Self;
}

impl<T: TextEnum> Scalar for T {
    const EXPECTED: &'static str = "a word";

    fn from_i128(value: i128) -> Option<Self> {
        Some(T::from_word(&value.to_string()))
    }

    fn from_f64(value: f64) -> Option<Self> {
        Some(T::from_word(&value.to_string()))
    }

    fn from_str(value: &str) -> Option<Self> {
        Some(T::from_word(value))
    }

    fn from_blank() -> Option<Self> {
        Some(T::from_word(""))
    }
}

impl<T: TextEnum> ParamValue for T {
    fn to_text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(T::from_word(text))
    }
}

/// Everything else that follows from [`TextEnum`].
macro_rules! impl_text_enum {
    ($($name:ident),+ $(,)?) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::TextEnum::as_str(self))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $crate::TextEnum::from_word("")
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                $crate::TextEnum::from_word(word)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::TextEnum::as_str(self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::tolerant::req(deserializer)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    )+};
}
pub(crate) use impl_text_enum;
