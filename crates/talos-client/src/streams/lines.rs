//! Lines from chunks.

use bytes::{Buf, BytesMut};

/// A line longer than this comes in pieces: a node must not fill our memory.
const LONGEST: usize = 1 << 20;

/// Joins chunks and cuts them at line ends.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole line, without its end. What is not UTF-8 is replaced.
    pub(crate) fn next(&mut self) -> Option<String> {
        let new = self.buffer.get(self.searched..).unwrap_or_default();
        if let Some(at) = new.iter().position(|b| *b == b'\n') {
            let line = self.buffer.split_to(self.searched + at);
            self.buffer.advance(1);
            self.searched = 0;
            return Some(text(&line));
        }
        self.searched = self.buffer.len();
        (self.searched >= LONGEST).then(|| self.rest())
    }

    /// What came after the last line end.
    pub(crate) fn last(&mut self) -> Option<String> {
        (!self.buffer.is_empty()).then(|| self.rest())
    }

    fn rest(&mut self) -> String {
        self.searched = 0;
        text(&self.buffer.split())
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                all.push(line);
            }
        }
        all.extend(lines.last());
        all
    }

    #[test]
    fn boundaries_of_chunks_do_not_matter() {
        let text = "eins\nzwei ä\r\n\ndrei ohne Ende".as_bytes();
        let expected = ["eins", "zwei ä", "", "drei ohne Ende"];
        assert_eq!(lines(&[text]), expected);
        for size in 1..text.len() {
            let chunks: Vec<_> = text.chunks(size).collect();
            assert_eq!(lines(&chunks), expected, "{size}");
        }
    }

    #[test]
    fn what_is_not_text_is_replaced() {
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let chunk = vec![b'x'; LONGEST + 10];
        let got = lines(&[&chunk, b"y\n"]);
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].len(), LONGEST + 10);
        assert_eq!(got[1], "y");
    }
}
