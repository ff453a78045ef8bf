//! An etcd snapshot of any size: a bbolt file as etcd leaves it, with its
//! checksum behind it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

const PAGE: usize = 4096;
/// Two values to a page, as a Kubernetes cluster's are about this large.
const VALUE: usize = 1960;

/// Writes a snapshot of about `size` bytes.
///
/// # Errors
/// Those of the file.
pub fn write_snapshot(path: &Path, size: u64) -> io::Result<()> {
    let leaves = size / PAGE as u64;
    let mut file = Hashed {
        out: BufWriter::with_capacity(1 << 20, File::create(path)?),
        hash: Sha256::new(),
    };
    // Meta pages come first and speak of what comes last, so it is counted before.
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().copied().filter(|n| *n > 1) {
        levels.push(below.div_ceil(FANOUT));
    }
    let tree: u64 = levels.iter().sum();
    let root = 3 + tree;
    let pages = root + 1;
    file.page(&meta(0, root, pages, 9))?;
    file.page(&meta(1, root, pages, 8))?;
    file.page(&header(2, 0x10, 0))?;
    let mut below: Vec<(u64, u64)> = Vec::new();
    for n in 0..leaves {
        let (id, revision) = (3 + n, 2 + 2 * n);
        below.push((revision, id));
        file.page(&leaf(id, revision))?;
    }
    let mut next = 3 + leaves;
    while below.len() > 1 {
        let mut above = Vec::new();
        for children in below.chunks(usize::try_from(FANOUT).unwrap_or(100)) {
            above.push((children.first().map_or(0, |c| c.0), next));
            file.page(&branch(next, children))?;
            next += 1;
        }
        below = above;
    }
    file.page(&buckets(root, below.first().map_or(3, |b| b.1)))?;
    file.finish()
}

/// Children of a branch.
const FANOUT: u64 = 100;

struct Hashed {
    out: BufWriter<File>,
    hash: Sha256,
}

impl Hashed {
    fn page(&mut self, data: &[u8]) -> io::Result<()> {
        let mut page = data.to_vec();
        page.resize(PAGE, 0);
        self.hash.update(&page);
        self.out.write_all(&page)
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&self.hash.finalize())?;
        self.out.flush()
    }
}

fn header(id: u64, flags: u16, count: u16) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(flags.to_le_bytes());
    page.extend(count.to_le_bytes());
    page.extend([0; 4]);
    page
}

fn meta(id: u64, root: u64, pages: u64, transaction: u64) -> Vec<u8> {
    let mut body = 0xED0C_DAED_u32.to_le_bytes().to_vec();
    for number in [2_u32, 4096, 0] {
        body.extend(number.to_le_bytes());
    }
    for number in [root, 0, 2, pages, transaction] {
        body.extend(number.to_le_bytes());
    }
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    body.extend(sum.to_le_bytes());
    [header(id, 4, 0), body].concat()
}

fn key(revision: u64) -> Vec<u8> {
    [revision.to_be_bytes().as_slice(), b"_", &[0; 8]].concat()
}

fn narrow(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

/// A leaf with these entries: flags, key, value.
fn leaf_of(id: u64, entries: &[(u32, Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut page = header(id, 2, u16::try_from(entries.len()).unwrap_or(u16::MAX));
    let mut data = Vec::new();
    for (n, (flags, key, value)) in entries.iter().enumerate() {
        page.extend(flags.to_le_bytes());
        page.extend(narrow((entries.len() - n) * 16 + data.len()));
        page.extend(narrow(key.len()));
        page.extend(narrow(value.len()));
        data.extend_from_slice(key);
        data.extend_from_slice(value);
    }
    page.extend(data);
    page
}

fn leaf(id: u64, revision: u64) -> Vec<u8> {
    // Values that do not repeat, as JSON of a cluster does not.
    let value = |seed: u64| -> Vec<u8> {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let words = (0..VALUE / 8).flat_map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()
        });
        words.collect()
    };
    let entry = |revision| (0, key(revision), value(revision));
    leaf_of(id, &[entry(revision), entry(revision + 1)])
}

fn branch(id: u64, children: &[(u64, u64)]) -> Vec<u8> {
    let mut page = header(id, 1, u16::try_from(children.len()).unwrap_or(u16::MAX));
    let mut keys = Vec::new();
    for (n, (revision, child)) in children.iter().enumerate() {
        page.extend(narrow((children.len() - n) * 16 + keys.len()));
        page.extend(narrow(17));
        page.extend(child.to_le_bytes());
        keys.extend(key(*revision));
    }
    page.extend(keys);
    page
}

/// The root of all: one bucket, `key`.
fn buckets(id: u64, keys: u64) -> Vec<u8> {
    let value = [keys.to_le_bytes(), [0; 8]].concat();
    leaf_of(id, &[(1, b"key".to_vec(), value)])
}
