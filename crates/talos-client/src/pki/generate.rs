//! A new cluster's secrets.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use homelab_core::{Result, SecretString};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use ring::rand::{SecureRandom as _, SystemRandom};
use rsa::pkcs1::{EncodeRsaPrivateKey as _, LineEnding};

use super::authority::{ca, failed, key_pem};
use super::bundle::SecretsBundle;

/// The letters of a token: those of Kubernetes' bootstrap tokens.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|e| failed("random bytes", e))?;
    Ok(bytes)
}

/// `abcdef.0123456789abcdef`, every letter as likely as the others.
fn token() -> Result<SecretString> {
    let mut text = String::with_capacity(23);
    while text.len() < 23 {
        for byte in random::<32>()? {
            // 252 is the largest multiple of 36 in a byte.
            if let Some(letter) = LETTERS.get(usize::from(byte % 36)).filter(|_| byte < 252)
                && text.len() < 23
            {
                if text.len() == 6 {
                    text.push('.');
                }
                text.push(char::from(*letter));
            }
        }
    }
    Ok(text.into())
}

/// The key that signs the tokens of Kubernetes' service accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceAccountKey {
    /// RSA of 4096 bits, as Talos makes since v1.7: what reads the tokens
    /// elsewhere, clouds above all, knows RSA alone.
    #[default]
    Rsa4096,
    /// ECDSA P-256, as Talos made before. Made at once.
    EcdsaP256,
}

impl ServiceAccountKey {
    fn generate(self) -> Result<SecretString> {
        const WHAT: &str = "the service account key";
        match self {
            ServiceAccountKey::EcdsaP256 => rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
                .map(|key| key_pem(&key))
                .map_err(|e| failed(WHAT, e)),
            ServiceAccountKey::Rsa4096 => {
                let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
                let key = rsa::PrivateKey::new(&mut random, 4096).map_err(|e| failed(WHAT, e))?;
                let pem = key
                    .to_pkcs1_pem(LineEnding::LF)
                    .map_err(|e| failed(WHAT, e))?;
                Ok(pem.as_str().to_owned().into())
            }
        }
    }
}

pub(super) fn generate(now: SystemTime, key: ServiceAccountKey) -> Result<SecretsBundle> {
    Ok(SecretsBundle {
        cluster_id: URL_SAFE.encode(random::<32>()?),
        cluster_secret: STANDARD.encode(random::<32>()?).into(),
        bootstrap_token: token()?,
        secretbox_encryption_secret: Some(STANDARD.encode(random::<32>()?).into()),
        aescbc_encryption_secret: None,
        trustd_token: token()?,
        etcd: ca(Some("etcd"), &PKCS_ECDSA_P256_SHA256, now)?,
        kubernetes: ca(Some("kubernetes"), &PKCS_ECDSA_P256_SHA256, now)?,
        kubernetes_aggregator: ca(None, &PKCS_ECDSA_P256_SHA256, now)?,
        kubernetes_service_account: key.generate()?,
        os: ca(Some("talos"), &PKCS_ED25519, now)?,
    })
}
