//! What is made is what Talos makes.

use std::time::{Duration, SystemTime};

use homelab_core::{ErrorKind, ExposeSecret};
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;

fn bundle() -> SecretsBundle {
    SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256).unwrap()
}

fn inspect<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    look(&X509Certificate::from_der(&der).unwrap().1)
}

#[test]
fn the_cas_are_those_of_talos() {
    let b = bundle();
    for (pair, subject, algorithm, label) in [
        (&b.os, "O=talos", "1.3.101.112", "ED25519 PRIVATE KEY"),
        (&b.etcd, "O=etcd", "1.2.840.10045.2.1", "EC PRIVATE KEY"),
        (
            &b.kubernetes,
            "O=kubernetes",
            "1.2.840.10045.2.1",
            "EC PRIVATE KEY",
        ),
        (
            &b.kubernetes_aggregator,
            "",
            "1.2.840.10045.2.1",
            "EC PRIVATE KEY",
        ),
    ] {
        inspect(&pair.crt, |c| {
            assert_eq!(c.subject().to_string(), subject);
            assert_eq!(c.public_key().algorithm.algorithm.to_id_string(), algorithm);
            let hours = c.validity().not_after.timestamp() - c.validity().not_before.timestamp();
            assert_eq!(hours, 87_600 * 3600);
            assert!(c.is_ca());
            let usage = c.extended_key_usage().unwrap().unwrap().value;
            assert!(usage.server_auth && usage.client_auth);
            let usage = c.key_usage().unwrap().unwrap().value;
            assert!(usage.key_cert_sign() && usage.digital_signature());
        });
        assert!(
            pair.key
                .expose_secret()
                .starts_with(&format!("-----BEGIN {label}-----"))
        );
    }
}

#[test]
fn tokens_have_their_shape() {
    let b = bundle();
    for token in [&b.bootstrap_token, &b.trustd_token] {
        let (head, tail) = token.expose_secret().split_once('.').unwrap();
        assert_eq!((head.len(), tail.len()), (6, 16));
        assert!(
            format!("{head}{tail}")
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        );
    }
    assert_eq!(b.cluster_id.len(), 44);
    assert_ne!(
        b.bootstrap_token.expose_secret(),
        b.trustd_token.expose_secret()
    );
}

#[test]
fn written_and_read_back() {
    let b = bundle();
    let text = b.to_yaml();
    let back = SecretsBundle::parse("secrets.yaml", text.expose_secret()).unwrap();
    assert_eq!(back.to_yaml().expose_secret(), text.expose_secret());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/secrets.yaml");
    b.write(&path).unwrap();
    assert_eq!(b.write(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(!format!("{b:?}").contains(b.trustd_token.expose_secret()));
}

#[test]
fn what_is_missing_is_named_without_its_value() {
    let text = bundle().to_yaml();
    let text = text.expose_secret();
    let broken = text.replace("trustdinfo", "trustdinfos");
    let error = SecretsBundle::parse("s.yaml", &broken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.message(), "`trustdinfo.token` is missing");
    let broken: String = text
        .lines()
        .map(|l| {
            if l.trim_start().starts_with("key: ") {
                "            key: '%%secret'\n".to_owned()
            } else {
                format!("{l}\n")
            }
        })
        .collect();
    let error = SecretsBundle::parse(
        "s.yaml",
        &broken.replace("            key: '%%secret'", "        key: '%%secret'"),
    )
    .unwrap_err();
    assert!(!error.to_string().contains("%%secret"), "{error}");
}

#[test]
fn a_client_certificate_has_roles_and_one_use() {
    let b = bundle();
    let options = ClientCertificateOptions::role("os:reader")
        .and_role("os:etcd:backup")
        .lifetime(Duration::from_secs(3600));
    let issued = b.issue(&options).unwrap();
    inspect(&issued.pair.crt, |c| {
        let roles: Vec<_> = c
            .subject()
            .iter_organization()
            .map(|o| o.as_str().unwrap())
            .collect();
        assert_eq!(roles, ["os:reader", "os:etcd:backup"]);
        let usage = c.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any && usage.other.is_empty());
        assert!(c.key_usage().unwrap().unwrap().value.digital_signature());
        let seconds = c.validity().not_after.timestamp() - c.validity().not_before.timestamp();
        assert_eq!(seconds, 3600);
        assert!(c.raw_serial().len() <= 20);
    });
    verify(&b.os.crt, &issued.pair.crt);
    let info = issued.context("lab", ["172.16.1.50"]).describe().unwrap();
    assert_eq!(info.roles, ["os:reader", "os:etcd:backup"]);
    assert_eq!(info.ca_count, 1);
}

#[test]
fn what_cannot_be_signed_is_said() {
    let mut b = bundle();
    let kind = |b: &SecretsBundle, o: &ClientCertificateOptions| b.issue(o).unwrap_err().kind();
    let admin = ClientCertificateOptions::role("os:admin");
    let century = admin
        .clone()
        .lifetime(Duration::from_secs(100 * 8760 * 3600));
    assert_eq!(kind(&b, &century), ErrorKind::InvalidArgument);
    assert_eq!(
        kind(&b, &admin.clone().lifetime(Duration::MAX)),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        kind(&b, &ClientCertificateOptions::role(" ")),
        ErrorKind::InvalidArgument
    );
    b.os.key = bundle().os.key;
    assert!(
        b.issue(&admin)
            .unwrap_err()
            .message()
            .contains("another certificate")
    );
    b.os.key = "nonsense".to_owned().into();
    assert_eq!(kind(&b, &admin), ErrorKind::Config);
    b.os = b.issue(&admin).map_or(b.etcd.clone(), |c| c.pair);
    // Any ECDSA P-256 CA can sign too, from its SEC1 key.
    verify(&b.os.crt, &b.issue(&admin).unwrap().pair.crt);
}

/// Whether a server that trusts `ca` takes the certificate.
fn verify(ca: &str, crt: &str) {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(ca)).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.into());
    let now = rustls::pki_types::UnixTime::now();
    let verifier = verifier.build().unwrap();
    verifier.verify_client_cert(&der(crt), &[], now).unwrap();
}

proptest! {
    #[test]
    fn no_bundle_panics(text in "[a-z:{} \n'-]{0,200}") {
        let _ = SecretsBundle::parse("s", &text);
    }
}
