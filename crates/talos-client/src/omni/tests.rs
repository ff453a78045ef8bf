use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{ErrorKind, Sent};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::key::{ED25519 as OID, EDDSA};
use super::packet::Reader;
use super::signature::mpi;
use super::*;
use crate::config::Context;
use crate::options::ClientOptions;

const CREATED: u32 = 1_700_000_000;

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 0xff], &length[..], body].concat()
}

fn armor(packets: &[u8]) -> String {
    let data = STANDARD.encode(packets);
    let lines: Vec<_> = data.as_bytes().chunks(64).collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    format!(
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: a test's\n\n{}\n=AAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
        lines.join("\n")
    )
}

/// A key as its owner would export it; `usage` 0 is without a passphrase.
fn secret_key(seed: &[u8; 32], usage: u8) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    let mut body = vec![4];
    body.extend(CREATED.to_be_bytes());
    body.extend([EDDSA, 9]);
    body.extend(OID);
    body.extend(mpi(&[&[0x40], pair.public_key().as_ref()].concat()));
    body.push(usage);
    let secret = mpi(seed);
    let sum = secret
        .iter()
        .map(|b| u16::from(*b))
        .fold(0, u16::wrapping_add);
    body.extend(secret);
    body.extend(sum.to_be_bytes());
    packet(5, &body)
}

/// A user's name, and the key's word that it lives `seconds`.
fn certified(seconds: u32) -> Vec<u8> {
    let mut hashed = vec![5, 2];
    hashed.extend(CREATED.to_be_bytes());
    hashed.extend([5, 9]);
    hashed.extend(seconds.to_be_bytes());
    let mut body = vec![4, 0x13, EDDSA, 8, 0, u8::try_from(hashed.len()).unwrap()];
    body.extend(hashed);
    body.extend([0, 0, 0, 0, 0, 0, 0, 0]);
    [packet(13, b"me <me@example.org>"), packet(2, &body)].concat()
}

fn key(seed: &[u8; 32]) -> SigningKey {
    SigningKey::parse(&armor(&secret_key(seed, 0))).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Takes a signature apart by other means than it was made: what was hashed,
/// whose it is, and the signature itself.
fn verify(key: &[u8], data: &[u8], packet: &[u8]) -> Option<[u8; 20]> {
    let (2, mut body) = Reader(packet).packet()? else {
        return None;
    };
    let whole = body.0;
    assert_eq!(body.take(4)?, [4, 0, EDDSA, 8]);
    let length = body.number(2)?;
    let mut entries = Reader(body.take(usize::try_from(length).ok()?)?);
    let hashed = &whole[..whole.len() - body.0.len()];
    let mut issuer = [0; 20];
    while !entries.0.is_empty() {
        let mut entry = entries.part()?;
        if entry.byte()? == 33 {
            issuer.copy_from_slice(&entry.0[1..]);
        }
    }
    let length = body.number(2)?;
    body.take(usize::try_from(length).ok()?)?;
    let trailer = [
        &[4, 0xff],
        &u32::try_from(hashed.len()).ok()?.to_be_bytes()[..],
    ]
    .concat();
    let all = [data, hashed, &trailer].concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, &all);
    if body.take(2)? != &digest.as_ref()[..2] {
        return None;
    }
    let mut signature = Vec::new();
    for _ in 0..2 {
        let half = body.mpi()?;
        signature.extend(std::iter::repeat_n(0, 32 - half.len()));
        signature.extend(half);
    }
    assert!(body.0.is_empty());
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(digest.as_ref(), &signature).ok()?;
    Some(issuer)
}

proptest! {
    #[test]
    fn what_was_signed_verifies_and_nothing_else(seed: [u8; 32], data: Vec<u8>, other: Vec<u8>) {
        let key = key(&seed);
        let public = key.pair.public_key().as_ref().to_vec();
        let signed = key.sign(&data, at(1_800_000_000));
        prop_assert_eq!(verify(&public, &data, &signed), Some(key.fingerprint));
        prop_assert!(other == data || verify(&public, &other, &signed).is_none());
    }

    #[test]
    fn a_key_that_is_cut_or_changed_is_refused_or_the_same(
        seed: [u8; 32], cut in 0usize..200, bit in 0usize..800,
    ) {
        let whole = [secret_key(&seed, 0), certified(3600)].concat();
        let cut = whole.get(..cut).unwrap_or(&whole);
        let _ = SigningKey::parse(&armor(cut));
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        // A change that is accepted never gives a key whose halves differ.
        if let Ok(parsed) = SigningKey::parse(&armor(&changed)) {
            let public = parsed.pair.public_key().as_ref().to_vec();
            prop_assert!(verify(&public, b"x", &parsed.sign(b"x", at(0))).is_some());
        }
    }

    #[test]
    fn no_text_panics(text: String, bytes: Vec<u8>) {
        let _ = SigningKey::parse(&text);
        let _ = SigningKey::parse(&armor(&bytes));
    }

    #[test]
    fn numbers_lose_their_zeros_and_nothing_more(bytes: Vec<u8>) {
        let written = mpi(&bytes);
        let mut reader = Reader(&written);
        let read = reader.mpi().unwrap();
        prop_assert!(reader.0.is_empty());
        prop_assert!(bytes.ends_with(read) && bytes[..bytes.len() - read.len()].iter().all(|b| *b == 0));
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let seed = [7; 32];
    let whole = secret_key(&seed, 0);
    let mut version = whole.clone();
    version[6] = 6;
    let mut algorithm = whole.clone();
    algorithm[11] = 1;
    let mut sum = whole.clone();
    *sum.last_mut().unwrap() ^= 1;
    let cut = &whole[..whole.len() - 9];
    for (text, why) in [
        ("hello".to_owned(), "holds no PGP private key"),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned(),
            "public PGP key",
        ),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAA".to_owned(),
            "cut off",
        ),
        (
            armor(&whole).replace("xQAA", "!!!!").replace("xf8", "!!!"),
            "not base64",
        ),
        (armor(&version), "version 6"),
        (armor(&algorithm), "algorithm 1"),
        (armor(&secret_key(&seed, 254)), "passphrase"),
        (armor(&sum), "damaged"),
        (armor(cut), "damaged or cut off"),
        (armor(&certified(1)), "begins with packet 13"),
    ] {
        let error = SigningKey::parse(&text).unwrap_err();
        assert!(error.contains(why), "{error} / {why}");
    }
}

#[test]
fn a_key_ends_when_it_says_so() {
    let seed = [1; 32];
    let short = [secret_key(&seed, 0), certified(100)].concat();
    let renewed = [&short[..], &certified(200)].concat();
    let end = |packets: &[u8]| SigningKey::parse(&armor(packets)).unwrap().expires;
    let created = u64::from(CREATED);
    assert_eq!(end(&short), Some(created + 100));
    assert_eq!(end(&renewed), Some(created + 200));
    assert_eq!(end(&secret_key(&seed, 0)), None);
    let key = SigningKey::parse(&armor(&short)).unwrap();
    assert_eq!(key.expired(at(created + 100)), None);
    assert!(
        key.expired(at(created + 101))
            .unwrap()
            .starts_with("2023-11-14T")
    );
}

fn options_with(keys: Option<&Path>) -> ClientOptions {
    ClientOptions {
        siderov1_keys_dir: keys.map(Path::to_owned),
        ..ClientOptions::default()
    }
}

fn context() -> Context {
    Context::new("lab", ["omni.example"])
}

#[test]
fn a_missing_key_names_the_files_that_were_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let vars = |name: &str| {
        let path = folder.path().join(name).display().to_string();
        matches!(name, "HOME" | "XDG_DATA_HOME" | "SIDEROV1_KEYS_DIR").then_some(path)
    };
    let error = signer(&context(), "me@x.org", &options_with(None), vars).unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::NotFound, Sent::No)
    );
    for file in [
        "SIDEROV1_KEYS_DIR/lab-me@x.org.pgp",
        "XDG_DATA_HOME/talos/keys/lab-me@x.org.pgp",
        "OMNI_SERVICE_ACCOUNT_KEY",
    ] {
        assert!(error.message().contains(file), "{error}");
    }
    let home = |name: &str| (name == "HOME").then(|| "/nowhere".to_owned());
    let error = signer(&context(), "me@x.org", &options_with(None), home).unwrap_err();
    assert!(
        error
            .message()
            .contains("/nowhere/.talos/keys/lab-me@x.org.pgp"),
        "{error}"
    );
}

#[test]
fn keys_are_found_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab-me@x.org.pgp");
    let text = armor(&secret_key(&[3; 32], 0));
    std::fs::write(&path, &text).unwrap();
    let options = options_with(Some(folder.path()));
    let none = |_: &str| None;
    let found = signer(&context(), "me@x.org", &options, none).unwrap();
    assert_eq!(
        (found.identity.as_str(), &found.source),
        ("me@x.org", &path.display().to_string())
    );

    // A service account goes first, and speaks as itself.
    let account = serde_json::json!({"name": "ci", "pgp_key": armor(&secret_key(&[4; 32], 0))});
    let account = STANDARD.encode(account.to_string());
    let vars = |name: &str| (name == "OMNI_SERVICE_ACCOUNT_KEY").then(|| account.clone());
    let found = signer(&context(), "me@x.org", &options, vars).unwrap();
    assert_eq!(found.identity, "ci");
    assert_eq!(found.key.fingerprint(), key(&[4; 32]).fingerprint());
    let given = ClientOptions::default().service_account_key(account.clone());
    assert_eq!(
        signer(&context(), "me@x.org", &given, none)
            .unwrap()
            .identity,
        "ci"
    );

    let bad = STANDARD.encode("{\"name\": \"ci\", \"pgp_key\": 7secret}");
    for account in [
        "%%%",
        &bad,
        &STANDARD.encode("{\"name\": \"a b\", \"pgp_key\": \"\"}"),
    ] {
        let given = ClientOptions::default().service_account_key(account);
        let error = signer(&context(), "me@x.org", &given, none).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("secret}"), "{error}");
    }
    std::fs::write(&path, "nothing").unwrap();
    let error = signer(&context(), "me@x.org", &options, none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("lab-me@x.org.pgp"), "{error}");
}

#[test]
fn what_is_signed_is_what_is_sent() {
    let signer = Signer {
        identity: "me@x.org".to_owned(),
        key: key(&[9; 32]),
        source: "a test".to_owned(),
        clock: Arc::new(homelab_core::SystemClock::default()),
    };
    let mut headers = HeaderMap::new();
    headers.insert("runtime", HeaderValue::from_static("Talos"));
    headers.insert("node", HeaderValue::from_static("172.16.1.50"));
    let method = "/machine.MachineService/Version";
    signer.sign(method, &mut headers).unwrap();
    let text = |name: &str| headers[name].to_str().unwrap();
    let payload: serde_json::Value = serde_json::from_str(text("x-sidero-payload")).unwrap();
    let expected = serde_json::json!({
        "headers": {"runtime": ["Talos"], "x-sidero-timestamp": [text("x-sidero-timestamp")]},
        "method": method,
    });
    assert_eq!(payload, expected);
    let words: Vec<_> = text("x-sidero-signature").split(' ').collect();
    assert_eq!(
        words[..3],
        ["siderov1", "me@x.org", &signer.key.fingerprint()]
    );
    let signature = STANDARD.decode(words[3]).unwrap();
    let public = signer.key.pair.public_key().as_ref().to_vec();
    assert!(verify(&public, text("x-sidero-payload").as_bytes(), &signature).is_some());
    assert!(headers["x-sidero-signature"].is_sensitive());
}
