//! Endpoints that are reached through a proxy, a real one each time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use std::sync::{Arc, Mutex};

use homelab_core::ErrorKind;
use homelab_sim::{ClientCert, Sim};
use rcgen::{CertificateParams, KeyPair};
use support::{CP1, config, lab, options};
use talos_client::{Context, TalosClient};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a proxy was asked for, in its own words.
type Asked = Arc<Mutex<Vec<String>>>;

/// Speaks HTTP CONNECT until the tunnel stands. It wants `user:secret`.
async fn http_connect<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, to: String, asked: Asked) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    asked
        .lock()
        .unwrap()
        .push(head.lines().next().unwrap().to_owned());
    if !head.contains("Basic dXNlcjpzZWNyZXQ=") {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        return;
    }
    let mut target = TcpStream::connect(to).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut target).await;
}

/// Speaks SOCKS5 with user and password.
async fn socks5(mut stream: TcpStream, to: String, asked: Asked) {
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await.unwrap();
    let mut methods = vec![0; usize::from(hello[1])];
    stream.read_exact(&mut methods).await.unwrap();
    assert!(methods.contains(&2), "{methods:?}");
    stream.write_all(&[5, 2]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    let mut words = Vec::new();
    for _ in 0..2 {
        let mut word = vec![0; usize::from(stream.read_u8().await.unwrap())];
        stream.read_exact(&mut word).await.unwrap();
        words.push(String::from_utf8(word).unwrap());
    }
    assert_eq!(words, ["user", "secret"]);
    stream.write_all(&[1, 0]).await.unwrap();
    let mut request = [0; 10];
    stream.read_exact(&mut request).await.unwrap();
    let [5, 1, 0, 1, a, b, c, d, high, low] = request else {
        panic!("{request:?}");
    };
    let port = u16::from_be_bytes([high, low]);
    asked
        .lock()
        .unwrap()
        .push(format!("{a}.{b}.{c}.{d}:{port}"));
    let mut target = TcpStream::connect(to).await.unwrap();
    stream
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let _ = copy_bidirectional(&mut stream, &mut target).await;
}

#[derive(Clone)]
enum Kind {
    Http,
    Https(TlsAcceptor),
    Socks5,
}

/// A proxy that takes every tunnel to `to`; its address and what it is asked for.
async fn proxy(kind: Kind, to: String) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kind, to, asked) = (kind.clone(), to.clone(), seen.clone());
            tokio::spawn(async move {
                match kind {
                    Kind::Http => http_connect(stream, to, asked).await,
                    Kind::Https(tls) => {
                        http_connect(tls.accept(stream).await.unwrap(), to, asked).await;
                    }
                    Kind::Socks5 => socks5(stream, to, asked).await,
                }
            });
        }
    });
    (address, asked)
}

/// The simulated cluster's context with an endpoint that only a proxy can reach.
fn context(sim: &Sim, proxy_url: Option<String>) -> Context {
    let config = config(sim, &ClientCert::admin());
    let mut context = config.context(None).unwrap().clone();
    context.endpoints = vec![CP1.to_owned()];
    context.proxy_url = proxy_url;
    context
}

async fn tag(context: &Context) -> homelab_core::Result<String> {
    let client = TalosClient::connect(context, options()).await?;
    Ok(client.node(CP1).version().await?.tag)
}

#[tokio::test]
async fn http_and_socks5_proxies_carry_calls() {
    let sim = lab().await;
    let node = sim.talos_endpoint("cp-1").unwrap();

    let (address, asked) = proxy(Kind::Http, node.clone()).await;
    let url = format!("http://user:secret@{address}");
    assert!(
        tag(&context(&sim, Some(url)))
            .await
            .unwrap()
            .starts_with('v')
    );
    let expected = format!("CONNECT {CP1}:50000 HTTP/1.1");
    assert_eq!(*asked.lock().unwrap(), [expected]);

    let refused = tag(&context(&sim, Some(format!("http://{address}"))))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(
        refused.message().contains("proxy authorization required"),
        "{refused}"
    );
    assert!(refused.message().contains(&address), "{refused}");

    let (address, asked) = proxy(Kind::Socks5, node).await;
    let url = format!("socks5://user:secret@{address}");
    assert!(
        tag(&context(&sim, Some(url)))
            .await
            .unwrap()
            .starts_with('v')
    );
    assert_eq!(*asked.lock().unwrap(), [format!("{CP1}:50000")]);
}

#[tokio::test]
async fn a_dead_proxy_is_named_and_its_password_is_not() {
    let sim = lab().await;
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://user:secret@{gone}");
    let error = tag(&context(&sim, Some(url))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let said = error.to_string();
    assert!(
        said.contains(&gone.to_string()) && !said.contains("secret"),
        "{said}"
    );
}

/// The environment belongs to a process, so this test runs in one of its own.
#[tokio::test]
async fn the_environment_names_a_proxy_that_speaks_tls() {
    const INSIDE: &str = "HOMELAB_SDK_TEST_PROXY";
    let Ok(to) = std::env::var(INSIDE) else {
        let sim = lab().await;
        let to = sim.talos_endpoint("cp-1").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let crt = params.self_signed(&key).unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, crt.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![crt.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let kind = Kind::Https(TlsAcceptor::from(Arc::new(tls)));
        let (address, asked) = proxy(kind, to.clone()).await;
        let port = address.rsplit(':').next().unwrap();
        let talosconfig = folder.path().join("talosconfig");
        std::fs::write(&talosconfig, sim.talosconfig(&ClientCert::admin()).unwrap()).unwrap();

        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args([
                "--exact",
                "the_environment_names_a_proxy_that_speaks_tls",
                "--nocapture",
            ])
            .env(INSIDE, talosconfig)
            .env("SSL_CERT_FILE", ca)
            .env(
                "HTTPS_PROXY",
                format!("https://user:secret@localhost:{port}"),
            )
            .env("NO_PROXY", "10.0.0.0/8");
        let output = tokio::task::spawn_blocking(move || child.output())
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(
            *asked.lock().unwrap(),
            [format!("CONNECT {CP1}:50000 HTTP/1.1")]
        );
        return;
    };
    let config = talos_client::TalosConfig::from_file(to).unwrap();
    let mut context = config.context(None).unwrap().clone();
    context.endpoints = vec![CP1.to_owned()];
    assert!(tag(&context).await.unwrap().starts_with('v'));
}
