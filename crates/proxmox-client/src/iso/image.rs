//! ISO 9660 (ECMA-119) as far as one folder of small files needs it, with the
//! long names twice: as Rock Ridge (IEEE P1282) and as Joliet.

/// One sector, and one block.
const SECTOR: usize = 2048;
const SECTOR_BYTES: u16 = 2048;
/// Where the two folders are; the files follow.
const PRIMARY_PATHS: u32 = 19;
const JOLIET_PATHS: u32 = 21;
const PRIMARY_ROOT: u32 = 23;
const JOLIET_ROOT: u32 = 24;
const FIRST_FILE: u32 = 25;
/// The path table of a disc with nothing but the top folder.
const PATH_TABLE_BYTES: u32 = 10;

/// The image: `files` with names in ascending order, few enough for a folder
/// of one sector.
pub(super) fn image(label: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut placed = Vec::new();
    let mut next = FIRST_FILE;
    for (name, data) in files {
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        placed.push(Entry {
            name,
            extent: next,
            bytes,
        });
        next += bytes.div_ceil(SECTOR_BYTES.into());
    }
    let primary = Volume {
        joliet: false,
        root: PRIMARY_ROOT,
        paths: PRIMARY_PATHS,
    };
    let joliet = Volume {
        joliet: true,
        root: JOLIET_ROOT,
        paths: JOLIET_PATHS,
    };
    let mut image = vec![0; 16 * SECTOR];
    let mut sector = |bytes: &[u8]| {
        image.extend_from_slice(bytes);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    };
    sector(&primary.descriptor(label, next));
    sector(&joliet.descriptor(label, next));
    sector(b"\xffCD001\x01");
    for volume in [&primary, &joliet] {
        sector(&volume.path_table(u32::to_le_bytes, u16::to_le_bytes));
        sector(&volume.path_table(u32::to_be_bytes, u16::to_be_bytes));
    }
    sector(&primary.folder(&placed));
    sector(&joliet.folder(&placed));
    for (_, data) in files {
        if !data.is_empty() {
            sector(data);
        }
    }
    image
}

/// A file: its name, where it starts, how long it is.
struct Entry<'a> {
    name: &'a str,
    extent: u32,
    bytes: u32,
}

/// One of the two views of the disc.
struct Volume {
    joliet: bool,
    root: u32,
    paths: u32,
}

impl Volume {
    fn descriptor(&self, label: &str, sectors: u32) -> Vec<u8> {
        let text = |text: &str, length: usize| -> Vec<u8> {
            let units: Vec<u8> = if self.joliet {
                ucs2(text)
            } else {
                text.bytes().collect()
            };
            let blank: &[u8] = if self.joliet { &[0, b' '] } else { b" " };
            let mut field = units;
            while field.len() + blank.len() <= length {
                field.extend_from_slice(blank);
            }
            field.resize(length, 0);
            field
        };
        let mut out = vec![if self.joliet { 2 } else { 1 }];
        out.extend_from_slice(b"CD001\x01\x00");
        out.extend(text("", 32)); // system
        out.extend(text(label, 32));
        out.extend([0; 8]);
        out.extend(both32(sectors));
        let mut escapes = [0; 32];
        if self.joliet {
            // UCS-2 level 3.
            escapes[..3].copy_from_slice(b"%/E");
        }
        out.extend(escapes);
        out.extend(both16(1)); // discs in the set
        out.extend(both16(1)); // which one this is
        out.extend(both16(SECTOR_BYTES));
        out.extend(both32(PATH_TABLE_BYTES));
        out.extend(self.paths.to_le_bytes());
        out.extend([0; 4]);
        out.extend((self.paths + 1).to_be_bytes());
        out.extend([0; 4]);
        out.extend(record(&[0], self.root, SECTOR_BYTES.into(), true, &[]));
        for length in [128, 128, 128, 128, 37, 37, 37] {
            out.extend(text("", length));
        }
        for _ in 0..4 {
            out.extend(b"0000000000000000\x00"); // a time that is not told
        }
        out.push(1);
        out
    }

    fn path_table(&self, long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut out = vec![1, 0];
        out.extend(long(self.root));
        out.extend(short(1));
        out.extend([0, 0]);
        out
    }

    fn folder(&self, files: &[Entry<'_>]) -> Vec<u8> {
        let (own, above) = if self.joliet {
            (Vec::new(), Vec::new())
        } else {
            let mut own = Vec::from(*b"SP\x07\x01\xbe\xef\x00");
            own.extend(posix(0o040_555, 2));
            own.extend(EXTENSION);
            (own, posix(0o040_555, 2))
        };
        let size = SECTOR_BYTES.into();
        let mut out = record(&[0], self.root, size, true, &own);
        out.extend(record(&[1], self.root, size, true, &above));
        for file in files {
            if self.joliet {
                let name = ucs2(file.name);
                out.extend(record(&name, file.extent, file.bytes, false, &[]));
            } else {
                let mut more = posix(0o100_444, 1);
                more.extend([b'N', b'M', byte(5 + file.name.len()), 1, 0]);
                more.extend(file.name.bytes());
                let plain = plain_name(file.name);
                out.extend(record(
                    plain.as_bytes(),
                    file.extent,
                    file.bytes,
                    false,
                    &more,
                ));
            }
        }
        out
    }
}

/// Says that the other fields are Rock Ridge; readers look for the name.
const EXTENSION: &[u8] = b"ER\x14\x01\x0a\x01\x01\x01RRIP_1991A--";

/// Rock Ridge's mode, links and owner.
fn posix(mode: u32, links: u32) -> Vec<u8> {
    let mut out = Vec::from(*b"PX\x24\x01");
    for number in [mode, links, 0, 0] {
        out.extend(both32(number));
    }
    out
}

/// `USER_DATA.;1`: capitals, digits and underscores are all that the plain
/// form knows.
fn plain_name(name: &str) -> String {
    let upper: String = name
        .chars()
        .map(|c| match c.to_ascii_uppercase() {
            c @ ('A'..='Z' | '0'..='9') => c,
            _ => '_',
        })
        .collect();
    format!("{upper}.;1")
}

fn record(name: &[u8], extent: u32, bytes: u32, folder: bool, system_use: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(both32(extent));
    out.extend(both32(bytes));
    out.extend([70, 1, 1, 0, 0, 0, 0]); // 1970, so that equal input is an equal image
    out.extend([if folder { 2 } else { 0 }, 0, 0]);
    out.extend(both16(1));
    out.push(byte(name.len()));
    out.extend_from_slice(name);
    if name.len().is_multiple_of(2) {
        out.push(0);
    }
    out.extend_from_slice(system_use);
    if !out.len().is_multiple_of(2) {
        out.push(0);
    }
    let length = byte(out.len());
    if let Some(first) = out.first_mut() {
        *first = length;
    }
    out
}

/// Names here are a few characters long.
fn byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn both32(n: u32) -> [u8; 8] {
    (u64::from(n) | u64::from(n.swap_bytes()) << 32).to_le_bytes()
}

fn both16(n: u16) -> [u8; 4] {
    (u32::from(n) | u32::from(n.swap_bytes()) << 16).to_le_bytes()
}
