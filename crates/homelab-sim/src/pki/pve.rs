//! Certificates of the PVE cluster.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::Result;
use rcgen::{DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::authority::{Authority, Validity, names};
use super::{failed, provider};

/// The CA of the PVE cluster.
pub(crate) struct PvePki {
    authority: Authority,
}

/// What a host shows.
#[derive(Clone, Debug)]
pub(crate) struct HostTls {
    /// TLS settings; no ALPN, as pveproxy.
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, upper-case hex with colons.
    pub(crate) fingerprint: String,
    /// The certificate itself.
    pub(crate) certificate: CertificateDer<'static>,
}

impl PvePki {
    /// A new CA.
    pub(crate) fn new(cluster_id: &str, now: SystemTime) -> Result<Self> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "Proxmox Virtual Environment");
        name.push(DnType::OrganizationalUnitName, cluster_id);
        name.push(DnType::OrganizationName, "PVE Cluster Manager CA");
        Ok(PvePki {
            authority: Authority::new(name, &PKCS_ECDSA_P256_SHA256, now)?,
        })
    }

    /// The CA certificate as PEM: `/etc/pve/pve-root-ca.pem`.
    pub(crate) fn ca_pem(&self) -> String {
        self.authority.pem.clone()
    }

    /// The certificate of a host: `pve-ssl.pem`.
    pub(crate) fn host(&self, name: &str, address: IpAddr, validity: Validity) -> Result<HostTls> {
        let fqdn = format!("{name}.lab.internal");
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationalUnitName, "PVE Cluster Node");
        subject.push(DnType::OrganizationName, "Proxmox Virtual Environment");
        subject.push(DnType::CommonName, fqdn.as_str());
        let addresses = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            address,
        ];
        let leaf = self.authority.sign(
            subject,
            vec![ExtendedKeyUsagePurpose::ServerAuth],
            names(&["localhost", name, &fqdn], &addresses),
            &PKCS_ECDSA_P256_SHA256,
            validity,
        )?;
        let fingerprint = fingerprint(leaf.certificate.der());
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|e| failed("TLS settings", e))?
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.serialize_der())),
            )
            .map_err(|e| failed("TLS settings", e))?;
        Ok(HostTls {
            config: Arc::new(config),
            fingerprint,
            certificate: leaf.certificate.der().clone(),
        })
    }
}

impl std::fmt::Debug for PvePki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PvePki").finish_non_exhaustive()
    }
}

fn fingerprint(der: &[u8]) -> String {
    let hash = Sha256::digest(der);
    hash.iter()
        .enumerate()
        .fold(String::new(), |mut text, (n, byte)| {
            let _ = write!(text, "{}{byte:02X}", if n == 0 { "" } else { ":" });
            text
        })
}
