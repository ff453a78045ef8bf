//! The body of an answer: read whole, never more than allowed.

use std::io::Read;

use bytes::Bytes;
use homelab_core::{Error, ErrorKind, Sent};

use super::exchange::{Failure, body_failure};

/// What a header alone may make us allocate. Ten thousand guests fit: growing
/// step by step would copy, and have the kernel clear, several times as much.
const ALLOCATED_AT_ONCE: usize = 16 << 20;

/// Reads the whole body, but never more than `max` bytes of it, before and
/// after unpacking.
pub(super) async fn read(response: &mut reqwest::Response, max: usize) -> Result<String, Failure> {
    let packed = packing(response.headers())?;
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > max {
        return Err(too_large(max));
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(announced.min(ALLOCATED_AT_ONCE));
    loop {
        let chunk: Option<Bytes> = response
            .chunk()
            .await
            .map_err(|e| body_failure(e, bytes.len()))?;
        let Some(chunk) = chunk else { break };
        if bytes.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&chunk);
    }
    if packed && !bytes.is_empty() {
        bytes = unpack(&bytes, max)?;
    }
    String::from_utf8(bytes).map_err(|e| refused("the answer is not UTF-8 text").source_of(e))
}

/// Whether the body is packed with gzip. We never ask for it, but the journal
/// and downloads come so unasked.
fn packing(headers: &http::HeaderMap) -> Result<bool, Failure> {
    match headers
        .get(http::header::CONTENT_ENCODING)
        .map(http::HeaderValue::as_bytes)
    {
        None | Some(b"" | b"identity") => Ok(false),
        Some(b"gzip" | b"x-gzip") => Ok(true),
        Some(_) => Err(refused(
            "the answer is packed in a way that was not asked for",
        )),
    }
}

fn unpack(bytes: &[u8], max: usize) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut text)
        .map_err(|e| refused("the packed answer is damaged or cut off").source_of(e))?;
    if text.len() > max {
        return Err(too_large(max));
    }
    Ok(text)
}

fn too_large(max: usize) -> Failure {
    let limit = match max >> 20 {
        mib if mib << 20 == max => format!("{mib} MiB"),
        _ => format!("{max} bytes"),
    };
    refused(format!("the answer is larger than {limit}"))
}

fn refused(message: impl Into<String>) -> Failure {
    let error = Error::new(ErrorKind::Protocol, message).sent(Sent::Yes);
    Failure::sent(error, false, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_packed_answer_cannot_claim_memory() {
        let bomb = packed(&vec![b' '; 8 << 20]);
        assert!(bomb.len() < 64 << 10);
        let failure = unpack(&bomb, 1 << 20).unwrap_err();
        assert_eq!(failure.error.message(), "the answer is larger than 1 MiB");
        assert_eq!(unpack(&packed(b"{}"), 1 << 20).unwrap(), b"{}");
        let cut = packed(b"{\"data\":[]}");
        assert!(unpack(&cut[..cut.len() - 9], 1 << 20).is_err());
    }
}
