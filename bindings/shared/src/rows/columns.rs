//! A column: one field of every row.

use proxmox_endpoints::cells::Sink;

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

impl Cells {
    fn push_absent(&mut self) {
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

    fn push_text(&mut self, text: &str) {
        match self {
            Cells::Words(words) => {
                if !words.push(text) {
                    let mut texts: Texts = words.iter().collect();
                    texts.push(text);
                    *self = Cells::Texts(texts);
                }
            }
            Cells::Texts(texts) => texts.push(text),
            Cells::Absent(count) => {
                let mut words = Words::after(*count);
                words.push(text);
                *self = Cells::Words(words);
            }
            _ => self.push_absent(),
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
            Cells::Words(words) => words.get(row).map(|text| Cell::Text(text)),
            Cells::Texts(texts) => texts.get(row).map(Cell::Text),
            Cells::Lists(lists) => lists.get(row).map(|items| Cell::List(items)),
        };
        found.unwrap_or(Cell::Absent)
    }
}

/// Columns that grow field by field. A field has one type, so a column has one
/// kind of cells; what would not fit is absent.
#[derive(Debug)]
pub(super) struct Growing(pub(super) Vec<Column>);

impl Growing {
    pub(super) fn new(fields: &[&'static str]) -> Self {
        let empty = |name: &&'static str| Column {
            name,
            cells: Cells::Absent(0),
        };
        Growing(fields.iter().map(empty).collect())
    }
}

/// Adds a value to the column of a field: `$cells` when it has some, after the
/// absent ones when it is the first.
macro_rules! push {
    ($columns:ident, $field:ident, $kind:ident($v:ident) $push:expr, after $count:ident $first:expr) => {
        let Some(Column { cells, .. }) = $columns.0.get_mut($field) else {
            return;
        };
        if let Cells::Absent($count) = cells {
            *cells = Cells::$kind($first);
        }
        match cells {
            Cells::$kind($v) => $push,
            other => other.push_absent(),
        }
    };
}

impl Sink for Growing {
    fn absent(&mut self, field: usize) {
        if let Some(column) = self.0.get_mut(field) {
            column.cells.push_absent();
        }
    }

    fn truth(&mut self, field: usize, truth: bool) {
        push!(self, field, Truths(v) v.push(u8::from(truth)), after count vec![NO_TRUTH; *count]);
    }

    fn whole(&mut self, field: usize, number: i64) {
        push!(self, field, Whole(v) v.push(number), after count vec![i64::MIN; *count]);
    }

    fn number(&mut self, field: usize, number: f64) {
        push!(self, field, Numbers(v) v.push(number), after count vec![f64::NAN; *count]);
    }

    fn text(&mut self, field: usize, text: &str) {
        if let Some(column) = self.0.get_mut(field) {
            column.cells.push_text(text);
        }
    }

    fn list<'a>(&mut self, field: usize, items: impl Iterator<Item = &'a str>) {
        push!(self, field, Lists(v) v.push(items), after count Lists::after(*count));
    }
}
