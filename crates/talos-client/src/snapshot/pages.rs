//! Pages of a bbolt file: their headers, what the meta pages say, elements.
//!
//! Numbers are little endian. A page begins with its id (8 bytes), flags (2),
//! count (2) and how many pages it runs over (4).

use std::io;

use homelab_core::{Error, ErrorKind, Result};

/// Bytes of a page's header.
pub(super) const HEADER: usize = 16;
/// Bytes of an element of a branch or a leaf.
pub(super) const ELEMENT: usize = 16;

pub(super) const BRANCH: u16 = 0x01;
pub(super) const LEAF: u16 = 0x02;
const META: u16 = 0x04;
pub(super) const FREELIST: u16 = 0x10;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Bytes of a meta page behind the header that its checksum covers.
const META_SUMMED: usize = 56;
/// Where the list of free pages is when it was not written.
const NO_FREELIST: u64 = u64::MAX;
/// One page runs over at most this much: far more than etcd's largest value, and
/// the list of free pages of 32 GiB.
const LARGEST_RUN: u64 = 64 << 20;

/// Something whose bytes can be read anywhere: a file, or memory.
pub(super) trait ReadAt {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for std::fs::File {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }

    #[cfg(not(unix))]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        use std::io::{Read as _, Seek as _};
        let mut file = self;
        file.seek(io::SeekFrom::Start(offset))?;
        file.read_exact(into)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(into.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    }
}

/// How much is read at once while pages follow one another.
const WINDOW: usize = 64 << 10;

/// A database whose pages are read one by one. Most follow the one before: a
/// call for each would cost more than the bytes do.
pub(super) struct Pages<'a, F: ?Sized> {
    file: &'a F,
    pub(super) meta: Meta,
    /// Where the last read ended.
    next: u64,
    window: Vec<u8>,
    /// Where the window begins.
    start: u64,
}

impl<'a, F: ReadAt + ?Sized> Pages<'a, F> {
    /// Those of the first `size` bytes of `file`.
    ///
    /// # Errors
    /// As [`Meta::read`].
    pub(super) fn open(file: &'a F, size: u64) -> Result<Self> {
        Ok(Pages {
            file,
            meta: Meta::read(file, size)?,
            next: 0,
            window: Vec::new(),
            start: 0,
        })
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let follows = offset == self.next;
        self.next = offset.saturating_add(into.len() as u64);
        if self.windowed(offset, into) {
            return Ok(());
        }
        let end = self.meta.pages.saturating_mul(self.meta.page_size);
        let there = usize::try_from(end.saturating_sub(offset)).unwrap_or(WINDOW);
        if !follows || into.len() > WINDOW || into.len() > there {
            return self.file.read_at(offset, into);
        }
        self.window.resize(WINDOW.min(there), 0);
        self.start = offset;
        match self.file.read_at(offset, &mut self.window) {
            Ok(()) if self.windowed(offset, into) => Ok(()),
            _ => {
                self.window.clear();
                self.file.read_at(offset, into)
            }
        }
    }

    /// Takes bytes from the window, if they are there.
    fn windowed(&self, offset: u64, into: &mut [u8]) -> bool {
        let found = offset
            .checked_sub(self.start)
            .and_then(|from| usize::try_from(from).ok())
            .and_then(|from| self.window.get(from..from.checked_add(into.len())?));
        if let Some(found) = found {
            into.copy_from_slice(found);
        }
        found.is_some()
    }
}

pub(super) fn corrupt(message: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the snapshot is no whole etcd database: {message}"),
    )
}

pub(super) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        data.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

pub(super) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        data.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

pub(super) fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        data.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// What the newer of the two meta pages says.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) page_size: u64,
    pub(super) root: u64,
    pub(super) freelist: Option<u64>,
    /// How many pages there are.
    pub(super) pages: u64,
    pub(super) transaction: u64,
}

impl Meta {
    /// # Errors
    /// `Corrupt` when neither meta page can be believed, or when they speak of
    /// more pages than there are.
    pub(super) fn read(file: &(impl ReadAt + ?Sized), size: u64) -> Result<Self> {
        let mut first = [0; HEADER + META_SUMMED + 8];
        file.read_at(0, &mut first)
            .map_err(|_| corrupt(format!("{size} bytes hold no meta page")))?;
        let newest = match parse_meta(&first, 0) {
            Ok(meta) => {
                let mut second = first;
                let other = file
                    .read_at(meta.page_size, &mut second)
                    .map_err(|e| e.to_string())
                    .and_then(|()| parse_meta(&second, 1));
                match other {
                    Ok(other) if other.transaction > meta.transaction => other,
                    _ => meta,
                }
            }
            Err(why) => other_meta(file).ok_or_else(|| corrupt(why))?,
        };
        if newest
            .pages
            .checked_mul(newest.page_size)
            .is_none_or(|bytes| bytes > size)
        {
            return Err(corrupt(format!(
                "it has {} pages of {} bytes, but only {size} bytes are there",
                newest.pages, newest.page_size
            )));
        }
        Ok(newest)
    }
}

/// The second meta page, when the first does not say where it is.
fn other_meta(file: &(impl ReadAt + ?Sized)) -> Option<Meta> {
    (9..=16).map(|bits| 1_u64 << bits).find_map(|page_size| {
        let mut data = [0; HEADER + META_SUMMED + 8];
        file.read_at(page_size, &mut data).ok()?;
        parse_meta(&data, 1)
            .ok()
            .filter(|meta| meta.page_size == page_size)
    })
}

fn parse_meta(data: &[u8], id: u64) -> Result<Meta, String> {
    let body = data.get(HEADER..).unwrap_or_default();
    let fields = (|| {
        Some((
            u64_at(data, 0)?,
            u16_at(data, 8)?,
            u32_at(body, 0)?,
            u32_at(body, 4)?,
            u32_at(body, 8)?,
            u64_at(body, 16)?,
            u64_at(body, 32)?,
            u64_at(body, 40)?,
            u64_at(body, 48)?,
            u64_at(body, META_SUMMED)?,
        ))
    })();
    let Some((page, flags, magic, version, size, root, freelist, pages, transaction, sum)) = fields
    else {
        return Err(format!("meta page {id} is cut"));
    };
    if page != id || flags & META == 0 || magic != MAGIC {
        return Err(format!("page {id} is not a meta page"));
    }
    if version != VERSION {
        return Err(format!("its format is version {version}, not {VERSION}"));
    }
    let counted = fnv64a(body.get(..META_SUMMED).unwrap_or_default());
    if counted != sum {
        return Err(format!(
            "the checksum of meta page {id} is {counted:016x}, but it says {sum:016x}"
        ));
    }
    if !size.is_power_of_two() || !(512..=65536).contains(&size) {
        return Err(format!("pages of {size} bytes"));
    }
    Ok(Meta {
        page_size: size.into(),
        root,
        freelist: (freelist != NO_FREELIST).then_some(freelist),
        pages,
        transaction,
    })
}

fn fnv64a(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A page with all that it runs over.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) flags: u16,
    pub(super) count: u16,
    /// How many pages it takes.
    pub(super) run: u64,
    pub(super) data: Vec<u8>,
}

impl<F: ReadAt + ?Sized> Pages<'_, F> {
    /// Reads a page with all that it runs over, into `data`, whatever that held.
    ///
    /// # Errors
    /// `Corrupt` when it is not where it says, or not there.
    pub(super) fn page(&mut self, id: u64, mut data: Vec<u8>) -> Result<Page> {
        let (page_size, pages) = (self.meta.page_size, self.meta.pages);
        if !(2..pages).contains(&id) {
            return Err(corrupt(format!("a pointer to page {id} of {pages}")));
        }
        let size = usize::try_from(page_size).unwrap_or(usize::MAX);
        let unread = |e: io::Error| corrupt(format!("page {id} cannot be read: {e}"));
        data.resize(size, 0);
        let offset = id.saturating_mul(page_size);
        self.read_at(offset, &mut data).map_err(unread)?;
        let header = (|| {
            let d = &data;
            Some((u64_at(d, 0)?, u16_at(d, 8)?, u16_at(d, 10)?, u32_at(d, 12)?))
        })();
        let Some((named, flags, count, overflow)) = header else {
            return Err(corrupt(format!("page {id} is cut")));
        };
        if named != id {
            return Err(corrupt(format!("page {id} says that it is page {named}")));
        }
        let run = u64::from(overflow) + 1;
        let bytes = run * page_size;
        if id.saturating_add(run) > pages || bytes > LARGEST_RUN {
            return Err(corrupt(format!("page {id} runs over {run} pages")));
        }
        if run > 1 {
            data.resize(usize::try_from(bytes).unwrap_or(size), 0);
            self.read_at(offset, &mut data).map_err(unread)?;
        }
        Ok(Page {
            flags,
            count,
            run,
            data,
        })
    }
}
