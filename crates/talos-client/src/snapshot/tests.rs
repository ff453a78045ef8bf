//! Databases of a few pages, whole and damaged.

use std::cell::Cell;

use homelab_core::ErrorKind;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::database::walk;
use super::pages::{Pages, ReadAt};

const PAGE: usize = 512;

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

fn header(id: u64, flags: u16, count: u16) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(flags.to_le_bytes());
    page.extend(count.to_le_bytes());
    page.extend([0; 4]);
    page
}

fn meta(id: u64, pages: u64, transaction: u64) -> Vec<u8> {
    let mut body = 0xED0C_DAED_u32.to_le_bytes().to_vec();
    for number in [2, u32::try_from(PAGE).unwrap(), 0] {
        body.extend(number.to_le_bytes());
    }
    // Root on page 3, sequence, list of free pages on page 2.
    for number in [3, 0, 2, pages, transaction] {
        body.extend(u64::to_le_bytes(number));
    }
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    body.extend(sum.to_le_bytes());
    [header(id, 4, 0), body].concat()
}

/// A leaf with these entries: flags, key, value.
fn leaf(id: u64, entries: &[(u32, Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut page = header(id, 2, u16::try_from(entries.len()).unwrap());
    let mut data = Vec::new();
    for (n, (flags, key, value)) in entries.iter().enumerate() {
        let position = (entries.len() - n) * 16 + data.len();
        for number in [
            *flags,
            narrow(position),
            narrow(key.len()),
            narrow(value.len()),
        ] {
            page.extend(number.to_le_bytes());
        }
        data.extend_from_slice(key);
        data.extend_from_slice(value);
    }
    page.extend(data);
    page
}

fn branch(id: u64, below: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut page = header(id, 1, u16::try_from(below.len()).unwrap());
    let mut keys = Vec::new();
    for (n, (key, child)) in below.iter().enumerate() {
        let position = (below.len() - n) * 16 + keys.len();
        for number in [narrow(position), narrow(key.len())] {
            page.extend(number.to_le_bytes());
        }
        page.extend(child.to_le_bytes());
        keys.extend_from_slice(key);
    }
    page.extend(keys);
    page
}

fn revision(main: u64) -> Vec<u8> {
    [main.to_be_bytes().as_slice(), b"_", &[0; 8]].concat()
}

fn bucket(name: &str, root: u64, inside: &[u8]) -> (u32, Vec<u8>, Vec<u8>) {
    let value = [root.to_le_bytes().as_slice(), &[0; 8], inside].concat();
    (1, name.into(), value)
}

/// An etcd database: `keys` revisions over two leaves below a branch, a bucket
/// inside its entry, one free page.
pub(super) fn database(keys: u64) -> Vec<u8> {
    let entries = |from: u64, to: u64| -> Vec<_> {
        (from..to)
            .map(|n| (0, revision(n), b"value".to_vec()))
            .collect()
    };
    let about = leaf(
        0,
        &[
            (
                0,
                b"consistent_index".to_vec(),
                77_u64.to_be_bytes().to_vec(),
            ),
            (0, b"storageVersion".to_vec(), b"3.6.0".to_vec()),
        ],
    );
    let half = 2 + keys / 2;
    let mut pages = [
        meta(0, 8, 5),
        meta(1, 8, 4),
        [header(2, 0x10, 1), 7_u64.to_le_bytes().to_vec()].concat(),
        leaf(3, &[bucket("key", 4, &[]), bucket("meta", 0, &about)]),
        branch(4, &[(revision(2), 5), (revision(half), 6)]),
        leaf(5, &entries(2, half)),
        leaf(6, &entries(half, 2 + keys)),
        Vec::new(),
    ];
    for page in &mut pages {
        page.resize(PAGE, 0);
    }
    pages.concat()
}

/// The same with its checksum behind it.
pub(super) fn snapshot(database: &[u8]) -> Vec<u8> {
    [database, Sha256::digest(database).as_slice()].concat()
}

fn refusal(database: &[u8]) -> String {
    let error = walk(database, database.len() as u64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    error.message().to_owned()
}

#[test]
fn a_database_tells_what_it_holds() {
    let data = database(10);
    let found = walk(data.as_slice(), data.len() as u64).unwrap();
    assert_eq!(
        (found.page_size_bytes, found.pages, found.free_pages),
        (512, 8, Some(1))
    );
    assert_eq!((found.revision, found.total_keys), (11, 12));
    assert_eq!(
        found.buckets,
        [("key".to_owned(), 10), ("meta".to_owned(), 2)].into()
    );
    assert_eq!(found.storage_version.as_deref(), Some("3.6.0"));
    assert_eq!(found.consistent_index, Some(77));
}

#[test]
fn one_good_meta_page_is_enough() {
    let mut data = database(4);
    data[100..PAGE].fill(0xff);
    data[20] ^= 1;
    let found = walk(data.as_slice(), data.len() as u64).unwrap();
    assert_eq!(found.revision, 5);
    data[PAGE + 40] ^= 1;
    assert!(refusal(&data).contains("its format is version 3"));
}

#[test]
fn damage_is_found_where_it_is() {
    let good = database(10);
    let with = |at: usize, value: &[u8]| {
        let mut data = good.clone();
        data[at..at + value.len()].copy_from_slice(value);
        refusal(&data)
    };
    let page = |n: usize| n * PAGE;
    assert!(with(page(5), &[9]).contains("page 5 says that it is page 9"));
    assert!(with(page(5) + 8, &[0x40]).contains("neither branch nor leaf"));
    assert!(with(page(5) + 10, &[200]).contains("of page 5 is cut"));
    // The first key of the leaf becomes larger than the second.
    let first = page(5) + 16 + 5 * 16;
    assert!(with(first, &[0xff]).contains("keys on page 5 are out of order"));
    // Both children of the branch are the same page; a child beyond the end.
    assert!(with(page(4) + 40, &[5]).contains("page 5 is used twice"));
    assert!(with(page(4) + 40, &[99]).contains("a pointer to page 99 of 8"));
    // The branch points to itself.
    assert!(with(page(4) + 24, &[4]).contains("used twice"));
    assert!(with(page(2) + 16, &[6]).contains("page 6 is free and in use"));
    assert!(with(page(2) + 16, &[200]).contains("page 200 of 8 is free"));
    assert!(with(page(5) + 12, &[9]).contains("page 5 runs over 10 pages"));
    assert!(refusal(&good[..page(7)]).contains("8 pages of 512 bytes, but only 3584"));
    assert!(refusal(&[]).contains("no meta page"));
    let at = good[page(3)..]
        .windows(3)
        .position(|w| w == b"key")
        .unwrap();
    assert!(with(page(3) + at, b"kez").contains("no bucket `key`"));
}

#[test]
fn a_file_is_verified_without_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd.db");
    let data = snapshot(&database(4));
    std::fs::write(&path, &data).unwrap();
    let found = super::Snapshot::verify(&path).unwrap();
    assert_eq!(
        (found.size_bytes, found.database.revision),
        (data.len() as u64, 5)
    );
    std::fs::write(&path, &data[..data.len() - 32]).unwrap();
    let error = super::Snapshot::verify(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(super::EtcdDatabase::read(&path).unwrap(), found.database);
    let missing = super::Snapshot::verify(dir.path().join("no.db")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

proptest! {
    #[test]
    fn no_damage_panics(changes in prop::collection::vec((0..8 * PAGE, any::<u8>()), 1..20)) {
        let mut data = database(10);
        for (at, value) in changes {
            data[at] = value;
        }
        crate::fuzz::database(&data);
    }

    #[test]
    fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        crate::fuzz::database(&data);
    }
}

/// Counts how often it is read.
struct Counted(Vec<u8>, Cell<usize>);

impl ReadAt for Counted {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.1.set(self.1.get() + 1);
        self.0[..].read_at(offset, into)
    }
}

#[test]
fn pages_in_a_row_are_read_together_and_others_alone() {
    const COUNT: u64 = 300;
    let mut data = Vec::new();
    for id in 0..COUNT {
        let mut page = match id {
            0 | 1 => meta(id, COUNT, 9 - id),
            id => header(id, 2, 0),
        };
        page.resize(PAGE, u8::try_from(id % 251).unwrap());
        data.extend(page);
    }
    let size = data.len() as u64;
    let file = Counted(data, Cell::new(0));
    let read = |order: &mut dyn Iterator<Item = u64>| {
        let mut pages = Pages::open(&file, size).unwrap();
        file.1.set(0);
        for id in order {
            // A page says its number, or this fails.
            let page = pages.page(id, Vec::new()).unwrap();
            assert_eq!(page.data.last(), Some(&u8::try_from(id % 251).unwrap()));
        }
        file.1.get()
    };
    // 150 KiB: alone, then three windows.
    assert_eq!(read(&mut (2..COUNT)), 4);
    assert_eq!(read(&mut (2..COUNT).rev()), 298);
    assert!(read(&mut (0..298).map(|n| 2 + n * 7 % 298)) > 200);
}
