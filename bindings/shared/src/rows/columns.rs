//! A column: one field of every row.

pub(super) use super::dictionary::Key;
use super::dictionary::{Lists, Words};
use super::texts::Texts;

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
            Cells::Texts(t) => t.push_absent(),
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
            *self = Cells::Words(Words::after(*count));
        }
        if let Cells::Words(words) = self {
            if words.push(text) {
                return Ok(());
            }
            *self = Cells::Texts(words.iter().collect());
        }
        match self {
            Cells::Texts(texts) => texts.push(text),
            _ => return Err(Mixed),
        }
        Ok(())
    }

    /// What the items of a list are collected in.
    pub(super) fn list_key(&mut self) -> Key {
        match self {
            Cells::Lists(lists) => lists.key(),
            _ => Key::default(),
        }
    }

    pub(super) fn push_list(&mut self, list: Key) -> Result<(), Mixed> {
        if let Cells::Absent(count) = self {
            *self = Cells::Lists(Lists::after(*count));
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
            Cells::Words(words) => words.get(row).map(Cell::Text),
            Cells::Texts(texts) => texts.get(row).map(Cell::Text),
            Cells::Lists(lists) => lists.get(row).map(Cell::List),
        };
        found.unwrap_or(Cell::Absent)
    }
}
