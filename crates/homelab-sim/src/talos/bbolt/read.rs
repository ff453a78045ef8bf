//! Reads the keys of an etcd database: enough to restore what a snapshot holds.

use std::cell::Cell;

use super::page::{HEADER, PAGE};

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const ELEMENT: usize = 16;
const BUCKET: u32 = 0x01;
const MAGIC: u32 = 0xED0C_DAED;

/// No tree of a real database is deeper.
const DEPTH: usize = 32;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Takes the flags, the key and the value of an entry.
type Take<'a> = dyn FnMut(u32, &[u8], &[u8]) + 'a;

/// The revisions in the bucket `key`, oldest first.
pub(in crate::talos) fn read_keys(database: &[u8]) -> Result<Pairs, String> {
    let file = File::new(database);
    let root = file.root()?;
    let mut buckets = Vec::new();
    file.walk(root, DEPTH, &mut |flags, key, value| {
        if flags & BUCKET != 0 && key == b"key" {
            buckets.push(value.to_vec());
        }
    })?;
    let bucket = buckets.pop().ok_or("the database has no keys")?;
    let mut pairs = Vec::new();
    let mut take = |_: u32, key: &[u8], value: &[u8]| pairs.push((key.to_vec(), value.to_vec()));
    match number(&bucket, 0)? {
        // A small bucket lies where its root would be named.
        0 => File::new(&bucket).leaf(16, &mut take)?,
        page => file.walk(page, DEPTH, &mut take)?,
    }
    Ok(pairs)
}

struct File<'a> {
    bytes: &'a [u8],
    /// Pages that may still be looked at: none of a real tree is in it twice.
    left: Cell<usize>,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        File {
            bytes,
            left: Cell::new(bytes.len() / PAGE + 1),
        }
    }

    /// The root page, as the newer of the two meta pages says.
    fn root(&self) -> Result<u64, String> {
        let metas = [0, PAGE].into_iter().filter_map(|at| {
            let at = at + HEADER;
            let magic = small(self.bytes, at).ok()?;
            let root = number(self.bytes, at + 16).ok()?;
            let transaction = number(self.bytes, at + 48).ok()?;
            (magic == MAGIC).then_some((transaction, root))
        });
        let newest = metas.max().ok_or("invalid database")?;
        Ok(newest.1)
    }

    fn walk(&self, page: u64, depth: usize, take: &mut Take<'_>) -> Result<(), String> {
        let again = || "the database is a loop";
        let deeper = depth.checked_sub(1).ok_or_else(again)?;
        self.left
            .set(self.left.get().checked_sub(1).ok_or_else(again)?);
        let at = usize::try_from(page)
            .ok()
            .and_then(|page| page.checked_mul(PAGE))
            .ok_or("a page is beyond the file")?;
        let (flags, count) = self.header(at)?;
        match flags {
            LEAF => self.leaf(at, take),
            BRANCH => {
                for n in 0..count {
                    let child = number(self.bytes, at + HEADER + n * ELEMENT + 8)?;
                    self.walk(child, deeper, take)?;
                }
                Ok(())
            }
            other => Err(format!("page {page} is of unknown kind {other}")),
        }
    }

    fn leaf(&self, at: usize, take: &mut Take<'_>) -> Result<(), String> {
        let (_, count) = self.header(at)?;
        for n in 0..count {
            let element = at + HEADER + n * ELEMENT;
            let field = |n: usize| small(self.bytes, element + 4 * n);
            let (flags, position, key, value) = (field(0)?, field(1)?, field(2)?, field(3)?);
            let start = element + position as usize;
            let middle = start + key as usize;
            let key = self.bytes.get(start..middle);
            let value = self.bytes.get(middle..middle + value as usize);
            match (key, value) {
                (Some(key), Some(value)) => take(flags, key, value),
                _ => return Err("an entry is beyond the file".into()),
            }
        }
        Ok(())
    }

    /// Kind of a page and number of its elements.
    fn header(&self, at: usize) -> Result<(u16, usize), String> {
        let word = |at: usize| -> Option<u16> {
            let bytes = self.bytes.get(at..at + 2)?;
            Some(u16::from_le_bytes(bytes.try_into().ok()?))
        };
        match (word(at + 8), word(at + 10)) {
            (Some(flags), Some(count)) => Ok((flags, usize::from(count))),
            _ => Err("a page is beyond the file".into()),
        }
    }
}

fn small(bytes: &[u8], at: usize) -> Result<u32, String> {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    four.map(u32::from_le_bytes).ok_or_else(short)
}

fn number(bytes: &[u8], at: usize) -> Result<u64, String> {
    let eight = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    eight.map(u64::from_le_bytes).ok_or_else(short)
}

fn short() -> String {
    "the file is cut short".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::page::Pages;
    use super::super::tree::{self, Entry};
    use super::*;

    fn database(entries: usize) -> Vec<u8> {
        let mut pages = Pages::new();
        let keys = (0..entries).map(|n| Entry::new(format!("{n:08}"), vec![7; 100]));
        let page = tree::write(&mut pages, keys.collect());
        let root = tree::write(&mut pages, vec![Entry::bucket("key", page)]);
        let database = pages.finish(root, 1 << 20, 10);
        database.read(0, 1 << 20).to_vec()
    }

    #[test]
    fn what_was_written_is_read() {
        for count in [0, 1, 3000] {
            let pairs = read_keys(&database(count)).unwrap();
            assert_eq!(pairs.len(), count);
            assert!(pairs.is_sorted());
        }
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        let good = database(3000);
        assert!(read_keys(&[]).is_err());
        assert!(read_keys(&good[..20_000]).is_err());
        // A branch that names itself.
        let mut looped = good.clone();
        for at in (2 * PAGE..good.len()).step_by(PAGE) {
            if looped[at + 8] == 1 {
                let page = (at / PAGE) as u64;
                let child = at + HEADER + 8;
                looped[child..child + 8].copy_from_slice(&page.to_le_bytes());
            }
        }
        assert!(read_keys(&looped).is_err());
    }
}
