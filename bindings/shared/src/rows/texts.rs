//! Texts that do not repeat.

use super::offset;

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub struct Texts {
    /// All of them.
    pub text: String,
    /// Where each ends, in bytes.
    pub ends: Vec<u32>,
    /// Which are absent; they end where they start.
    pub absent: Vec<u32>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(offset(self.text.len()));
    }

    pub(super) fn push_absent(&mut self) {
        self.absent.push(offset(self.ends.len()));
        self.ends.push(offset(self.text.len()));
    }

    /// The text of a row.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        if start == end && self.absent.binary_search(&offset(row)).is_ok() {
            return None;
        }
        self.text
            .get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// Where each text ends, counted in UTF-16 units as JavaScript does.
    pub fn ends_utf16(&self) -> Vec<u32> {
        if self.text.is_ascii() {
            return self.ends.clone();
        }
        let (mut start, mut units) = (0, 0);
        self.ends
            .iter()
            .map(|end| {
                let end = usize::try_from(*end).unwrap_or(start);
                let part = self.text.get(start..end).unwrap_or_default();
                units += offset(part.encode_utf16().count());
                start = end;
                units
            })
            .collect()
    }
}

impl<'a> FromIterator<Option<&'a str>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(all: I) -> Self {
        let mut texts = Texts::default();
        for text in all {
            match text {
                Some(text) => texts.push(text),
                None => texts.push_absent(),
            }
        }
        texts
    }
}
