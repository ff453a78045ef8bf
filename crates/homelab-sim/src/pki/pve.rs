//! Certificates of the PVE cluster.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

use homelab_core::{Error, ErrorKind, Result};
use rcgen::{DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::authority::{Authority, Pair, Validity, names};
use super::shown::{Certificates, Which};
use super::{failed, provider};

/// The CA of the PVE cluster; cheap to clone.
#[derive(Clone)]
pub(crate) struct PvePki {
    authority: Arc<Authority>,
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
    /// The certificate and its key, to keep.
    pub(crate) pair: Pair,
}

impl PvePki {
    /// A new CA.
    pub(crate) fn new(cluster_id: &str, now: SystemTime) -> Result<Self> {
        let authority = Authority::new(subject(cluster_id), &PKCS_ECDSA_P256_SHA256, now)?;
        Ok(PvePki {
            authority: Arc::new(authority),
        })
    }

    /// The CA that was kept.
    pub(crate) fn restore(pair: &Pair) -> Result<Self> {
        let authority = Authority::from_pem(&pair.crt, &pair.key)?;
        Ok(PvePki {
            authority: Arc::new(authority),
        })
    }

    /// To keep it.
    pub(crate) fn pair(&self) -> Pair {
        self.authority.pair()
    }

    /// The CA certificate as PEM: `/etc/pve/pve-root-ca.pem`.
    pub(crate) fn ca_pem(&self) -> String {
        self.authority.pem.clone()
    }

    /// The certificates that a host can show; its own is `kept` if there is one.
    pub(crate) fn certificates(
        &self,
        name: &str,
        address: IpAddr,
        now: SystemTime,
        kept: Option<&Pair>,
    ) -> Result<Certificates<HostTls>> {
        let current = match kept {
            Some(pair) => HostTls::restore(pair)?,
            None => self.host(name, address, Validity::days(now, 730))?,
        };
        let (pki, name) = (self.clone(), name.to_owned());
        Ok(Certificates::with_current(
            current,
            move |which| match which {
                Which::Current => pki.host(&name, address, Validity::days(now, 730)),
                Which::Expired => pki.host(&name, address, Validity::expired(now)),
                Which::Strange => {
                    PvePki::new("strange", now)?.host(&name, address, Validity::days(now, 730))
                }
            },
        ))
    }

    /// The certificate of a host: `pve-ssl.pem`.
    fn host(&self, name: &str, address: IpAddr, validity: Validity) -> Result<HostTls> {
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
        HostTls::new(
            leaf.certificate.der().clone(),
            leaf.key.serialize_der(),
            Pair {
                crt: leaf.certificate.pem(),
                key: leaf.key.serialize_pem(),
            },
        )
    }
}

fn subject(cluster_id: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Proxmox Virtual Environment");
    name.push(DnType::OrganizationalUnitName, cluster_id);
    name.push(DnType::OrganizationName, "PVE Cluster Manager CA");
    name
}

impl HostTls {
    /// The one that was kept.
    fn restore(pair: &Pair) -> Result<Self> {
        let damaged = || {
            let message = "the saved certificate of a host cannot be read";
            Error::new(ErrorKind::Corrupt, message)
        };
        let key = KeyPair::from_pem(&pair.key).map_err(|e| damaged().source(e))?;
        let certificate =
            CertificateDer::from_pem_slice(pair.crt.as_bytes()).map_err(|e| damaged().source(e))?;
        HostTls::new(certificate, key.serialize_der(), pair.clone())
    }

    fn new(certificate: CertificateDer<'static>, key: Vec<u8>, pair: Pair) -> Result<Self> {
        let fingerprint = fingerprint(&certificate);
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|e| failed("TLS settings", e))?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
            )
            .map_err(|e| failed("TLS settings", e))?;
        Ok(HostTls {
            config: Arc::new(config),
            fingerprint,
            certificate,
            pair,
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
