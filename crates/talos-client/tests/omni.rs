//! Credentials that travel with each call: Omni's signatures, verified by gpg,
//! and a user's password. The server is none of ours and behind real TLS.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{ErrorKind, Sent};
use http::HeaderMap;
use recorder::Recorder;
use support::options;
use talos_client::{ClientOptions, TalosClient, TalosConfig};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const IDENTITY: &str = "me@example.org";
const VERSION: &str = "/machine.MachineService/Version";

async fn connect(text: &str, options: ClientOptions) -> homelab_core::Result<TalosClient> {
    let config = TalosConfig::parse("talosconfig", text).unwrap();
    TalosClient::connect(config.context(None).unwrap(), options).await
}

/// gpg with keys of its own in `home`; `None`, said visibly, without gpg.
fn gpg(home: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    let output = Command::new("gpg")
        .arg("--homedir")
        .arg(home)
        .args([
            "--batch",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ])
        .args(arguments)
        .output();
    if output.is_err() {
        eprintln!("SKIPPED: gpg is not installed");
    }
    output.ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[tokio::test]
async fn gnupg_verifies_what_its_key_signed() {
    let home = tempfile::tempdir().unwrap();
    let key = ["--quick-generate-key", IDENTITY, "ed25519", "sign", "1d"];
    let Some(made) = gpg(home.path(), &key) else {
        return;
    };
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let keys = tempfile::tempdir().unwrap();
    let exported = gpg(home.path(), &["--armor", "--export-secret-keys", IDENTITY]).unwrap();
    assert!(exported.status.success());
    std::fs::write(
        keys.path().join(format!("lab-{IDENTITY}.pgp")),
        &exported.stdout,
    )
    .unwrap();

    let server = Recorder::start().await;
    let yaml = server.talosconfig(&format!("{{siderov1: {{identity: {IDENTITY}}}}}"));
    let talos = connect(&yaml, options().siderov1_keys_dir(keys.path()))
        .await
        .unwrap();
    let error = talos.node("172.16.1.50").version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");

    let calls = server.calls();
    let [(path, headers)] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(
        (path.as_str(), text(headers, "node")),
        (VERSION, "172.16.1.50")
    );
    let payload = text(headers, "x-sidero-payload");
    let said: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(said["method"], VERSION);
    assert_eq!(said["headers"]["context"], serde_json::json!(["mine"]));
    assert_eq!(
        said["headers"]["x-sidero-timestamp"],
        serde_json::json!([text(headers, "x-sidero-timestamp")])
    );
    let words: Vec<_> = text(headers, "x-sidero-signature").split(' ').collect();
    assert_eq!(words[..2], ["siderov1", IDENTITY]);
    let listed = gpg(home.path(), &["--with-colons", "--fingerprint", IDENTITY]).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&words[2].to_uppercase()), "{listed}");

    let signature = home.path().join("signature");
    std::fs::write(&signature, STANDARD.decode(words[3]).unwrap()).unwrap();
    let verify = |data: &str| {
        let file = home.path().join("data");
        std::fs::write(&file, data).unwrap();
        let paths = [&signature, &file].map(|p| p.to_str().unwrap().to_owned());
        gpg(home.path(), &["--verify", &paths[0], &paths[1]]).unwrap()
    };
    let verified = verify(payload);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(
        !verify(&payload.replace("Version", "Reboot"))
            .status
            .success()
    );
}

#[tokio::test]
async fn without_a_key_nothing_is_dialled_and_the_file_is_named() {
    let server = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = server.talosconfig(&format!("{{siderov1: {{identity: {IDENTITY}}}}}"));
    let error = connect(&yaml, options().siderov1_keys_dir(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::NotFound, Sent::No)
    );
    let file = folder.path().join(format!("lab-{IDENTITY}.pgp"));
    assert!(
        error.message().contains(&file.display().to_string()),
        "{error}"
    );
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn a_password_reaches_a_server_that_is_trusted() {
    let server = Recorder::start().await;
    let yaml = server.talosconfig("{basic: {username: me, password: secret}}");
    let talos = connect(&yaml, options()).await.unwrap();
    let error = talos.endpoint().version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let calls = server.calls();
    let [(path, headers)] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(path, VERSION);
    assert_eq!(text(headers, "authorization"), "Basic bWU6c2VjcmV0");
    assert_eq!(text(headers, "runtime"), "Talos");
    assert!(!headers.contains_key("x-sidero-signature"));

    // Another certificate than the one in the talosconfig: it learns nothing.
    let strange = Recorder::start().await;
    let yaml = yaml.replace(&server.address, &strange.address);
    let talos = connect(&yaml, options()).await.unwrap();
    let error = talos.endpoint().version().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::Untrusted, Sent::No)
    );
    assert!(strange.calls().is_empty());
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_password_is_not_sent_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let reader = tokio::spawn(async move {
        // Speaks as HTTP would; what it then hears is a TLS handshake or nothing.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).await.unwrap();
        heard.truncate(length);
        heard
    });
    let yaml = format!(
        "context: lab\ncontexts:\n  lab:\n    endpoints: ['http://{address}']\n    \
         auth: {{basic: {{username: me, password: secret}}}}\n"
    );
    let talos = connect(&yaml, options()).await.unwrap();
    let error = talos.endpoint().version().await.unwrap_err();
    assert_eq!(error.was_sent(), Sent::No, "{error}");
    let heard = reader.await.unwrap();
    // A TLS handshake record, not a preface of HTTP/2.
    assert_eq!(heard.first(), Some(&0x16));
    let plain = |what: &[u8]| heard.windows(what.len()).any(|part| part == what);
    assert!(!plain(b"authorization") && !plain(b"bWU6c2VjcmV0") && !plain(b"PRI * HTTP/2"));
}
