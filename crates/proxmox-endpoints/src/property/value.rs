//! How the values inside property strings are read and printed.

use crate::params::ParamValue;

/// One way of writing a `T`.
pub trait Codec<T> {
    /// From the text; `None` when it has the wrong form.
    fn read(text: &str) -> Option<T>;

    /// To the text.
    fn write(value: &T) -> String;
}

/// A field of a property string, read and printed in the way `C`.
pub trait Keyed<C> {
    /// Sets it; whether the text has the right form.
    fn set(&mut self, text: &str) -> bool;

    /// Its text; `None` when it is not set.
    fn get(&self) -> Option<String>;
}

impl<T, C: Codec<T>> Keyed<C> for Option<T> {
    fn set(&mut self, text: &str) -> bool {
        *self = C::read(text);
        self.is_some()
    }

    fn get(&self) -> Option<String> {
        self.as_ref().map(C::write)
    }
}

impl<C: Codec<String>> Keyed<C> for String {
    fn set(&mut self, text: &str) -> bool {
        C::read(text).map(|value| *self = value).is_some()
    }

    fn get(&self) -> Option<String> {
        (!self.is_empty()).then(|| C::write(self))
    }
}

impl<C: Codec<Vec<String>>> Keyed<C> for Vec<String> {
    fn set(&mut self, text: &str) -> bool {
        C::read(text).map(|value| *self = value).is_some()
    }

    fn get(&self) -> Option<String> {
        (!self.is_empty()).then(|| C::write(self))
    }
}

/// Truth values, numbers, texts, words.
#[derive(Debug)]
pub struct Plain;

impl<T: ParamValue> Codec<T> for Plain {
    fn read(text: &str) -> Option<T> {
        T::from_text(text)
    }

    fn write(value: &T) -> String {
        value.to_text().into_owned()
    }
}

/// A list separated by semicolons, since the comma is taken.
#[derive(Debug)]
pub struct List;

impl Codec<Vec<String>> for List {
    fn read(text: &str) -> Option<Vec<String>> {
        let items: Vec<String> = text
            .split(';')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect();
        // A list of nothing would be gone when it is printed.
        (!items.is_empty()).then_some(items)
    }

    fn write(value: &Vec<String>) -> String {
        value.join(";")
    }
}

/// A MAC address; kept in upper case with colons, as the server stores it.
#[derive(Debug)]
pub struct Mac;

impl Codec<String> for Mac {
    fn read(text: &str) -> Option<String> {
        let bytes: Vec<&str> = text.split([':', '-']).collect();
        let good = bytes.len() == 6
            && bytes
                .iter()
                .all(|b| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit()));
        good.then(|| bytes.join(":").to_ascii_uppercase())
    }

    fn write(value: &String) -> String {
        value.to_ascii_uppercase()
    }
}

/// A size in bytes: `32G`, `528K`, `1.5T`, `4M`, `1073741824`.
#[derive(Debug)]
pub struct Size;

const UNITS: [(&str, u32); 4] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];

impl Codec<u64> for Size {
    fn read(text: &str) -> Option<u64> {
        let text = text.trim();
        let text = text.strip_suffix("iB").unwrap_or(text);
        let (number, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, *shift)))
            .unwrap_or((text, 0));
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(1 << shift);
        }
        let decimal = number
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.')
            .then(|| number.parse::<f64>().ok())??;
        #[allow(clippy::cast_precision_loss, reason = "a power of two is exact")]
        let bytes = decimal * (1u64 << shift) as f64;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range; parts of a byte are dropped"
        )]
        (bytes < 9e18).then_some(bytes as u64)
    }

    /// The largest unit that is exact, as the server prints it.
    fn write(value: &u64) -> String {
        UNITS
            .iter()
            .find(|(_, shift)| *value > 0 && value.is_multiple_of(1 << shift))
            .map_or_else(
                || value.to_string(),
                |(unit, shift)| format!("{}{unit}", value >> shift),
            )
    }
}
