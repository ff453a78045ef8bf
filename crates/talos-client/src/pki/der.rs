//! The bytes of a client certificate (RFC 5280).

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm};
use time::OffsetDateTime;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;

/// `AlgorithmIdentifier` of Ed25519 (RFC 8410) and of ECDSA with SHA-256.
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const ECDSA_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];

const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// What is said in a client certificate.
pub(super) struct Client<'a> {
    pub(super) serial: [u8; 16],
    pub(super) algorithm: &'static [u8],
    /// The CA's subject, as it is encoded there.
    pub(super) issuer: &'a [u8],
    pub(super) issuer_key_id: Option<&'a [u8]>,
    pub(super) from: OffsetDateTime,
    pub(super) until: OffsetDateTime,
    pub(super) organizations: &'a [String],
    /// An Ed25519 key.
    pub(super) public_key: &'a [u8],
}

pub(super) fn signature_algorithm(of: &SignatureAlgorithm) -> Option<&'static [u8]> {
    if of == &PKCS_ED25519 {
        Some(ED25519)
    } else if of == &PKCS_ECDSA_P256_SHA256 {
        Some(ECDSA_SHA256)
    } else {
        None
    }
}

/// The part that is signed.
pub(super) fn client(c: &Client<'_>) -> Vec<u8> {
    let subject: Vec<u8> = c
        .organizations
        .iter()
        .flat_map(|name| {
            let pair = [tlv(OID, ORGANIZATION), tlv(UTF8_STRING, name.as_bytes())].concat();
            tlv(SET, &tlv(SEQUENCE, &pair))
        })
        .collect();
    let mut extensions = [
        extension(KEY_USAGE, true, &tlv(BIT_STRING, &[7, 0x80])),
        extension(
            EXTENDED_KEY_USAGE,
            false,
            &tlv(SEQUENCE, &tlv(OID, CLIENT_AUTH)),
        ),
    ]
    .concat();
    if let Some(id) = c.issuer_key_id {
        let id = tlv(SEQUENCE, &tlv(0x80, id));
        extensions.extend(extension(AUTHORITY_KEY_ID, false, &id));
    }
    let parts = [
        // Version 3, counted from 0.
        tlv(0xa0, &tlv(INTEGER, &[2])),
        tlv(INTEGER, &c.serial),
        c.algorithm.to_vec(),
        c.issuer.to_vec(),
        tlv(SEQUENCE, &[time(c.from), time(c.until)].concat()),
        tlv(SEQUENCE, &subject),
        tlv(SEQUENCE, &[ED25519.to_vec(), bits(c.public_key)].concat()),
        tlv(0xa3, &tlv(SEQUENCE, &extensions)),
    ];
    tlv(SEQUENCE, &parts.concat())
}

/// The certificate: what was signed, how, and the signature.
pub(super) fn signed(to_sign: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[to_sign, algorithm, &bits(signature)].concat())
}

/// A P-256 key's SEC1 form inside PKCS#8, the only one that ring reads.
pub(super) fn pkcs8_of_p256(sec1: &[u8]) -> Vec<u8> {
    const EC_P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let parts = [
        tlv(INTEGER, &[0]),
        EC_P256.to_vec(),
        tlv(OCTET_STRING, sec1),
    ];
    tlv(SEQUENCE, &parts.concat())
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = tlv(OID, id);
    if critical {
        parts.extend([0x01, 0x01, 0xff]);
    }
    parts.extend(tlv(OCTET_STRING, value));
    tlv(SEQUENCE, &parts)
}

/// Whole bytes as bits.
fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes].concat())
}

/// Two digits of the year until 2049, four from then on.
fn time(t: OffsetDateTime) -> Vec<u8> {
    let t = t.to_offset(time::UtcOffset::UTC);
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    );
    if (1950..2050).contains(&t.year()) {
        tlv(0x17, format!("{:02}{rest}", t.year() % 100).as_bytes())
    } else {
        tlv(0x18, format!("{:04}{rest}", t.year()).as_bytes())
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length: Vec<u8> = content
                .len()
                .to_be_bytes()
                .into_iter()
                .skip_while(|b| *b == 0)
                .collect();
            // At most eight bytes of length.
            out.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
            out.extend(length);
        }
    }
    out.extend_from_slice(content);
    out
}
