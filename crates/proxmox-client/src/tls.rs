//! Whom to trust: a CA, the system's roots, or pinned certificates.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use homelab_core::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate, printed as Proxmox VE prints it: `A1:EC:…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("'{text}' is not a SHA-256 fingerprint: 32 bytes as A1:EC:16:…"),
            )
        };
        let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b':' | b' ')).collect();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a certificate was not trusted. Travels inside the TLS library's error
/// to where the call fails.
#[derive(Clone, Debug)]
pub(crate) struct Distrust {
    seen: Fingerprint,
    why: String,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server's certificate is not trusted: {}; its SHA-256 fingerprint is {}",
            self.why, self.seen
        )
    }
}

impl std::error::Error for Distrust {}

/// The TLS settings: verified by `authorities` (PEM) or by a pin when either is
/// given, by the system's roots otherwise.
pub(crate) fn client_config(
    authorities: &[Vec<u8>],
    pins: Vec<Fingerprint>,
) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Option<Arc<dyn ServerCertVerifier>> = if !authorities.is_empty() {
        Some(by_authorities(authorities, &provider)?)
    } else if pins.is_empty() {
        let system = rustls_platform_verifier::Verifier::new(Arc::clone(&provider))
            .map_err(|e| refused("the system's certificate store cannot be used", e))?;
        Some(Arc::new(system))
    } else {
        None
    };
    verified_by(Verifier {
        chain,
        pins,
        stranger: false,
        provider,
    })
}

/// Settings that accept any certificate whose key the server holds, to see
/// which one that is. Nothing may be sent over them that is not public.
pub(crate) fn stranger_config() -> Result<ClientConfig> {
    verified_by(Verifier {
        chain: None,
        pins: Vec::new(),
        stranger: true,
        provider: Arc::new(rustls::crypto::ring::default_provider()),
    })
}

fn verified_by(verifier: Verifier) -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| refused("TLS cannot be set up", e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn by_authorities(
    authorities: &[Vec<u8>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    for pem in authorities {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|e| refused("the CA is not readable as PEM", e))?;
            roots
                .add(certificate)
                .map_err(|e| refused("the CA cannot be used", e))?;
        }
        if roots.len() == before {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the CA holds no certificate in PEM form",
            ));
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|e| refused("the CA cannot be used", e))
}

fn refused(what: &str, e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{what}: {e}")).source(e)
}

/// Accepts a certificate that is pinned, or whose chain verifies.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<dyn ServerCertVerifier>>,
    pins: Vec<Fingerprint>,
    /// Nobody is trusted and nobody refused: we only look.
    stranger: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = Fingerprint::of(leaf);
        if self.stranger || self.pins.contains(&seen) {
            // The pin is the identity: names and dates add nothing to it.
            return Ok(ServerCertVerified::assertion());
        }
        let why = match &self.chain {
            None => "it is none of the pinned ones".to_owned(),
            Some(chain) => match chain.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                Err(error) if self.pins.is_empty() => describe(&error),
                Err(error) => format!("it is none of the pinned ones, and {}", describe(&error)),
            },
        };
        let distrust = Distrust { seen, why };
        Err(CertificateError::Other(OtherError(Arc::new(distrust))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn describe(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no trusted CA has signed it".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired) => "it has expired".to_owned(),
        rustls::Error::InvalidCertificate(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The reason for distrust inside a chain of errors.
pub(crate) fn distrust<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Distrust> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An io::Error hides what it wraps from `source()`.
        if let Some(inner) = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            && let Some(found) = distrust(inner)
        {
            return Some(found);
        }
        if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) =
            error.downcast_ref::<rustls::Error>()
        {
            return other.0.downcast_ref();
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_read_every_usual_spelling() {
        let text = "A1:EC:16:EE:53:69:DA:69:D8:64:D7:01:22:71:C8:D8:80:48:91:D7:D1:C6:22:6F:4A:B5:18:D8:BA:FF:D3:2A";
        let print: Fingerprint = text.parse().unwrap();
        assert_eq!(print.to_string(), text);
        let bare = text.replace(':', "").to_lowercase();
        assert_eq!(bare.parse::<Fingerprint>().unwrap(), print);
        assert!("A1:EC".parse::<Fingerprint>().is_err());
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
