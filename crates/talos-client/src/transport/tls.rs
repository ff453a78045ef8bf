//! A context's certificates as a TLS configuration. Verification is always on.

use std::sync::Arc;

use homelab_core::{Error, ErrorKind, Result, Sent};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::config::Context;

/// Trusts the context's CAs, or those of the system when it names none; shows
/// the context's certificate, if it has one.
pub(crate) fn client_config(context: &Context) -> Result<ClientConfig> {
    let wrong = |what: &str, e: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Config, format!("{what}: {e}"))
            .at(context.location().clone())
            .sent(Sent::No)
    };
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong("TLS", &e))?;
    let cas = context.ca_certificates()?;
    let builder = if cas.is_empty() {
        builder
            .with_platform_verifier()
            .map_err(|e| wrong("the system's CAs cannot be read", &e))?
    } else {
        let mut roots = RootCertStore::empty();
        for ca in cas {
            roots
                .add(ca)
                .map_err(|e| wrong("ca cannot be trusted", &e))?;
        }
        builder.with_root_certificates(roots)
    };
    let mut config = match context.identity()? {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(|e| wrong("crt and key do not work together", &e))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
