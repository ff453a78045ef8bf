//! Who may connect to a Talos node: a certificate of the cluster's CA whose
//! extended key usage is client authentication and nothing else.

use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::{Clock, Result};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::failed;
use crate::clock::{SimClock, skewed};

/// Demands a client certificate as apid does.
#[derive(Debug)]
pub(super) struct ClientAuth {
    chain: Arc<dyn ClientCertVerifier>,
    /// Certificates expire in the lab's time, as the node's clock shows it.
    clock: SimClock,
    skew_seconds: i64,
}

impl ClientAuth {
    pub(super) fn new(
        cas: impl IntoIterator<Item = CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
        clock: &SimClock,
        skew_seconds: i64,
    ) -> Result<Arc<Self>> {
        let mut roots = RootCertStore::empty();
        for ca in cas {
            roots
                .add(ca)
                .map_err(|e| failed("the client verifier", e))?;
        }
        let chain =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|e| failed("the client verifier", e))?;
        Ok(Arc::new(ClientAuth {
            chain,
            clock: clock.clone(),
            skew_seconds,
        }))
    }
}

impl ClientCertVerifier for ClientAuth {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let now = skewed(self.clock.now(), self.skew_seconds);
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now = UnixTime::since_unix_epoch(now.unwrap_or_default());
        let verified = self
            .chain
            .verify_client_cert(end_entity, intermediates, now)?;
        if only_client_auth(end_entity) {
            Ok(verified)
        } else {
            Err(TlsError::InvalidCertificate(
                CertificateError::InvalidPurpose,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn only_client_auth(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    match certificate.extended_key_usage() {
        Ok(Some(usage)) => {
            let usage = usage.value;
            usage.client_auth
                && !(usage.any
                    || usage.server_auth
                    || usage.code_signing
                    || usage.email_protection
                    || usage.time_stamping
                    || usage.ocsp_signing)
                && usage.other.is_empty()
        }
        _ => false,
    }
}

/// The roles that a client certificate carries: its `O` values.
pub(crate) fn roles_of(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    certificate
        .subject()
        .iter_organization()
        .filter_map(|o| o.as_str().ok().map(str::to_owned))
        .collect()
}
