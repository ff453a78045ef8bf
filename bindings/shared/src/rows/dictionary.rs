//! Texts and lists of texts that repeat: each different one once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::offset;

/// With more different texts than this it is no dictionary any more.
const MOST_WORDS: usize = 512;

/// Values that repeat.
#[derive(Debug)]
pub struct Dictionary<T> {
    /// The different ones.
    pub values: Vec<T>,
    /// Which one, plus one; 0 is absent.
    pub index: Vec<u32>,
    keys: Keys,
    /// That of the last list; its memory serves the next.
    key: Key,
}

/// Texts that repeat.
pub type Words = Dictionary<String>;

/// Lists of texts that repeat.
pub type Lists = Dictionary<Vec<String>>;

impl<T> Dictionary<T> {
    /// After so many absent ones.
    pub(super) fn after(absent: usize) -> Self {
        Dictionary {
            values: Vec::new(),
            index: vec![0; absent],
            keys: Keys::default(),
            key: Key::default(),
        }
    }

    /// The value of a row.
    pub(super) fn get(&self, row: usize) -> Option<&T> {
        at(&self.values, *self.index.get(row)?)
    }
}

impl Words {
    /// Adds a text, unless there are too many different ones.
    pub(super) fn push(&mut self, text: &str) -> bool {
        let place = match self.keys.find(text.as_bytes()) {
            Some(place) => place,
            None if self.values.len() == MOST_WORDS => return false,
            None => {
                self.values.push(text.to_owned());
                self.keys.add(text.as_bytes())
            }
        };
        self.index.push(place);
        true
    }

    /// The texts of all rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.index.len()).map(|row| self.get(row).map(String::as_str))
    }
}

impl Lists {
    pub(super) fn push<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        self.key.0.clear();
        for item in items {
            self.key.push(item);
        }
        let place = self.keys.find(&self.key.0).unwrap_or_else(|| {
            self.values.push(self.key.items());
            self.keys.add(&self.key.0)
        });
        self.index.push(place);
    }
}

/// The items of a list, each after its length: no two lists look the same.
#[derive(Debug, Default)]
struct Key(Vec<u8>);

impl Key {
    fn push(&mut self, item: &str) {
        self.0.extend(offset(item.len()).to_le_bytes());
        self.0.extend(item.as_bytes());
    }

    fn items(&self) -> Vec<String> {
        let (mut items, mut rest) = (Vec::new(), self.0.as_slice());
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (item, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
            items.push(String::from_utf8_lossy(item).into_owned());
            rest = behind;
        }
        items
    }
}

/// Which key stands at which place, from 1 on.
#[derive(Debug, Default)]
struct Keys {
    all: Vec<Box<[u8]>>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Found last: neighbours are often the same.
    last: u32,
}

impl Keys {
    fn find(&mut self, key: &[u8]) -> Option<u32> {
        if at(&self.all, self.last).is_some_and(|last| **last == *key) {
            return Some(self.last);
        }
        let same = |place: &u32| at(&self.all, *place).is_some_and(|known| **known == *key);
        self.last = *self.places.find(self.hasher.hash_one(key), same)?;
        Some(self.last)
    }

    /// Adds a key that is not there.
    fn add(&mut self, key: &[u8]) -> u32 {
        self.all.push(key.into());
        self.last = offset(self.all.len());
        let hash = |place: &u32| {
            self.hasher
                .hash_one(at(&self.all, *place).map_or(&[][..], |k| k))
        };
        self.places
            .insert_unique(self.hasher.hash_one(key), self.last, hash);
        self.last
    }
}

/// Places count from 1.
fn at<T>(all: &[T], place: u32) -> Option<&T> {
    all.get(usize::try_from(place.checked_sub(1)?).ok()?)
}
