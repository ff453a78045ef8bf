//! Certificates of one Kubernetes cluster.

use std::time::SystemTime;

use homelab_core::Result;
use rcgen::{DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256};

use super::ClientFiles;
use super::authority::{Authority, Validity};

/// The CA of one Kubernetes cluster.
pub(crate) struct KubernetesPki(Authority);

impl KubernetesPki {
    /// A new CA. Its subject is `O=kubernetes`, as Talos makes it.
    pub(crate) fn new(now: SystemTime) -> Result<Self> {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "kubernetes");
        Authority::new(name, &PKCS_ECDSA_P256_SHA256, now).map(KubernetesPki)
    }

    /// A CA that was made before.
    pub(crate) fn from_pem(crt: &str, key: &str) -> Result<Self> {
        Authority::from_pem(crt, key).map(KubernetesPki)
    }

    /// Certificate and key as PEM.
    pub(crate) fn pem(&self) -> (String, String) {
        (self.0.pem.clone(), self.0.key_pem.clone())
    }

    /// The administrator's certificate: one year.
    pub(crate) fn admin(&self, now: SystemTime) -> Result<ClientFiles> {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, "system:masters");
        name.push(DnType::CommonName, "admin");
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let validity = Validity::days(now, 365);
        let leaf = self
            .0
            .sign(name, usages, Vec::new(), &PKCS_ECDSA_P256_SHA256, validity)?;
        Ok(ClientFiles {
            crt: leaf.certificate.pem(),
            key: leaf.key.serialize_pem(),
        })
    }
}
