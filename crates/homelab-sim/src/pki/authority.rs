//! A CA and the certificates it signs.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use homelab_core::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SignatureAlgorithm,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateSec1KeyDer};
use serde::{Deserialize, Serialize};

use super::failed;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// From when until when a certificate counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) until: SystemTime,
}

impl Validity {
    /// From a little while ago for so many days.
    pub(crate) fn days(now: SystemTime, days: u32) -> Self {
        Validity {
            from: now - Duration::from_secs(3600),
            until: now + DAY * days,
        }
    }

    /// Until yesterday.
    pub(crate) fn expired(now: SystemTime) -> Self {
        Validity {
            from: now - DAY * 30,
            until: now - DAY,
        }
    }

    fn apply(self, params: &mut CertificateParams) {
        params.not_before = self.from.into();
        params.not_after = self.until.into();
    }
}

/// A CA.
pub(super) struct Authority {
    /// The certificate.
    pub(super) certificate: CertificateDer<'static>,
    /// The certificate as PEM.
    pub(super) pem: String,
    /// The key as PEM.
    pub(super) key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key as PEM, to keep.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) crt: String,
    pub(crate) key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// A certificate and its key.
pub(super) struct Leaf {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

impl Authority {
    /// A self-signed CA for ten years.
    pub(super) fn new(
        name: DistinguishedName,
        algorithm: &'static SignatureAlgorithm,
        now: SystemTime,
    ) -> Result<Self> {
        let key = KeyPair::generate_for(algorithm).map_err(|e| failed("a CA key", e))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Validity::days(now, 3650).apply(&mut params);
        let certificate = params.self_signed(&key).map_err(|e| failed("a CA", e))?;
        Ok(Authority {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A CA that somebody else made.
    pub(super) fn from_pem(crt: &str, key: &str) -> Result<Self> {
        let certificate = CertificateDer::from_pem_slice(crt.as_bytes())
            .map_err(|e| failed("a CA of a certificate", e))?;
        let key = read_key(key)?;
        let key_pem = key.serialize_pem();
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|e| failed("a CA", e))?;
        Ok(Authority {
            certificate,
            pem: crt.to_owned(),
            key_pem,
            issuer,
        })
    }

    /// To keep it.
    pub(super) fn pair(&self) -> Pair {
        Pair {
            crt: self.pem.clone(),
            key: self.key_pem.clone(),
        }
    }

    /// Signs a certificate with exactly these usages and names.
    pub(super) fn sign(
        &self,
        name: DistinguishedName,
        usages: Vec<ExtendedKeyUsagePurpose>,
        names: Vec<SanType>,
        algorithm: &'static SignatureAlgorithm,
        validity: Validity,
    ) -> Result<Leaf> {
        let key = KeyPair::generate_for(algorithm).map_err(|e| failed("a key", e))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.subject_alt_names = names;
        validity.apply(&mut params);
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|e| failed("a certificate", e))?;
        Ok(Leaf { certificate, key })
    }
}

/// DNS names and addresses as subject alternative names; what is no DNS name is left out.
pub(super) fn names(dns: &[&str], addresses: &[IpAddr]) -> Vec<SanType> {
    dns.iter()
        .filter_map(|name| (*name).try_into().ok().map(SanType::DnsName))
        .chain(addresses.iter().map(|a| SanType::IpAddress(*a)))
        .collect()
}

/// A key as PEM. Talos writes elliptic ones as SEC1, which has to be wrapped
/// into PKCS#8 to be read here.
fn read_key(pem: &str) -> Result<KeyPair> {
    let read = match PrivateSec1KeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(sec1) => KeyPair::try_from(pkcs8_of_p256(sec1.secret_sec1_der())),
        Err(_) => KeyPair::from_pem(pem),
    };
    read.map_err(|e| failed("a CA of a key", e))
}

/// What PKCS#8 puts around a P-256 key (RFC 5958, RFC 5915).
fn pkcs8_of_p256(sec1: &[u8]) -> Vec<u8> {
    const VERSION_AND_ALGORITHM: &[u8] = &[
        0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    // No P-256 key comes near 256 bytes; what does is refused by the reader.
    let tagged = |tag: u8, content: &[u8]| {
        let head = match u8::try_from(content.len()) {
            Ok(short) if short < 0x80 => vec![tag, short],
            Ok(long) => vec![tag, 0x81, long],
            Err(_) => Vec::new(),
        };
        [&head, content].concat()
    };
    let body = [VERSION_AND_ALGORITHM, &tagged(0x04, sec1)].concat();
    tagged(0x30, &body)
}
