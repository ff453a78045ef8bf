//! Which certificate is taken for the machine's own.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use homelab_core::{Error, ErrorKind, Result, Sent};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// SHA-256 of the public key in a certificate, as the machine's console and
/// `talosctl --cert-fingerprint` write it: base64.
///
/// ```
/// use talos_client::maintenance::SpkiFingerprint;
///
/// let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
/// let fingerprint: SpkiFingerprint = text.parse()?;
/// assert_eq!(fingerprint.to_string(), text);
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiFingerprint([u8; 32]);

impl SpkiFingerprint {
    /// That of a certificate in DER form; nothing when it is none.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(SpkiFingerprint(
            Sha256::digest(certificate.public_key().raw).into(),
        ))
    }
}

impl FromStr for SpkiFingerprint {
    type Err = Error;

    /// # Errors
    /// `InvalidArgument` for anything but 32 bytes in base64.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        STANDARD
            .decode(text)
            .or_else(|_| STANDARD_NO_PAD.decode(text))
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(SpkiFingerprint)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{text:?} is no fingerprint: the SHA-256 of a public key as base64 is needed, 44 characters with = at the end"),
                )
            })
    }
}

impl fmt::Display for SpkiFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whom to take for the machine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MaintenanceTrust {
    /// Whoever holds the key of one of these fingerprints.
    Fingerprints(Vec<SpkiFingerprint>),
    /// **Whoever answers.** What is sent, and a machine configuration holds every
    /// secret of the cluster, can be read by anybody on the way.
    DangerouslyAnyCertificate,
}

impl MaintenanceTrust {
    /// The machine with this fingerprint.
    ///
    /// # Errors
    /// `InvalidArgument` for anything but 32 bytes in base64.
    pub fn fingerprint(text: &str) -> Result<Self> {
        Ok(MaintenanceTrust::Fingerprints(vec![text.parse()?]))
    }
}

/// The fingerprint that the server showed, for those who want to see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Option<SpkiFingerprint>>>);

impl Seen {
    pub(crate) fn get(&self) -> Option<SpkiFingerprint> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, fingerprint: SpkiFingerprint) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
    }
}

/// TLS without a client certificate, trusting as said. Names and dates say
/// nothing about such a certificate; the key does.
pub(crate) fn client_config(trust: &MaintenanceTrust, seen: Seen) -> Result<ClientConfig> {
    let pins = match trust {
        MaintenanceTrust::DangerouslyAnyCertificate => None,
        MaintenanceTrust::Fingerprints(pins) if pins.is_empty() => {
            let message = "no fingerprint is given that could be trusted";
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        MaintenanceTrust::Fingerprints(pins) => Some(pins.clone()),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier {
        pins,
        seen,
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| {
            Error::new(ErrorKind::Internal, format!("TLS cannot be set up: {e}")).sent(Sent::No)
        })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    /// Any certificate will do when absent.
    pins: Option<Vec<SpkiFingerprint>>,
    seen: Seen,
    provider: Arc<CryptoProvider>,
}

/// Why a certificate was refused.
#[derive(Debug)]
struct Distrust(String);

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Distrust {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = SpkiFingerprint::of_certificate(leaf).ok_or(
            rustls::Error::InvalidCertificate(CertificateError::BadEncoding),
        )?;
        self.seen.set(shown);
        match &self.pins {
            Some(pins) if !pins.contains(&shown) => {
                let why = Distrust(format!(
                    "its fingerprint is {shown}, which is none of those that were given"
                ));
                Err(CertificateError::Other(OtherError(Arc::new(why))).into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::PublicKeyData as _;

    use super::*;

    #[test]
    fn only_the_pinned_key_is_trusted() {
        let made = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            let der = params.self_signed(&key).unwrap().der().clone();
            let fingerprint = SpkiFingerprint::of_certificate(&der).unwrap();
            // What a console shows: the hash of the key alone.
            let spki: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
            assert_eq!(fingerprint, SpkiFingerprint(spki));
            (der, fingerprint)
        };
        let ((mine, pin), (other, _)) = (made("a"), made("b"));
        let seen = Seen::default();
        let verifier = Verifier {
            pins: Some(vec![pin]),
            seen: seen.clone(),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        };
        let name = ServerName::try_from("172.16.1.50").unwrap();
        let check = |der: &CertificateDer<'_>| {
            verifier.verify_server_cert(der, &[], &name, &[], UnixTime::now())
        };
        assert!(check(&mine).is_ok());
        assert_eq!(seen.get(), Some(pin));
        let error = check(&other).unwrap_err().to_string();
        assert!(error.contains("none of those"), "{error}");
        assert!(check(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }

    #[test]
    fn a_fingerprint_is_32_bytes_in_base64() {
        let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for good in [
            text,
            text.trim_end_matches('='),
            " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        ] {
            assert_eq!(good.parse::<SpkiFingerprint>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "AAAA",
            "A1:EC:16:EE",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            let error = wrong.parse::<SpkiFingerprint>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
        assert!(client_config(&MaintenanceTrust::Fingerprints(vec![]), Seen::default()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_and_no_certificate_panics(text in ".{0,60}", der in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = text.parse::<SpkiFingerprint>();
            let _ = SpkiFingerprint::of_certificate(&der);
        }
    }
}
