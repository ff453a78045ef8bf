//! [`Scalar`]: what a value may look like, type by type.

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
