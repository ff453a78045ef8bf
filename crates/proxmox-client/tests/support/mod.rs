//! A small TLS server that answers byte for byte what a test tells it to:
//! odd reason phrases, repeated headers and broken connections included.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by test files, each of which uses its part"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxmox_client::{ProxmoxClient, ProxmoxClientBuilder};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Counts connections, from 0.
    pub connection: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_start_matches("/api2/json")
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends these bytes and keeps the connection.
    Raw(Vec<u8>),
    /// Sends these bytes, then closes.
    Cut(Vec<u8>),
    /// Sends nothing and keeps the connection open.
    Stall,
    /// Waits, then sends these bytes.
    Slow(Duration, Vec<u8>),
    /// Sends these bytes and so many more, as long as somebody takes them;
    /// then closes.
    Flood(Vec<u8>, usize),
}

/// A whole answer.
pub fn answer(status_line: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status_line}\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn ok(data: &str) -> Reply {
    Reply::Raw(answer("200 OK", &format!("{{\"data\":{data}}}")))
}

pub fn error(status_line: &str) -> Reply {
    Reply::Raw(answer(status_line, "{\"data\":null}"))
}

pub const VERSION: &str = r#"{"version":"9.2.11","release":"9.2","repoid":"14a22df35955d97d"}"#;

pub struct Server {
    pub port: u16,
    pub ca_pem: String,
    pub fingerprint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    most_in_flight: Arc<AtomicUsize>,
    /// Connections that the client closed while it waited for an answer.
    hung_up: Arc<AtomicUsize>,
    /// How much of floods was taken.
    flooded: Arc<AtomicUsize>,
    accept: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

impl Server {
    /// Starts a server that asks `handler` what to do with each request.
    pub async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let identity = identity();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.leaf.clone()], identity.key)
        .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let in_flight = Arc::new(AtomicUsize::new(0));
        let most_in_flight = Arc::new(AtomicUsize::new(0));
        let hung_up = Arc::new(AtomicUsize::new(0));
        let flooded = Arc::new(AtomicUsize::new(0));
        let shared = (
            Arc::new(handler),
            Arc::clone(&requests),
            in_flight,
            Arc::clone(&most_in_flight),
            Arc::clone(&hung_up),
            Arc::clone(&flooded),
        );
        let accept = tokio::spawn(async move {
            let mut connection = 0;
            let mut open = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                let (handler, requests, now, most, hung_up, flooded) = shared.clone();
                let number = connection;
                connection += 1;
                open.spawn(async move {
                    let Ok(mut tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    while let Some(request) = read_request(&mut tls, number).await {
                        let busy = now.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(busy, Ordering::SeqCst);
                        requests.lock().unwrap().push(request.clone());
                        let reply = handler(&request);
                        let keep = match reply {
                            Reply::Raw(bytes) => tls.write_all(&bytes).await.is_ok(),
                            Reply::Cut(bytes) => {
                                let _ = tls.write_all(&bytes).await;
                                let _ = tls.flush().await;
                                false
                            }
                            Reply::Slow(pause, bytes) => {
                                tokio::time::sleep(pause).await;
                                tls.write_all(&bytes).await.is_ok()
                            }
                            Reply::Flood(head, bytes) => {
                                let _ = tls.write_all(&head).await;
                                let chunk = vec![b' '; 64 << 10];
                                for _ in 0..bytes / chunk.len() {
                                    if tls.write_all(&chunk).await.is_err() {
                                        break;
                                    }
                                    flooded.fetch_add(chunk.len(), Ordering::SeqCst);
                                }
                                false
                            }
                            Reply::Stall => {
                                while matches!(tls.read(&mut [0; 64]).await, Ok(1..)) {}
                                hung_up.fetch_add(1, Ordering::SeqCst);
                                false
                            }
                        };
                        let _ = tls.flush().await;
                        now.fetch_sub(1, Ordering::SeqCst);
                        if !keep {
                            let _ = tls.shutdown().await;
                            return;
                        }
                    }
                });
            }
        });
        Server {
            port,
            ca_pem: identity.ca_pem,
            fingerprint: identity.fingerprint,
            requests,
            most_in_flight,
            hung_up,
            flooded,
            accept,
        }
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    pub fn hung_up(&self) -> usize {
        self.hung_up.load(Ordering::SeqCst)
    }

    pub fn flooded(&self) -> usize {
        self.flooded.load(Ordering::SeqCst)
    }

    /// For a client that trusts this server and uses a token.
    fn builder(&self) -> ProxmoxClientBuilder {
        ProxmoxClient::builder()
            .endpoint(self.url())
            .ca_pem(self.ca_pem.clone())
            .token("root@pam!test", "secret")
    }

    /// A client that trusts this server and uses a token.
    pub fn client(&self) -> ProxmoxClient {
        let builder = self.builder().request_timeout(Duration::from_secs(10));
        builder.build().unwrap()
    }

    /// One whose pauses take no time.
    pub fn patient_client(&self) -> ProxmoxClient {
        let builder = self.builder().clock(Arc::new(TestClock::default()));
        builder.build().unwrap()
    }
}

pub struct Identity {
    pub leaf: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub ca_pem: String,
    pub fingerprint: String,
}

pub fn identity() -> Identity {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let leaf: CertificateDer<'static> = leaf.der().clone();
    let fingerprint = Sha256::digest(&leaf)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":");
    Identity {
        leaf,
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        ca_pem: ca_certificate.pem(),
        fingerprint,
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        .collect();
    let length: usize = headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, v)| v.parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => body.extend_from_slice(&chunk[..n]),
        }
    }
    Some(Request {
        method,
        target,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        connection,
    })
}

/// Names and values of a query or form, decoded.
pub fn decoded(form: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// A clock that a test moves by hand; sleeping moves it too.
#[derive(Debug, Default)]
pub struct TestClock(Mutex<Duration>);

impl TestClock {
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl homelab_core::Clock for TestClock {
    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH + *self.0.lock().unwrap()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(
        &self,
        duration: Duration,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.advance(duration);
        Box::pin(tokio::task::yield_now())
    }
}

/// A port on which nobody listens.
pub async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
