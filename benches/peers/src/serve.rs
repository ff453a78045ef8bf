//! A TLS server that does as little as can be done: what the contestants cost
//! must be their own.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::resources::cluster_resources;

const VERSION: &str =
    r#"{"data":{"version":"9.2.11","release":"9.2","repoid":"14a22df35955d97d"}}"#;
const UPID: &str = r#"{"data":"UPID:pve1:000071B2:0003E2F1:6B033175:imgcopy::root@pam!bench:"}"#;

/// Serves until it is killed.
pub(crate) fn run(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (acceptor, ca) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        std::fs::write(folder.join("ca.pem"), ca).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::fs::write(folder.join("port"), port.to_string()).unwrap();
        let resources: Arc<[u8]> = answer(&cluster_resources(10_000)).into();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let _ = tcp.set_nodelay(true);
            let (acceptor, resources) = (acceptor.clone(), Arc::clone(&resources));
            // A connection that breaks is the contestant's business.
            tokio::spawn(async move { connection(acceptor, tcp, &resources).await.ok() });
        }
    });
}

async fn connection(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    resources: &[u8],
) -> std::io::Result<()> {
    let mut tls = acceptor.accept(tcp).await?;
    let mut seen = Vec::new();
    let mut chunk = vec![0; 256 << 10];
    loop {
        let end = loop {
            if let Some(at) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            match tls.read(&mut chunk).await? {
                0 => return Ok(()),
                n => seen.extend_from_slice(&chunk[..n]),
            }
        };
        let head = String::from_utf8_lossy(&seen[..end]).into_owned();
        let length: usize = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        // What curl waits for before a large body.
        if head.to_ascii_lowercase().contains("100-continue") {
            tls.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            tls.flush().await?;
        }
        let mut left = length.saturating_sub(seen.len() - end);
        seen.drain(..(end + length).min(seen.len()));
        while left > 0 {
            match tls.read(&mut chunk).await? {
                0 => return Ok(()),
                n => left = left.saturating_sub(n),
            }
        }
        if head.contains("/cluster/resources") {
            tls.write_all(resources).await?;
        } else if head.starts_with("POST") {
            tls.write_all(&answer(UPID)).await?;
        } else {
            tls.write_all(&answer(VERSION)).await?;
        }
        tls.flush().await?;
    }
}

fn answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn identity() -> (TlsAcceptor, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate for self-signed when its issuer has its name.
    ca.distinguished_name.push(DnType::CommonName, "bench CA");
    let certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![leaf.der().clone()],
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    )
    .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}
