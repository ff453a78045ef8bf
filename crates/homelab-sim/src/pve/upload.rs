//! Multipart uploads: fields in the server's order, then one file.
//!
//! The server's parser is strict and knows no other form than the one its own
//! interface sends: `content`, then `checksum-algorithm`, then `checksum`, each
//! of which may be left out, then the file in a part named `filename`. What
//! follows the file is ignored.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::answer::{ApiError, Result};
use super::params::{self, Params};
use crate::world::derive;

/// The fields before the file, in the only order that is accepted.
const FIELDS: [&str; 3] = ["content", "checksum-algorithm", "checksum"];
/// Longest head of a part, and longest field.
const MAX_FIELD: usize = 8 * 1024;

/// A multipart body that nobody has read yet.
#[derive(Debug)]
pub(super) struct Upload {
    boundary: String,
    body: Incoming,
}

/// A file that came in. Its bytes are counted and hashed, not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// As the client wrote it.
    pub(super) name: String,
    pub(super) size_bytes: u64,
    /// SHA-256, and of the algorithm that the client named: lower-case
    /// hexadecimal by algorithm.
    pub(super) checksums: BTreeMap<String, String>,
}

impl Upload {
    /// The upload in a request with this content type; `None` when it names no
    /// boundary. Quotes around one are not stripped.
    pub(super) fn new(content_type: &str, body: Incoming) -> Option<Self> {
        let boundary = content_type
            .split(';')
            .find_map(|part| part.trim().strip_prefix("boundary="))?;
        Some(Upload {
            boundary: boundary.to_owned(),
            body,
        })
    }

    /// Reads everything: fields into `given`, the file away. A refusal reads
    /// the rest as well, or the client would see a reset in place of it.
    pub(super) async fn receive(mut self, given: &mut Params) -> Result<Received> {
        let mut input = Input {
            body: &mut self.body,
            buffer: BytesMut::new(),
        };
        let result = read(&mut input, &self.boundary, given).await;
        self.drain().await;
        result
    }

    /// Reads what comes and forgets it.
    pub(super) async fn drain(&mut self) {
        while let Some(Ok(_)) = self.body.frame().await {}
    }
}

/// The body, a piece at a time.
struct Input<'b> {
    body: &'b mut Incoming,
    buffer: BytesMut,
}

impl Input<'_> {
    /// Appends the next piece to the buffer; fails at the end.
    async fn more(&mut self) -> Result<()> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|_| bad_request())?.into_data() {
                self.buffer.extend_from_slice(&data);
                return Ok(());
            }
        }
        Err(bad_request())
    }

    /// What stands before `end`, which is taken as well.
    async fn until(&mut self, end: &[u8]) -> Result<Bytes> {
        loop {
            if let Some(at) = find(&self.buffer, end) {
                let taken = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(end.len());
                return Ok(taken);
            }
            if self.buffer.len() > MAX_FIELD {
                return Err(bad_request());
            }
            self.more().await?;
        }
    }

    /// Hands what stands before `end` to `each`, piece by piece.
    async fn stream_until(&mut self, end: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        loop {
            if let Some(at) = find(&self.buffer, end) {
                each(&self.buffer[..at]);
                let _ = self.buffer.split_to(at + end.len());
                return Ok(());
            }
            // The end may have begun.
            let safe = self.buffer.len().saturating_sub(end.len());
            each(&self.buffer[..safe]);
            let _ = self.buffer.split_to(safe);
            self.more().await?;
        }
    }
}

async fn read(input: &mut Input<'_>, boundary: &str, given: &mut Params) -> Result<Received> {
    let end = format!("\r\n--{boundary}").into_bytes();
    input.until(format!("--{boundary}\r\n").as_bytes()).await?;
    let mut next = 0;
    loop {
        let head = input.until(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let name = attribute(&head, "name").ok_or_else(bad_request)?;
        if let Some(file) = attribute(&head, "filename") {
            if name != "filename" {
                return Err(ApiError::die(format!(
                    "wrong field name '{name}' for file upload, expected 'filename'"
                )));
            }
            return read_file(input, &end, file, given).await;
        }
        let at = FIELDS.iter().skip(next).position(|field| *field == name);
        next += at.ok_or_else(bad_request)? + 1;
        let value = input.until(&end).await?;
        let value = String::from_utf8_lossy(&value).into_owned();
        given.insert(name, Value::String(value));
        input.until(b"\r\n").await?;
    }
}

async fn read_file(
    input: &mut Input<'_>,
    end: &[u8],
    name: String,
    given: &mut Params,
) -> Result<Received> {
    let named = given.get("checksum-algorithm").map(params::text);
    let names = named.into_iter().chain(["sha256".to_owned()]);
    let names: BTreeSet<_> = names.collect();
    let mut hashes: Vec<_> = names
        .into_iter()
        .filter_map(|name| Some((hasher(&name)?, name)))
        .collect();
    let mut received = Received {
        name: name.clone(),
        ..Received::default()
    };
    let count = |piece: &[u8]| {
        received.size_bytes += piece.len() as u64;
        for (hash, _) in &mut hashes {
            hash.update(piece);
        }
    };
    input.stream_until(end, count).await?;
    received.checksums = hashes
        .into_iter()
        .map(|(hash, name)| (name, derive::hex(&hash.finalize())))
        .collect();
    given.insert("filename".into(), Value::String(name));
    Ok(received)
}

/// The hash of an algorithm that PVE knows.
pub(super) fn hasher(algorithm: &str) -> Option<Box<dyn DynDigest + Send>> {
    Some(match algorithm {
        "md5" => Box::new(Md5::default()),
        "sha1" => Box::new(Sha1::default()),
        "sha224" => Box::new(Sha224::default()),
        "sha256" => Box::new(Sha256::default()),
        "sha384" => Box::new(Sha384::default()),
        "sha512" => Box::new(Sha512::default()),
        _ => return None,
    })
}

/// `name="…"` in the head of a part, whose disposition must come first.
fn attribute(head: &str, name: &str) -> Option<String> {
    let line = head.lines().next()?;
    let line = line.strip_prefix("Content-Disposition: form-data")?;
    let start = format!("; {name}=\"");
    let value = &line[line.find(&start)? + start.len()..];
    Some(value[..value.find('"')?].to_owned())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        let piece = text.get(at..at + wanted.len())?;
        if piece == wanted {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// What the server says about anything that its parser does not expect.
fn bad_request() -> ApiError {
    ApiError::bare(400, "Bad Request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_strictly_as_by_the_server() {
        let head =
            "Content-Disposition: form-data; name=\"filename\"; filename=\"a b.iso\"\r\nX: y";
        assert_eq!(attribute(head, "name").unwrap(), "filename");
        assert_eq!(attribute(head, "filename").unwrap(), "a b.iso");
        assert_eq!(
            attribute("Content-Type: a/b\r\nContent-Disposition: …", "name"),
            None
        );
    }

    #[test]
    fn finds_at_the_edges() {
        assert_eq!(find(b"abc", b"abc"), Some(0));
        assert_eq!(find(b"xaabc", b"abc"), Some(2));
        assert_eq!(find(b"ab", b"abc"), None);
        assert_eq!(find(b"", b"abc"), None);
    }
}
