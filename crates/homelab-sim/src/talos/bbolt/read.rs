//! Reads the keys of an etcd database: enough to restore what a snapshot holds.

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
    let file = File(database);
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
        0 => File(&bucket).leaf(16, &mut take)?,
        page => file.walk(page, DEPTH, &mut take)?,
    }
    Ok(pairs)
}

struct File<'a>(&'a [u8]);

impl File<'_> {
    /// The root page, as the newer of the two meta pages says.
    fn root(&self) -> Result<u64, String> {
        let metas = [0, PAGE].into_iter().filter_map(|at| {
            let at = at + HEADER;
            let magic = small(self.0, at).ok()?;
            let root = number(self.0, at + 16).ok()?;
            let transaction = number(self.0, at + 48).ok()?;
            (magic == MAGIC).then_some((transaction, root))
        });
        let newest = metas.max().ok_or("invalid database")?;
        Ok(newest.1)
    }

    fn walk(&self, page: u64, depth: usize, take: &mut Take<'_>) -> Result<(), String> {
        let deeper = depth.checked_sub(1).ok_or("the database is a loop")?;
        let at = usize::try_from(page)
            .ok()
            .and_then(|page| page.checked_mul(PAGE))
            .ok_or("a page is beyond the file")?;
        let (flags, count) = self.header(at)?;
        match flags {
            LEAF => self.leaf(at, take),
            BRANCH => {
                for n in 0..count {
                    let child = number(self.0, at + HEADER + n * ELEMENT + 8)?;
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
            let field = |n: usize| small(self.0, element + 4 * n);
            let (flags, position, key, value) = (field(0)?, field(1)?, field(2)?, field(3)?);
            let start = element + position as usize;
            let middle = start + key as usize;
            let key = self.0.get(start..middle);
            let value = self.0.get(middle..middle + value as usize);
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
            let bytes = self.0.get(at..at + 2)?;
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
