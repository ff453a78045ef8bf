//! A new cluster's secrets.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use homelab_core::{Result, SecretString};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use ring::rand::{SecureRandom as _, SystemRandom};

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

pub(super) fn generate(now: SystemTime) -> Result<SecretsBundle> {
    let service_account = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|e| failed("the service account key", e))?;
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
        kubernetes_service_account: key_pem(&service_account),
        os: ca(Some("talos"), &PKCS_ED25519, now)?,
    })
}
