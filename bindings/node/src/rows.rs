//! Many rows of one flat type, as columns.

use homelab_bindings::Rows as Core;
use homelab_bindings::rows::Cells;
use napi::bindgen_prelude::{Float64Array, Uint8Array, Uint32Array};
use napi_derive::napi;

/// Many rows of one flat type.
#[napi]
#[derive(Debug)]
pub struct Rows(pub(crate) Core);

/// One field of every row. Which parts are there says what it holds:
/// `numbers` (NaN is null); `truths` (2 is null); `index` with `words` or
/// `lists` (0 is null, the others count from 1); `text` with `ends` and the
/// rows that are null; nothing at all when every value is null.
#[napi(object)]
pub struct Column {
    /// The field.
    pub name: String,
    /// Numbers.
    pub numbers: Option<Float64Array>,
    /// Truth values.
    pub truths: Option<Uint8Array>,
    /// Which entry of `words` or `lists`, plus one.
    pub index: Option<Uint32Array>,
    /// Texts that repeat.
    pub words: Option<Vec<String>>,
    /// Lists that repeat.
    pub lists: Option<Vec<Vec<String>>>,
    /// Texts, one behind the other.
    pub text: Option<String>,
    /// Where each ends.
    pub ends: Option<Uint32Array>,
    /// Rows without a text.
    pub absent: Option<Uint32Array>,
}

#[napi]
impl Rows {
    /// How many there are.
    #[napi(getter)]
    pub fn length(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The columns.
    #[napi]
    pub fn columns(&self) -> Vec<Column> {
        let columns = self.0.columns().iter();
        columns.map(|c| column(c.name, &c.cells)).collect()
    }
}

fn column(name: &str, cells: &Cells) -> Column {
    let mut out = Column {
        name: name.to_owned(),
        numbers: None,
        truths: None,
        index: None,
        words: None,
        lists: None,
        text: None,
        ends: None,
        absent: None,
    };
    match cells {
        Cells::Absent(_) => {}
        Cells::Truths(truths) => out.truths = Some(Uint8Array::new(truths.clone())),
        Cells::Whole(numbers) => {
            #[allow(
                clippy::cast_precision_loss,
                reason = "a JavaScript number holds no more"
            )]
            let number = |n: &i64| match *n {
                i64::MIN => f64::NAN,
                n => n as f64,
            };
            let numbers = numbers.iter().map(number).collect::<Vec<f64>>();
            out.numbers = Some(Float64Array::new(numbers));
        }
        Cells::Numbers(numbers) => out.numbers = Some(Float64Array::new(numbers.clone())),
        Cells::Words(words) => {
            out.index = Some(Uint32Array::new(words.index.clone()));
            out.words = Some(words.values.clone());
        }
        Cells::Texts(texts) => {
            out.ends = Some(Uint32Array::new(texts.ends_utf16()));
            out.absent = Some(Uint32Array::new(texts.absent.clone()));
            out.text = Some(texts.text.clone());
        }
        Cells::Lists(lists) => {
            out.index = Some(Uint32Array::new(lists.index.clone()));
            out.lists = Some(lists.values.clone());
        }
    }
    out
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
