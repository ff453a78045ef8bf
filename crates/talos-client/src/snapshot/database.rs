//! The database inside a snapshot, walked page by page.
//!
//! Both checksums can be right and the database still be none, when it was
//! damaged on the node. So every page that the trees reach is looked at: its
//! kind, its id, the order of its keys, and that no page is used twice or is
//! free at the same time.

use std::collections::BTreeMap;

use homelab_core::Result;
use serde::{Deserialize, Serialize};

use super::pages::{
    BRANCH, ELEMENT, FREELIST, HEADER, LEAF, Page, Pages, ReadAt, corrupt, u16_at, u32_at, u64_at,
};

/// Trees are not deeper: each level holds many times the one above.
const MAX_DEPTH: usize = 64;
/// Flag of a leaf's element whose value is a bucket.
const BUCKET: u32 = 1;
/// Bytes of a bucket's header: its root page and a sequence number.
const BUCKET_HEADER: usize = 16;
/// Where etcd keeps every revision of every key.
const KEYS: &str = "key";
/// Where etcd keeps what it knows about itself.
const ABOUT: &str = "meta";

/// What an etcd database holds, as far as its structure tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdDatabase {
    /// Size of a page.
    pub page_size_bytes: u64,
    /// How many pages there are.
    pub pages: u64,
    /// How many of them hold nothing; absent when the list of free pages is not
    /// in the file.
    pub free_pages: Option<u64>,
    /// The newest revision of a key: how far in time the snapshot reaches.
    pub revision: u64,
    /// How many entries all buckets hold together, which is what
    /// `etcdutl snapshot status` calls total keys.
    pub total_keys: u64,
    /// How many entries each bucket holds. `key` has every revision of every key.
    pub buckets: BTreeMap<String, u64>,
    /// The version of etcd's storage: `3.6.0`. Absent before etcd v3.6.
    pub storage_version: Option<String>,
    /// The last entry of the Raft log that is in it.
    pub consistent_index: Option<u64>,
}

/// Walks the first `size` bytes of `file`.
///
/// # Errors
/// `Corrupt`, naming the page, when the structure is damaged, or when it is a
/// database of something else.
pub(super) fn walk(file: &(impl ReadAt + ?Sized), size: u64) -> Result<EtcdDatabase> {
    let pages = Pages::open(file, size)?;
    let mut walk = Walk {
        used: Bits::new(pages.meta.pages),
        pages,
        spare: Vec::new(),
        found: EtcdDatabase::default(),
    };
    walk.run()?;
    Ok(walk.found)
}

struct Walk<'a, F: ?Sized> {
    pages: Pages<'a, F>,
    /// Pages that something points to.
    used: Bits,
    /// Memory of pages that have been looked at, for the next ones.
    spare: Vec<Vec<u8>>,
    found: EtcdDatabase,
}

/// Where an entry is looked at.
#[derive(Clone, Copy)]
enum In<'a> {
    /// Among the buckets.
    Root,
    /// In the bucket of this name.
    Bucket(&'a str),
}

impl<F: ReadAt + ?Sized> Walk<'_, F> {
    fn run(&mut self) -> Result<()> {
        self.found.page_size_bytes = self.pages.meta.page_size;
        self.found.pages = self.pages.meta.pages;
        let root = self.pages.meta.root;
        self.tree(root, In::Root, 0)?;
        let Some(keys) = self.found.buckets.get(KEYS) else {
            return Err(corrupt("it has no bucket `key`"));
        };
        if *keys > 0 && self.found.revision == 0 {
            return Err(corrupt("the entries of the bucket `key` are no revisions"));
        }
        self.found.total_keys = self.found.buckets.values().sum();
        if let Some(freelist) = self.pages.meta.freelist {
            self.found.free_pages = Some(self.freelist(freelist)?);
        }
        Ok(())
    }

    /// All that is below a page.
    fn tree(&mut self, id: u64, place: In<'_>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(corrupt(format!(
                "page {id} is more than {MAX_DEPTH} levels deep"
            )));
        }
        let page = self.page(id)?;
        match page.flags {
            BRANCH => {
                if page.count == 0 {
                    return Err(corrupt(format!(
                        "the branch on page {id} has nothing below it"
                    )));
                }
                let mut last: Option<&[u8]> = None;
                for n in 0..page.count {
                    let (key, below) = branch_element(&page.data, n)
                        .ok_or_else(|| corrupt(format!("entry {n} of page {id} is cut")))?;
                    ordered(id, &mut last, key)?;
                    self.tree(below, place, depth + 1)?;
                }
            }
            LEAF => self.leaf(&page.data, page.count, id, place, depth)?,
            other => {
                return Err(corrupt(format!(
                    "page {id} is neither branch nor leaf (flags {other:#x})"
                )));
            }
        }
        if page.run == 1 {
            self.spare.push(page.data);
        }
        Ok(())
    }

    /// Reads a page and notes that it is used.
    fn page(&mut self, id: u64) -> Result<Page> {
        let page = self.pages.page(id, self.spare.pop().unwrap_or_default())?;
        for used in id..id + page.run {
            if self.used.set(used) {
                return Err(corrupt(format!("page {used} is used twice")));
            }
        }
        Ok(page)
    }

    /// The entries of a leaf: a page, or a small bucket inside one.
    fn leaf(
        &mut self,
        data: &[u8],
        count: u16,
        id: u64,
        place: In<'_>,
        depth: usize,
    ) -> Result<()> {
        let mut last: Option<&[u8]> = None;
        for n in 0..count {
            let cut = || corrupt(format!("entry {n} of page {id} is cut"));
            let element = LeafElement::read(data, n).ok_or_else(cut)?;
            let key = element.key(data).ok_or_else(cut)?;
            ordered(id, &mut last, key)?;
            match place {
                In::Root if element.flags & BUCKET == 0 => {
                    return Err(corrupt("an entry that belongs to no bucket"));
                }
                In::Root => {
                    let name = String::from_utf8_lossy(key).into_owned();
                    self.found.buckets.insert(name.clone(), 0);
                    let value = element.value(data).ok_or_else(cut)?;
                    self.bucket(value, id, &name, depth)?;
                }
                In::Bucket(name) => self.entry(name, key, || element.value(data)),
            }
        }
        Ok(())
    }

    /// A bucket: a tree of its own, or so small that it is all in the value.
    fn bucket(&mut self, value: &[u8], id: u64, name: &str, depth: usize) -> Result<()> {
        let cut = || corrupt(format!("the bucket `{name}` on page {id} is cut"));
        let root = u64_at(value, 0).ok_or_else(cut)?;
        if root != 0 {
            return self.tree(root, In::Bucket(name), depth + 1);
        }
        let inside = value.get(BUCKET_HEADER..).ok_or_else(cut)?;
        let (flags, count) = (u16_at(inside, 8), u16_at(inside, 10));
        match (flags, count) {
            (Some(LEAF), Some(count)) => self.leaf(inside, count, id, In::Bucket(name), depth + 1),
            _ => Err(cut()),
        }
    }

    fn entry<'v>(&mut self, bucket: &str, key: &[u8], value: impl Fn() -> Option<&'v [u8]>) {
        if let Some(count) = self.found.buckets.get_mut(bucket) {
            *count += 1;
        }
        match (bucket, key) {
            // 8 bytes of revision, `_`, 8 bytes within it; one more marks a deletion.
            (KEYS, _) if matches!(key.len(), 17 | 18) && key.get(8) == Some(&b'_') => {
                if let Some(revision) = key.first_chunk::<8>() {
                    let revision = u64::from_be_bytes(*revision);
                    self.found.revision = self.found.revision.max(revision);
                }
            }
            (ABOUT, b"consistent_index") => {
                let bytes = value().and_then(|v| v.first_chunk::<8>());
                self.found.consistent_index = bytes.map(|b| u64::from_be_bytes(*b));
            }
            (ABOUT, b"storageVersion") => {
                let text = value().and_then(|v| std::str::from_utf8(v).ok());
                self.found.storage_version = text.map(str::to_owned);
            }
            _ => {}
        }
    }

    /// How many pages are free. None of them may be in use.
    fn freelist(&mut self, id: u64) -> Result<u64> {
        let page = self.page(id)?;
        if page.flags != FREELIST {
            return Err(corrupt(format!("page {id} is not the list of free pages")));
        }
        // A count that does not fit into its field stands in the first entry.
        let (start, count) = match page.count {
            u16::MAX => (HEADER + 8, u64_at(&page.data, HEADER)),
            count => (HEADER, Some(count.into())),
        };
        let count = count
            .filter(|count| *count <= self.pages.meta.pages)
            .ok_or_else(|| corrupt(format!("the list of free pages on page {id} is cut")))?;
        for n in 0..usize::try_from(count).unwrap_or(usize::MAX) {
            let free = u64_at(&page.data, start + n * 8)
                .ok_or_else(|| corrupt(format!("the list of free pages on page {id} is cut")))?;
            if !(2..self.pages.meta.pages).contains(&free) {
                return Err(corrupt(format!(
                    "page {free} of {} is free",
                    self.pages.meta.pages
                )));
            }
            if self.used.set(free) {
                return Err(corrupt(format!("page {free} is free and in use")));
            }
        }
        Ok(count)
    }
}

/// Keys of a page grow from one to the next.
fn ordered<'k>(id: u64, last: &mut Option<&'k [u8]>, key: &'k [u8]) -> Result<()> {
    if last.is_some_and(|last| last >= key) {
        return Err(corrupt(format!("the keys on page {id} are out of order")));
    }
    *last = Some(key);
    Ok(())
}

/// Key and page of an entry of a branch. Positions count from the entry.
fn branch_element(data: &[u8], n: u16) -> Option<(&[u8], u64)> {
    let at = HEADER + ELEMENT * usize::from(n);
    let position = usize::try_from(u32_at(data, at)?).ok()?;
    let size = usize::try_from(u32_at(data, at + 4)?).ok()?;
    let start = at.checked_add(position)?;
    let key = data.get(start..start.checked_add(size)?)?;
    Some((key, u64_at(data, at + 8)?))
}

/// An entry of a leaf: where its key is; its value comes right behind.
struct LeafElement {
    flags: u32,
    start: usize,
    key_size: usize,
    value_size: usize,
}

impl LeafElement {
    fn read(data: &[u8], n: u16) -> Option<Self> {
        let at = HEADER + ELEMENT * usize::from(n);
        let number = |offset| usize::try_from(u32_at(data, at + offset)?).ok();
        Some(LeafElement {
            flags: u32_at(data, at)?,
            start: at.checked_add(number(4)?)?,
            key_size: number(8)?,
            value_size: number(12)?,
        })
    }

    fn key<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        data.get(self.start..self.start.checked_add(self.key_size)?)
    }

    fn value<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        let start = self.start.checked_add(self.key_size)?;
        data.get(start..start.checked_add(self.value_size)?)
    }
}

/// One bit for each page.
struct Bits(Vec<u64>);

impl Bits {
    /// For at most as many pages as the file has: their number was checked
    /// against its size.
    fn new(pages: u64) -> Self {
        Bits(vec![0; usize::try_from(pages / 64 + 1).unwrap_or(0)])
    }

    /// Sets a bit; whether it was set before.
    fn set(&mut self, page: u64) -> bool {
        let bit = 1_u64 << (page % 64);
        let Some(word) = usize::try_from(page / 64)
            .ok()
            .and_then(|at| self.0.get_mut(at))
        else {
            return true;
        };
        let before = *word & bit != 0;
        *word |= bit;
        before
    }
}
