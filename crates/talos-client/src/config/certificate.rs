//! What the certificates of a context say, read without connecting.

use std::fmt;
use std::time::SystemTime;

use homelab_core::{ExposeSecret, Location, Result, SecretString};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::context::Context;
use super::endpoint::EndpointAddress;
use super::file::unusable;

/// What a context says about itself, without connecting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ContextInfo {
    /// The context's name.
    pub name: String,
    /// Whom to connect to, as `host:port`.
    pub endpoints: Vec<String>,
    /// Nodes that commands are meant for when none are named.
    pub nodes: Vec<String>,
    /// Name of the cluster; only Omni reads it.
    pub cluster: Option<String>,
    /// Roles of the client certificate (`os:admin`, `os:operator`, `os:reader`,
    /// `os:etcd:backup`, …): its organisations. Empty without a certificate.
    pub roles: Vec<String>,
    /// Start of the client certificate's validity, RFC 3339; absent without a certificate.
    pub not_before: Option<String>,
    /// End of the client certificate's validity, RFC 3339; absent without a certificate.
    pub not_after: Option<String>,
    /// How many CA certificates are trusted; 0 means those of the system.
    pub ca_count: u32,
}

impl ContextInfo {
    pub(super) fn new(
        context: &Context,
        endpoints: &[EndpointAddress],
        identity: Option<&ClientIdentity>,
        ca_count: usize,
    ) -> Self {
        let time = |t: &Timestamp| t.to_string();
        ContextInfo {
            name: context.name.clone(),
            endpoints: endpoints.iter().map(ToString::to_string).collect(),
            nodes: context.nodes.clone(),
            cluster: context.cluster.clone(),
            roles: identity.map(|i| i.roles.clone()).unwrap_or_default(),
            not_before: identity.map(|i| time(&i.not_before)),
            not_after: identity.map(|i| time(&i.not_after)),
            ca_count: u32::try_from(ca_count).unwrap_or(u32::MAX),
        }
    }

    /// Whether the client certificate is past its end at `now`. Without a
    /// certificate: no.
    pub fn expired(&self, now: SystemTime) -> bool {
        let end = self.not_after.as_deref().and_then(|t| t.parse().ok());
        match (end, Timestamp::try_from(now)) {
            (Some(end), Ok(now)) => now > end,
            _ => false,
        }
    }
}

/// A client certificate with its key, ready for TLS.
pub(crate) struct ClientIdentity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) roles: Vec<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("roles", &self.roles)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl ClientIdentity {
    pub(super) fn new(
        (crt, crt_at): (&SecretString, &Location),
        (key, key_at): (&SecretString, &Location),
    ) -> Result<Self> {
        let chain = certificates("crt", crt, crt_at)?;
        let key = private_key(key, key_at)?;
        let leaf = chain
            .first()
            .ok_or_else(|| unusable(crt_at, "crt holds no certificate"))?;
        let (_, leaf) = X509Certificate::from_der(leaf)
            .map_err(|e| unusable(crt_at, format!("crt is not a certificate: {e}")))?;
        client_kind(&leaf).map_err(|what| unusable(crt_at, format!("crt is {what}")))?;
        let roles = leaf
            .subject()
            .iter_organization()
            .filter_map(|value| value.as_str().ok())
            .map(str::to_owned)
            .collect();
        let time = |seconds: i64| {
            Timestamp::from_second(seconds)
                .map_err(|e| unusable(crt_at, format!("crt has an impossible date: {e}")))
        };
        let not_before = time(leaf.validity().not_before.timestamp())?;
        let not_after = time(leaf.validity().not_after.timestamp())?;
        Ok(ClientIdentity {
            chain,
            key,
            roles,
            not_before,
            not_after,
        })
    }
}

/// Refuses certificates that no node takes from a client, with what they are
/// instead. The nodes' own rule is stricter, but older ones can do without it.
fn client_kind(leaf: &X509Certificate<'_>) -> Result<(), &'static str> {
    if leaf.is_ca() {
        return Err("a CA, and must be a client certificate that it has signed");
    }
    match leaf.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.client_auth && !usage.value.any => {
            Err("no client certificate: its extended key usage is another")
        }
        _ => Ok(()),
    }
}

/// Every certificate in a PEM text; at least one.
pub(super) fn certificates(
    name: &str,
    pem: &SecretString,
    at: &Location,
) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem.expose_secret().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unusable(at, format!("{name} is not a PEM certificate: {e}")))?;
    if found.is_empty() {
        return Err(unusable(at, format!("{name} holds no PEM certificate")));
    }
    for der in &found {
        X509Certificate::from_der(der)
            .map_err(|e| unusable(at, format!("{name} is not a certificate: {e}")))?;
    }
    Ok(found)
}

/// The key of a client certificate.
///
/// Talos writes `ED25519 PRIVATE KEY` around PKCS#8, a label that PEM readers
/// do not know; what is inside is an ordinary `PRIVATE KEY`.
fn private_key(pem: &SecretString, at: &Location) -> Result<PrivateKeyDer<'static>> {
    let text: SecretString = pem
        .expose_secret()
        .replace("ED25519 PRIVATE KEY", "PRIVATE KEY")
        .into();
    PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes())
        .map_err(|_| unusable(at, "key holds no PEM private key"))
}
