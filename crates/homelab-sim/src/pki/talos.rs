//! Certificates of one Talos cluster.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::Result;
use rcgen::{DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ED25519};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;

use super::authority::{Authority, Validity, names};
use super::client_auth::ClientAuth;
use super::{failed, provider};

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

impl TalosPki {
    /// A new CA. Its subject is `O=talos` and nothing else, as in Talos.
    pub(crate) fn new(now: SystemTime) -> Result<Self> {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "talos");
        Ok(TalosPki {
            authority: Authority::new(name, &PKCS_ED25519, now)?,
        })
    }

    /// The CA certificate as PEM.
    pub(crate) fn ca_pem(&self) -> String {
        self.authority.certificate.pem()
    }

    /// The CA's key as PEM with the label that Talos writes.
    pub(crate) fn ca_key_pem(&self) -> String {
        let pem = self.authority.key.serialize_pem();
        pem.replace("PRIVATE KEY", "ED25519 PRIVATE KEY")
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
            key: leaf
                .key
                .serialize_pem()
                .replace("PRIVATE KEY", "ED25519 PRIVATE KEY"),
        })
    }

    /// The TLS settings of a node: HTTP/2, a client certificate of this CA
    /// demanded, no session tickets.
    pub(crate) fn server(
        &self,
        hostname: &str,
        address: IpAddr,
        validity: Validity,
    ) -> Result<Arc<ServerConfig>> {
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, hostname);
        let leaf = self.authority.sign(
            subject,
            vec![ExtendedKeyUsagePurpose::ServerAuth],
            names(&[hostname], &[address, IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            &PKCS_ED25519,
            validity,
        )?;
        let provider = provider();
        let clients = ClientAuth::new(self.authority.certificate.der().clone(), &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|e| failed("TLS settings", e))?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![leaf.certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.serialize_der())),
            )
            .map_err(|e| failed("TLS settings", e))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for TalosPki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TalosPki").finish_non_exhaustive()
    }
}
