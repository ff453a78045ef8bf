//! A column: one field of every row.

use std::collections::HashMap;

/// A text with more different values than this is no dictionary any more.
const LARGEST_DICTIONARY: usize = 512;
/// What stands for "absent" among truth values.
const NO_TRUTH: u8 = 2;

/// One field of every row.
#[derive(Debug)]
pub struct Column {
    /// The field's name.
    pub name: &'static str,
    /// Its values.
    pub cells: Cells,
}

/// The values of a column, in one of the forms that cross cheaply.
#[derive(Debug)]
pub enum Cells {
    /// Nothing but absent values.
    Absent(usize),
    /// 0, 1, or 2 for an absent one.
    Truths(Vec<u8>),
    /// Whole numbers; `i64::MIN` is an absent one.
    Whole(Vec<i64>),
    /// Numbers; NaN is an absent one.
    Numbers(Vec<f64>),
    /// Texts that repeat: an index into the dictionary, plus one; 0 is absent.
    Words(Words),
    /// Texts that do not: all in one, with their ends in bytes.
    Texts(Texts),
    /// Lists of texts that repeat, as with [`Words`](Cells::Words).
    Lists(Lists),
}

/// Texts that repeat.
#[derive(Debug, Default)]
pub struct Words {
    /// The different ones.
    pub dictionary: Vec<String>,
    /// Which one, plus one; 0 is absent.
    pub index: Vec<u32>,
    places: HashMap<String, u32>,
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub struct Texts {
    /// All of them.
    pub text: String,
    /// Where each ends.
    pub ends: Vec<u32>,
    /// Which are absent; they end where they start.
    pub absent: Vec<u32>,
}

/// Lists of texts that repeat.
#[derive(Debug, Default)]
pub struct Lists {
    /// The different ones.
    pub dictionary: Vec<Vec<String>>,
    /// Which one, plus one; 0 is absent.
    pub index: Vec<u32>,
    places: HashMap<Vec<String>, u32>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// There is none.
    Absent,
    /// A truth value.
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// A list of texts.
    List(&'a [String]),
}

/// A value of a kind that its column did not have before.
#[derive(Debug)]
pub(super) struct Mixed;

impl Cells {
    fn len(&self) -> usize {
        match self {
            Cells::Absent(count) => *count,
            Cells::Truths(v) => v.len(),
            Cells::Whole(v) => v.len(),
            Cells::Numbers(v) => v.len(),
            Cells::Words(w) => w.index.len(),
            Cells::Texts(t) => t.ends.len(),
            Cells::Lists(l) => l.index.len(),
        }
    }

    pub(super) fn push_absent(&mut self) {
        match self {
            Cells::Absent(count) => *count += 1,
            Cells::Truths(v) => v.push(NO_TRUTH),
            Cells::Whole(v) => v.push(i64::MIN),
            Cells::Numbers(v) => v.push(f64::NAN),
            Cells::Words(w) => w.index.push(0),
            Cells::Texts(t) => {
                t.absent.push(offset(t.ends.len()));
                t.ends.push(offset(t.text.len()));
            }
            Cells::Lists(l) => l.index.push(0),
        }
    }

    pub(super) fn push_truth(&mut self, truth: bool) -> Result<(), Mixed> {
        if let Cells::Absent(count) = self {
            *self = Cells::Truths(vec![NO_TRUTH; *count]);
        }
        match self {
            Cells::Truths(v) => v.push(u8::from(truth)),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    pub(super) fn push_whole(&mut self, number: i64) -> Result<(), Mixed> {
        if let Cells::Absent(count) = self {
            *self = Cells::Whole(vec![i64::MIN; *count]);
        }
        match self {
            Cells::Whole(v) => v.push(number),
            #[allow(clippy::cast_precision_loss, reason = "the column holds fractions")]
            Cells::Numbers(v) => v.push(number as f64),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    pub(super) fn push_number(&mut self, number: f64) -> Result<(), Mixed> {
        match self {
            Cells::Absent(count) => *self = Cells::Numbers(vec![f64::NAN; *count]),
            Cells::Whole(v) => {
                #[allow(clippy::cast_precision_loss, reason = "the column holds fractions")]
                let wider = |n: &i64| if *n == i64::MIN { f64::NAN } else { *n as f64 };
                *self = Cells::Numbers(v.iter().map(wider).collect());
            }
            _ => {}
        }
        match self {
            Cells::Numbers(v) => v.push(number),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    pub(super) fn push_text(&mut self, text: &str) -> Result<(), Mixed> {
        if let Cells::Absent(count) = self {
            *self = Cells::Words(Words {
                index: vec![0; *count],
                ..Words::default()
            });
        }
        if let Cells::Words(words) = self {
            if words.push(text) {
                return Ok(());
            }
            *self = Cells::Texts(words.to_texts());
        }
        match self {
            Cells::Texts(texts) => texts.push(text),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    pub(super) fn push_list(&mut self, list: Vec<String>) -> Result<(), Mixed> {
        if let Cells::Absent(count) = self {
            *self = Cells::Lists(Lists {
                index: vec![0; *count],
                ..Lists::default()
            });
        }
        match self {
            Cells::Lists(lists) => lists.push(list),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    /// Fills up to `rows` with absent values.
    pub(super) fn reach(&mut self, rows: usize) {
        while self.len() < rows {
            self.push_absent();
        }
    }

    /// The value in a row; an absent one beyond the last.
    pub fn get(&self, row: usize) -> Cell<'_> {
        let found = match self {
            Cells::Absent(_) => None,
            Cells::Truths(v) => v
                .get(row)
                .filter(|truth| **truth != NO_TRUTH)
                .map(|truth| Cell::Truth(*truth == 1)),
            Cells::Whole(v) => v
                .get(row)
                .filter(|number| **number != i64::MIN)
                .map(|number| Cell::Whole(*number)),
            Cells::Numbers(v) => v
                .get(row)
                .filter(|number| !number.is_nan())
                .map(|number| Cell::Number(*number)),
            Cells::Words(w) => entry(&w.dictionary, &w.index, row).map(|t| Cell::Text(t)),
            Cells::Texts(t) => t.get(row).map(Cell::Text),
            Cells::Lists(l) => entry(&l.dictionary, &l.index, row).map(|l| Cell::List(l)),
        };
        found.unwrap_or(Cell::Absent)
    }
}

fn entry<'a, T>(dictionary: &'a [T], index: &[u32], row: usize) -> Option<&'a T> {
    let place = index.get(row)?.checked_sub(1)?;
    dictionary.get(usize::try_from(place).ok()?)
}

impl Words {
    /// Adds a text, unless there are too many different ones.
    fn push(&mut self, text: &str) -> bool {
        let place = match self.places.get(text) {
            Some(place) => *place,
            None if self.dictionary.len() == LARGEST_DICTIONARY => return false,
            None => {
                self.dictionary.push(text.to_owned());
                let place = offset(self.dictionary.len());
                self.places.insert(text.to_owned(), place);
                place
            }
        };
        self.index.push(place);
        true
    }

    fn to_texts(&self) -> Texts {
        let mut texts = Texts::default();
        for row in 0..self.index.len() {
            if let Some(text) = entry(&self.dictionary, &self.index, row) {
                texts.push(text);
            } else {
                texts.absent.push(offset(row));
                texts.ends.push(offset(texts.text.len()));
            }
        }
        texts
    }
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(offset(self.text.len()));
    }

    fn get(&self, row: usize) -> Option<&str> {
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

impl Lists {
    fn push(&mut self, list: Vec<String>) {
        let place = if let Some(place) = self.places.get(&list) {
            *place
        } else {
            self.dictionary.push(list.clone());
            let place = offset(self.dictionary.len());
            self.places.insert(list, place);
            place
        };
        self.index.push(place);
    }
}

/// Answers are bounded far below 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
