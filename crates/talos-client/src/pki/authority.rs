//! Keys and certificates, made with ring.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString, Sent};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, PKCS_ED25519, SerialNumber, SignatureAlgorithm, SigningKey as _,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use super::der;

/// Ten years, as every CA of Talos.
const CA_LIFETIME: Duration = Duration::from_secs(87_600 * 3600);

/// A certificate with its private key, both PEM. `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The certificate as PEM.
    pub crt: String,
    /// Its key as PEM, with the label that Talos writes.
    pub key: SecretString,
}

/// What went wrong while making something. Never the caller's input.
pub(super) fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot make {what}: {error}")).sent(Sent::No)
}

/// A self-signed CA for ten years; `organization` is its whole subject.
pub(super) fn ca(
    organization: Option<&str>,
    algorithm: &'static SignatureAlgorithm,
    now: SystemTime,
) -> Result<KeyPair> {
    let key = rcgen::KeyPair::generate_for(algorithm).map_err(|e| failed("a CA key", e))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.not_before = now.into();
    params.not_after = end(now, CA_LIFETIME)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let certificate = params.self_signed(&key).map_err(|e| failed("a CA", e))?;
    Ok(KeyPair {
        crt: certificate.pem(),
        key: key_pem(&key),
    })
}

/// A client certificate: its organisations are `roles`, its only use is to be
/// a client. Nodes refuse one that could also be a server.
///
/// Written out here because rcgen keeps one organisation of several.
pub(super) fn client(
    ca: &KeyPair,
    roles: &[String],
    now: SystemTime,
    lifetime: Duration,
) -> Result<KeyPair> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::Config, format!("the CA cannot sign: {what}")).sent(Sent::No)
    };
    let der = CertificateDer::from_pem_slice(ca.crt.as_bytes())
        .map_err(|_| wrong("its certificate is no PEM certificate"))?;
    let (_, issuer) =
        X509Certificate::from_der(&der).map_err(|_| wrong("its certificate cannot be read"))?;
    if !issuer.is_ca() {
        return Err(wrong("its certificate is not one of a CA"));
    }
    let ca_key = key(&ca.key).ok_or_else(|| wrong("its key is no private key"))?;
    let algorithm = der::signature_algorithm(ca_key.algorithm())
        .ok_or_else(|| wrong("its key is neither Ed25519 nor ECDSA P-256"))?;
    if issuer.public_key().subject_public_key.data.as_ref() != ca_key.public_key_raw() {
        return Err(wrong("its key belongs to another certificate"));
    }
    let until = end(now, lifetime)?;
    if until.unix_timestamp() > issuer.validity().not_after.timestamp() {
        let message = "the certificate would outlive its CA; choose a shorter lifetime";
        return Err(Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No));
    }
    let key = rcgen::KeyPair::generate_for(&PKCS_ED25519).map_err(|e| failed("a key", e))?;
    let to_sign = der::client(&der::Client {
        serial: serial()?,
        algorithm,
        issuer: issuer.subject().as_raw(),
        issuer_key_id: key_id(&issuer),
        from: now.into(),
        until,
        organizations: roles,
        public_key: key.public_key_raw(),
    });
    let signature = ca_key
        .sign(&to_sign)
        .map_err(|e| failed("a signature", e))?;
    let certificate = der::signed(&to_sign, algorithm, &signature);
    Ok(KeyPair {
        crt: pem("CERTIFICATE", &certificate),
        key: key_pem(&key),
    })
}

/// The subject key identifier of a certificate, if it has one.
fn key_id<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
}

/// 128 random bits, positive.
fn serial() -> Result<[u8; 16]> {
    let mut serial: [u8; 16] = super::generate::random()?;
    // The first byte is not zero, so that the encoding is the shortest one.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// When a certificate ends. The last year that one can name is 9999.
fn end(now: SystemTime, lifetime: Duration) -> Result<OffsetDateTime> {
    const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);
    now.checked_add(lifetime)
        .filter(|until| {
            until
                .duration_since(SystemTime::UNIX_EPOCH)
                .is_ok_and(|t| t < YEAR_9999)
        })
        .map(OffsetDateTime::from)
        .ok_or_else(|| {
            let message = "the lifetime is beyond the year 9999";
            Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No)
        })
}

/// A private key from PEM, whatever its label.
fn key(pem: &SecretString) -> Option<rcgen::KeyPair> {
    // What is inside is an ordinary PKCS#8 key.
    let pem: SecretString = pem
        .expose_secret()
        .replace("ED25519 PRIVATE KEY", "PRIVATE KEY")
        .into();
    let der = match PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).ok()? {
        PrivateKeyDer::Sec1(sec1) => {
            PrivatePkcs8KeyDer::from(der::pkcs8_of_p256(sec1.secret_sec1_der())).into()
        }
        other => other,
    };
    rcgen::KeyPair::try_from(&der).ok()
}

/// A key with the label that Talos writes: `ED25519 PRIVATE KEY` around PKCS#8,
/// `EC PRIVATE KEY` around SEC1.
pub(super) fn key_pem(key: &rcgen::KeyPair) -> SecretString {
    let der = key.serialized_der();
    if key.algorithm() == &PKCS_ED25519 {
        return pem("ED25519 PRIVATE KEY", der).into();
    }
    match sec1(der, key.public_key_raw()) {
        Some(sec1) => pem("EC PRIVATE KEY", &sec1).into(),
        None => pem("PRIVATE KEY", der).into(),
    }
}

/// The `ECPrivateKey` of a P-256 key (RFC 5915): version 1, the scalar, the
/// curve, the public point.
fn sec1(pkcs8: &[u8], public: &[u8]) -> Option<Vec<u8>> {
    /// OCTET STRING of 32 bytes behind INTEGER 1: the scalar inside PKCS#8.
    const SCALAR: &[u8] = &[0x02, 0x01, 0x01, 0x04, 0x20];
    /// `[0]` with the OID of prime256v1.
    const CURVE: &[u8] = &[
        0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let at = pkcs8.windows(SCALAR.len()).position(|w| w == SCALAR)?;
    let scalar = pkcs8.get(at + SCALAR.len()..at + SCALAR.len() + 32)?;
    let bits = u8::try_from(public.len() + 1).ok()?;
    let mut body = Vec::with_capacity(128);
    body.extend_from_slice(SCALAR);
    body.extend_from_slice(scalar);
    body.extend_from_slice(CURVE);
    body.extend_from_slice(&[0xa1, bits.checked_add(2)?, 0x03, bits, 0x00]);
    body.extend_from_slice(public);
    let length = u8::try_from(body.len()).ok().filter(|n| *n < 0x80)?;
    let mut der = vec![0x30, length];
    der.extend_from_slice(&body);
    Some(der)
}

fn pem(label: &str, der: &[u8]) -> String {
    let packed = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + "-----END " + label + "-----\n"
}
