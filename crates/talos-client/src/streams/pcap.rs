//! The capture file format, as far as needed to keep a file whole: a header of
//! 24 bytes, then packets with headers of 16.

use bytes::{Bytes, BytesMut};
use homelab_core::{Error, ErrorKind, Result};

const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// Nanoseconds, little endian: what Talos sends.
const MAGIC: [u8; 4] = 0xA1B2_3C4D_u32.to_le_bytes();

/// Larger packets do not exist; the length is damaged.
const LARGEST: usize = 1 << 20;

/// Cuts a stream at the ends of packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    buffer: BytesMut,
    started: bool,
    count: u64,
    /// Kind of the link: 1 with Ethernet headers, 101 without.
    link_type: u32,
}

impl Packets {
    /// Takes the next bytes and gives back what is whole of them.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Bytes> {
        self.buffer.extend_from_slice(chunk);
        let mut whole = 0;
        if !self.started {
            let Some(header) = self.buffer.get(..FILE_HEADER) else {
                return Ok(Bytes::new());
            };
            if header.get(..4) != Some(&MAGIC[..]) {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the stream does not begin as a capture",
                ));
            }
            self.link_type = number(header, 20).unwrap_or(0);
            self.started = true;
            whole = FILE_HEADER;
        }
        while let Some(length) = number(&self.buffer, whole + 8) {
            if self.buffer.len() < whole + PACKET_HEADER {
                break;
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > LARGEST {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("packet {} would have {length} bytes", self.count + 1),
                ));
            }
            let end = whole + PACKET_HEADER + length;
            if self.buffer.len() < end {
                break;
            }
            whole = end;
            self.count += 1;
        }
        Ok(self.buffer.split_to(whole).freeze())
    }

    pub(super) fn packets(&self) -> u64 {
        self.count
    }

    pub(super) fn link_type(&self) -> u32 {
        self.link_type
    }

    /// Whether the header of the file has come.
    pub(super) fn started(&self) -> bool {
        self.started
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(four))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(lengths: &[u32]) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(MAGIC);
        file.extend([2, 0, 4, 0]);
        file.extend([0; 8]);
        file.extend(65535_u32.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        for length in lengths {
            file.extend([0; 8]);
            file.extend(length.to_le_bytes());
            file.extend(length.to_le_bytes());
            file.extend(vec![7; *length as usize]);
        }
        file
    }

    #[test]
    fn only_whole_packets_come_out() {
        let file = capture(&[60, 0, 1500]);
        for size in [1, 7, 16, 1024, file.len()] {
            let mut packets = Packets::default();
            let mut out = Vec::new();
            for chunk in file.chunks(size) {
                out.extend(packets.push(chunk).unwrap());
            }
            assert_eq!(out, file, "{size}");
            assert_eq!((packets.packets(), packets.link_type()), (3, 1));
        }
        let mut packets = Packets::default();
        let whole = packets.push(&file[..file.len() - 1]).unwrap();
        assert_eq!(whole.len(), 24 + 76 + 16);
        assert_eq!(packets.packets(), 2);
    }

    #[test]
    fn other_things_are_refused() {
        let error = Packets::default().push(&[0; 24]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let mut damaged = capture(&[60]);
        damaged[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Packets::default().push(&damaged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
