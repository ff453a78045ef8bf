//! Buckets as B+ trees.

use bytes::BufMut;

use super::page::{HEADER, PAGE, Pages};

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
/// Bytes of an element's header, in leaves and branches alike.
const ELEMENT: usize = 16;
/// A leaf element whose value is a bucket.
const BUCKET: u32 = 0x01;

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) bucket: bool,
}

impl Entry {
    pub(super) fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Entry {
            key: key.into(),
            value: value.into(),
            bucket: false,
        }
    }

    /// A bucket whose tree starts at page `root`.
    pub(super) fn bucket(name: &str, root: u64) -> Self {
        let mut value = Vec::with_capacity(16);
        value.put_u64_le(root);
        value.put_u64_le(0); // sequence
        Entry {
            key: name.into(),
            value,
            bucket: true,
        }
    }

    fn size(&self) -> usize {
        ELEMENT + self.key.len() + self.value.len()
    }
}

/// Writes a tree and returns the page of its root. Sorts the entries.
pub(super) fn write(pages: &mut Pages, mut entries: Vec<Entry>) -> u64 {
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut level: Vec<(Vec<u8>, u64)> = split(&entries, Entry::size)
        .map(|chunk| {
            let first = chunk.first().map_or(Vec::new(), |e| e.key.clone());
            (first, pages.push(LEAF, count(chunk.len()), &leaf(chunk)))
        })
        .collect();
    while level.len() > 1 {
        level = split(&level, |(key, _)| ELEMENT + key.len())
            .map(|chunk| {
                let first = chunk.first().map_or(Vec::new(), |(key, _)| key.clone());
                (
                    first,
                    pages.push(BRANCH, count(chunk.len()), &branch(chunk)),
                )
            })
            .collect();
    }
    match level.first() {
        Some((_, root)) => *root,
        None => pages.push(LEAF, 0, &[]),
    }
}

/// Cuts a list into runs that fit into a page each.
fn split<T>(all: &[T], size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = all;
    std::iter::from_fn(move || {
        let mut used = HEADER;
        let fits = rest
            .iter()
            .take_while(|item| {
                used += size(item);
                used <= PAGE
            })
            .count()
            .max(1);
        if rest.is_empty() {
            return None;
        }
        let (now, later) = rest.split_at(fits);
        rest = later;
        Some(now)
    })
}

fn leaf(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::new();
    // Positions count from the element's own header.
    let mut at = ELEMENT * entries.len();
    for entry in entries {
        body.put_u32_le(if entry.bucket { BUCKET } else { 0 });
        body.put_u32_le(number(at));
        body.put_u32_le(number(entry.key.len()));
        body.put_u32_le(number(entry.value.len()));
        at = at - ELEMENT + entry.key.len() + entry.value.len();
    }
    for entry in entries {
        body.extend_from_slice(&entry.key);
        body.extend_from_slice(&entry.value);
    }
    body
}

fn branch(children: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut at = ELEMENT * children.len();
    for (key, page) in children {
        body.put_u32_le(number(at));
        body.put_u32_le(number(key.len()));
        body.put_u64_le(*page);
        at = at - ELEMENT + key.len();
    }
    for (key, _) in children {
        body.extend_from_slice(key);
    }
    body
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn count(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
