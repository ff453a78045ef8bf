//! PGP's binary form, as far as keys need it (RFC 9580, sections 3 and 4).

/// Bytes that are read from the front. Each step answers `None` at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A big-endian number of `count` bytes, four at most.
    pub(super) fn number(&mut self, count: usize) -> Option<u32> {
        let bytes = self.take(count)?;
        Some(bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    /// A number with its length in bits in front, without leading zeros.
    pub(super) fn mpi(&mut self) -> Option<&'a [u8]> {
        let bits = self.number(2)?;
        self.take(usize::try_from(bits.div_ceil(8)).ok()?)
    }

    /// What a length of `length` bytes covers.
    fn sized(&mut self, length: usize) -> Option<Reader<'a>> {
        let length = usize::try_from(self.number(length)?).ok()?;
        self.take(length).map(Reader)
    }

    /// Its tag and the content of the next packet. Lengths that are not known
    /// beforehand are for streams of data; keys have none.
    pub(super) fn packet(&mut self) -> Option<(u8, Reader<'a>)> {
        let first = self.byte()?;
        if first & 0x80 == 0 {
            return None;
        }
        if first & 0x40 != 0 {
            return Some((first & 0x3f, self.part()?));
        }
        let body = match first & 3 {
            0 => self.sized(1)?,
            1 => self.sized(2)?,
            2 => self.sized(4)?,
            _ => return None,
        };
        Some((first >> 2 & 0xf, body))
    }

    /// A part with its length in front: a packet of the newer form, or one entry
    /// of a signature.
    pub(super) fn part(&mut self) -> Option<Reader<'a>> {
        let length = match self.byte()? {
            n @ 0..=191 => usize::from(n),
            n @ 192..=223 => ((usize::from(n) - 192) << 8) + usize::from(self.byte()?) + 192,
            255 => return self.sized(4),
            224..=254 => return None,
        };
        self.take(length).map(Reader)
    }
}
