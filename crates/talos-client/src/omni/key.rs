//! An armored PGP private key, as Omni's tools make them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::signature::Ed25519KeyPair;

use super::packet::Reader;
use crate::hex::hex;

const BEGIN: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";
const END: &str = "-----END PGP PRIVATE KEY BLOCK-----";
/// The algorithm that PGP calls legacy `EdDSA`.
pub(super) const EDDSA: u8 = 22;
/// What names the curve Ed25519: 1.3.6.1.4.1.11591.15.1.
pub(super) const ED25519: [u8; 9] = [0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];

const SIGNATURE: u8 = 2;
const SECRET_KEY: u8 = 5;
const SECRET_SUBKEY: u8 = 7;
const PUBLIC_SUBKEY: u8 = 14;

/// Signs. `Debug` shows its fingerprint and no more.
pub(crate) struct SigningKey {
    pub(super) pair: Ed25519KeyPair,
    pub(super) fingerprint: [u8; 20],
    /// Seconds since 1970; `None`: never.
    pub(super) expires: Option<u64>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.fingerprint())
            .finish()
    }
}

impl SigningKey {
    /// Reads the first key of an armored block.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and holds nothing secret.
    pub(crate) fn parse(armored: &str) -> Result<Self, String> {
        let bytes = unarmored(armored)?;
        let mut packets = Reader(&bytes);
        let damaged = || "the PGP key is damaged or cut off".to_owned();
        let (tag, body) = packets.packet().ok_or_else(damaged)?;
        if tag != SECRET_KEY {
            return Err(format!(
                "the PGP block begins with packet {tag}, not with a secret key"
            ));
        }
        let (pair, public, created) = secret_key(body)?;
        let mut newest: Option<(u32, Option<u64>)> = None;
        while !packets.0.is_empty() {
            let (tag, body) = packets.packet().ok_or_else(damaged)?;
            match tag {
                SIGNATURE => {
                    if let Some(said) = lifetime(body, created)
                        && newest.is_none_or(|(time, _)| said.0 >= time)
                    {
                        newest = Some(said);
                    }
                }
                // What follows is said about other keys.
                SECRET_SUBKEY | PUBLIC_SUBKEY => break,
                _ => {}
            }
        }
        Ok(SigningKey {
            pair,
            fingerprint: fingerprint(public),
            expires: newest.and_then(|(_, expires)| expires),
        })
    }

    /// In lower-case hexadecimal digits, as Omni names keys.
    pub(crate) fn fingerprint(&self) -> String {
        hex(&self.fingerprint)
    }

    /// The date at which it ended, if it has ended by `now`.
    pub(crate) fn expired(&self, now: SystemTime) -> Option<String> {
        let end = UNIX_EPOCH.checked_add(Duration::from_secs(self.expires?))?;
        let said =
            || Timestamp::try_from(end).map_or("an unknown date".to_owned(), |t| t.to_string());
        (now > end).then(said)
    }
}

/// What is between the lines that begin and end the block. The checksum there is
/// for transport over lines; the key has one of its own.
fn unarmored(text: &str) -> Result<Vec<u8>, String> {
    let Some((_, rest)) = text.split_once(BEGIN) else {
        return Err(if text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            "holds a public PGP key; the private one is needed".to_owned()
        } else {
            format!("holds no PGP private key: no line {BEGIN:?}")
        });
    };
    let Some((block, _)) = rest.split_once(END) else {
        return Err(format!("the PGP key is cut off: no line {END:?}"));
    };
    // Header lines, an empty line, the data.
    let mut data = String::new();
    for line in block.lines().map(str::trim) {
        if line.contains(": ") || line.ends_with(':') {
            data.clear();
        } else if !line.starts_with('=') {
            data.push_str(line);
        }
    }
    STANDARD
        .decode(&data)
        .map_err(|e| format!("the PGP key is not base64: {e}"))
}

/// The key pair, the part of the packet that is public, and when it was made.
fn secret_key(mut body: Reader<'_>) -> Result<(Ed25519KeyPair, &[u8], u32), String> {
    let whole = body.0;
    let cut = || "the PGP key is damaged or cut off".to_owned();
    let version = body.byte().ok_or_else(cut)?;
    if version != 4 {
        return Err(format!(
            "a PGP key of version {version}; Omni takes version 4"
        ));
    }
    let created = body.number(4).ok_or_else(cut)?;
    let algorithm = body.byte().ok_or_else(cut)?;
    let oid_length = (algorithm == EDDSA)
        .then(|| body.byte())
        .flatten()
        .unwrap_or_default();
    if oid_length == 0 || body.take(usize::from(oid_length)) != Some(&ED25519[..]) {
        return Err(format!(
            "a PGP key of algorithm {algorithm}; Omni's keys are Ed25519 (algorithm {EDDSA})"
        ));
    }
    let public = body.mpi().ok_or_else(cut)?;
    let point = public
        .strip_prefix(&[0x40])
        .filter(|point| point.len() == 32)
        .ok_or_else(cut)?;
    let public_length = whole.len() - body.0.len();
    match body.byte().ok_or_else(cut)? {
        0 => {}
        _ => {
            return Err(
                "the PGP key is locked with a passphrase; export it without one".to_owned(),
            );
        }
    }
    let secret = body.0;
    let scalar = body.mpi().filter(|s| s.len() <= 32).ok_or_else(cut)?;
    let summed = &secret[..secret.len() - body.0.len()];
    let sum = summed
        .iter()
        .fold(0_u16, |sum, b| sum.wrapping_add(u16::from(*b)));
    if body.number(2) != Some(u32::from(sum)) {
        return Err(cut());
    }
    let mut seed = [0; 32];
    seed[32 - scalar.len()..].copy_from_slice(scalar);
    let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, point)
        .map_err(|_| "the two halves of the PGP key do not belong together".to_owned())?;
    Ok((pair, &whole[..public_length], created))
}

/// SHA-1 of the public part, as version 4 has it: a name, not a protection.
fn fingerprint(public: &[u8]) -> [u8; 20] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&[0x99]);
    context.update(
        &u16::try_from(public.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes(),
    );
    context.update(public);
    let mut name = [0; 20];
    name.copy_from_slice(context.finish().as_ref());
    name
}

/// What a signature by the key about itself says: when, and until when. `None`
/// for other signatures.
fn lifetime(mut body: Reader<'_>, created: u32) -> Option<(u32, Option<u64>)> {
    if body.byte()? != 4 || !matches!(body.byte()?, 0x10..=0x13 | 0x1f) {
        return None;
    }
    body.take(2)?;
    let length = usize::try_from(body.number(2)?).ok()?;
    let mut entries = Reader(body.take(length)?);
    let (mut signed, mut signature, mut key) = (0, 0, 0);
    while !entries.0.is_empty() {
        let mut entry = entries.part()?;
        match entry.byte()? & 0x7f {
            2 => signed = entry.number(4)?,
            3 => signature = entry.number(4)?,
            9 => key = entry.number(4)?,
            _ => {}
        }
    }
    let end =
        |from: u32, seconds: u32| (seconds != 0).then(|| u64::from(from) + u64::from(seconds));
    let ends = [end(signed, signature), end(created, key)];
    Some((signed, ends.into_iter().flatten().min()))
}
