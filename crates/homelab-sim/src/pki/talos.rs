//! Certificates of one Talos cluster.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::Result;
use rcgen::{DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ED25519, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WantsServerCert};
use rustls::{ConfigBuilder, ServerConfig};

use super::authority::{Authority, Leaf, Validity, names};
use super::client_auth::ClientAuth;
use super::{failed, provider};
use crate::clock::SimClock;

/// A client certificate as a talosconfig holds it.
#[derive(Clone, Debug)]
pub(crate) struct ClientFiles {
    /// The certificate as PEM.
    pub(crate) crt: String,
    /// The key as PEM with the label that Talos writes.
    pub(crate) key: String,
}

/// The OS CA of one Talos cluster.
pub(crate) struct TalosPki {
    authority: Authority,
}

/// What stands in the certificate of a node, and who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeNames {
    pub(crate) hostname: String,
    /// Addresses and names from the node's config, among them its own.
    pub(crate) sans: Vec<String>,
    /// Further CAs whose clients may connect, as PEM.
    pub(crate) accepted_cas: Vec<String>,
}

/// What a node shows to whoever connects.
#[derive(Clone, Debug)]
pub(crate) struct NodeCertificate {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificate: CertificateDer<'static>,
}

impl TalosPki {
    /// A new CA. Its subject is `O=talos` and nothing else, as in Talos.
    pub(crate) fn new(now: SystemTime) -> Result<Self> {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "talos");
        Ok(TalosPki {
            authority: Authority::new(name, &PKCS_ED25519, now)?,
        })
    }

    /// The CA of a machine config or of a secrets bundle.
    pub(crate) fn from_pem(crt: &str, key: &str) -> Result<Self> {
        // The label that Talos writes is unknown to others.
        let key = key.replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
        Ok(TalosPki {
            authority: Authority::from_pem(crt, &key)?,
        })
    }

    /// The CA certificate as PEM.
    pub(crate) fn ca_pem(&self) -> String {
        self.authority.pem.clone()
    }

    /// The CA's key as PEM with the label that Talos writes.
    pub(crate) fn ca_key_pem(&self) -> String {
        talos_label(&self.authority.key_pem)
    }

    /// A client certificate whose `O` values are `roles`.
    pub(crate) fn client(&self, roles: &[&str], validity: Validity) -> Result<ClientFiles> {
        let mut name = DistinguishedName::new();
        for role in roles {
            name.push(DnType::OrganizationName, *role);
        }
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = self
            .authority
            .sign(name, usages, Vec::new(), &PKCS_ED25519, validity)?;
        Ok(ClientFiles {
            crt: leaf.certificate.pem(),
            key: talos_label(&leaf.key.serialize_pem()),
        })
    }

    /// The TLS settings of a node: HTTP/2, a client certificate of this CA
    /// demanded that counts by `clock` and how wrong it is, no session tickets.
    pub(crate) fn server(
        &self,
        names: &NodeNames,
        validity: Validity,
        (clock, skew_seconds): (&SimClock, i64),
    ) -> Result<NodeCertificate> {
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, names.hostname.as_str());
        let leaf = self.authority.sign(
            subject,
            vec![ExtendedKeyUsagePurpose::ServerAuth],
            sans(names),
            &PKCS_ED25519,
            validity,
        )?;
        let provider = provider();
        let accepted = names.accepted_cas.iter().filter_map(|pem| {
            // A CA that cannot be read lets nobody in.
            CertificateDer::from_pem_slice(pem.as_bytes()).ok()
        });
        let cas = std::iter::once(self.authority.certificate.clone()).chain(accepted);
        let clients = ClientAuth::new(cas, &provider, clock, skew_seconds)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|e| failed("TLS settings", e))?
            .with_client_cert_verifier(clients);
        finish(builder, &leaf)
    }
}

/// The TLS settings of a node in maintenance mode: a throw-away CA that nobody
/// knows, and no certificate asked of anybody.
pub(crate) fn maintenance_server(names: &NodeNames, now: SystemTime) -> Result<NodeCertificate> {
    let throw_away = TalosPki::new(now)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, names.hostname.as_str());
    let leaf = throw_away.authority.sign(
        subject,
        vec![ExtendedKeyUsagePurpose::ServerAuth],
        sans(names),
        &PKCS_ED25519,
        Validity::days(now, 1),
    )?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|e| failed("TLS settings", e))?
        .with_no_client_auth();
    finish(builder, &leaf)
}

fn finish(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    leaf: &Leaf,
) -> Result<NodeCertificate> {
    let certificate = leaf.certificate.der().clone();
    let mut config = builder
        .with_single_cert(
            vec![certificate.clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.serialize_der())),
        )
        .map_err(|e| failed("TLS settings", e))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(NodeCertificate {
        config: Arc::new(config),
        certificate,
    })
}

/// The node's names and addresses, and this machine's, where it listens.
fn sans(of: &NodeNames) -> Vec<SanType> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let mut dns = vec![of.hostname.as_str()];
    for san in &of.sans {
        match san.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => dns.push(san),
        }
    }
    names(&dns, &addresses)
}

fn talos_label(pem: &str) -> String {
    if pem.contains("ED25519 PRIVATE KEY") {
        return pem.to_owned();
    }
    pem.replace("PRIVATE KEY", "ED25519 PRIVATE KEY")
}

impl std::fmt::Debug for TalosPki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TalosPki").finish_non_exhaustive()
    }
}
