//! Pages.

use bytes::{BufMut, Bytes};

use super::Database;

/// Bytes in a page.
pub(super) const PAGE: usize = 4096;
/// Bytes in a page's header.
pub(super) const HEADER: usize = 16;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const META: u16 = 0x04;
const FREE_LIST: u16 = 0x10;
/// Number of entries above which the free list keeps its count elsewhere.
const COUNT_LIMIT: usize = 0xFFFF;

/// Pages in the order of their numbers; the first two are left for the meta pages.
#[derive(Debug)]
pub(super) struct Pages(Vec<u8>);

impl Pages {
    pub(super) fn new() -> Self {
        Pages(vec![0; 2 * PAGE])
    }

    /// The number of the next page.
    pub(super) fn next(&self) -> u64 {
        (self.0.len() / PAGE) as u64
    }

    /// Adds a page, or several in a row when `body` needs them.
    pub(super) fn push(&mut self, flags: u16, count: u16, body: &[u8]) -> u64 {
        let id = self.next();
        let pages = (HEADER + body.len()).div_ceil(PAGE).max(1);
        header(&mut self.0, id, flags, count, pages - 1);
        self.0.extend_from_slice(body);
        let end = (usize::try_from(id).unwrap_or(0) + pages) * PAGE;
        self.0.resize(end, 0);
        id
    }

    /// Finishes the file: a free list that holds every page up to `size`, and
    /// both meta pages.
    pub(super) fn finish(mut self, root: u64, size: u64, transaction: u64) -> Database {
        let wanted = size / PAGE as u64;
        // The free list lists what lies behind it, and so cannot know its own
        // length beforehand: one entry too many in the estimate costs nothing.
        let most = usize::try_from(wanted.saturating_sub(self.next())).unwrap_or(0);
        let pages = (HEADER + 8 * (most + 1)).div_ceil(PAGE) as u64;
        let start = self.next() + pages;
        let end = wanted.max(start);
        let free: Vec<u64> = (start..end).collect();
        let mut body = Vec::with_capacity(8 * (free.len() + 1));
        let count = if free.len() >= COUNT_LIMIT {
            body.put_u64_le(free.len() as u64);
            u16::MAX
        } else {
            u16::try_from(free.len()).unwrap_or(u16::MAX)
        };
        for id in free {
            body.put_u64_le(id);
        }
        // Fill the pages that were set aside for it.
        body.resize(usize::try_from(pages).unwrap_or(1) * PAGE - HEADER, 0);
        let list = self.push(FREE_LIST, count, &body);
        for (slot, txid) in [(0, transaction - 1), (1, transaction)] {
            let page = meta(slot, root, list, end, txid);
            let at = usize::from(slot == 1) * PAGE;
            self.0[at..at + page.len()].copy_from_slice(&page);
        }
        Database {
            used: Bytes::from(self.0),
            size: end * PAGE as u64,
        }
    }
}

fn header(to: &mut Vec<u8>, id: u64, flags: u16, count: u16, overflow: usize) {
    to.put_u64_le(id);
    to.put_u16_le(flags);
    to.put_u16_le(count);
    to.put_u32_le(u32::try_from(overflow).unwrap_or(u32::MAX));
}

fn meta(slot: u64, root: u64, free_list: u64, end: u64, transaction: u64) -> Vec<u8> {
    let mut page = Vec::with_capacity(HEADER + 64);
    header(&mut page, slot, META, 0, 0);
    page.put_u32_le(MAGIC);
    page.put_u32_le(VERSION);
    page.put_u32_le(u32::try_from(PAGE).unwrap_or(0));
    page.put_u32_le(0); // flags
    page.put_u64_le(root);
    page.put_u64_le(0); // sequence of the root bucket
    page.put_u64_le(free_list);
    page.put_u64_le(end);
    page.put_u64_le(transaction);
    let sum = fnv1a(&page[HEADER..]);
    page.put_u64_le(sum);
    page
}

/// FNV-1a, 64 bits: the checksum of a meta page.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn size_is_what_was_asked_and_all_pages_are_accounted_for() {
        for size in [1_u64 << 16, 1 << 20, 300 << 20] {
            let database = Pages::new().finish(2, size, 10);
            assert_eq!(database.size(), size);
            // Header and count of the free list, which is the first page behind the metas.
            let list = database.read(2 * PAGE as u64, 24);
            let pages = 1 + u64::from(u32::from_le_bytes(list[12..16].try_into().unwrap()));
            let count = u64::from(u16::from_le_bytes(list[10..12].try_into().unwrap()));
            let first = u64::from_le_bytes(list[16..24].try_into().unwrap());
            let count = if count == 0xFFFF { first } else { count };
            assert_eq!(2 + pages + count, size / PAGE as u64);
        }
    }
}
