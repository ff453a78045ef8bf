//! GET requests to the Kubernetes API, with the certificate of a kubeconfig.
//!
//! Six lists are all that the checks need. The crate `kube` would bring some thirty
//! more crates, and a minute of compilation, so hyper, which is here already, does.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, Result, Sent};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::transport::Fault;

/// A list of all nodes or pods of a large cluster is smaller.
const LONGEST_ANSWER: usize = 64 << 20;

/// Longest wait for a connection.
const CONNECTING: Duration = Duration::from_secs(5);

/// Longest wait for one answer.
const ANSWERING: Duration = Duration::from_secs(30);

/// The Kubernetes API of one cluster.
#[derive(Clone, Debug)]
pub(in crate::health) struct Api {
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
}

#[derive(Deserialize)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedCluster {
    cluster: ClusterEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    server: String,
    certificate_authority_data: String,
}

#[derive(Deserialize)]
struct NamedUser {
    user: UserEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserEntry {
    client_certificate_data: String,
    client_key_data: String,
}

impl Api {
    /// From the kubeconfig that a node makes: one cluster, one user. `endpoint`
    /// replaces the server's address, not whom to trust.
    pub(super) fn new(kubeconfig: &str, endpoint: Option<&str>) -> Result<Self> {
        let wrong = |what: &str| {
            let message = format!("the node's kubeconfig cannot be used: {what}");
            Error::new(ErrorKind::Protocol, message)
        };
        let config: Kubeconfig =
            serde_saphyr::from_str(kubeconfig).map_err(|_| wrong("it is not what it should be"))?;
        let cluster = config.clusters.first().ok_or_else(|| wrong("no cluster"))?;
        let user = config.users.first().ok_or_else(|| wrong("no user"))?;
        let (host, port) = match endpoint {
            Some(endpoint) => address(endpoint).ok_or_else(|| {
                let message =
                    format!("kubernetes endpoint {endpoint:?}: https://host:6443 is needed");
                Error::new(ErrorKind::InvalidArgument, message)
            })?,
            None => address(&cluster.cluster.server).ok_or_else(|| wrong("no server"))?,
        };
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| wrong("not base64"));
        let certificates = |text: &str| {
            CertificateDer::pem_slice_iter(&decode(text)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| wrong("no certificate"))
        };
        let mut roots = RootCertStore::empty();
        for ca in certificates(&cluster.cluster.certificate_authority_data)? {
            roots.add(ca).map_err(|_| wrong("its CA is none"))?;
        }
        let chain = certificates(&user.user.client_certificate_data)?;
        let key = decode(&user.user.client_key_data)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| wrong("no key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(&e.to_string()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|e| wrong(&e.to_string()))?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Api {
            host,
            port,
            tls: Arc::new(tls),
        })
    }

    /// One GET, decoded.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let named = |e: Error| {
            let path = path.split('?').next().unwrap_or(path);
            e.operation(format!("GET {path}"))
                .target(format!("{}:{}", self.host, self.port))
        };
        let fetched = tokio::time::timeout(ANSWERING, self.fetch(path)).await;
        let late = || {
            let message = format!("no answer within {ANSWERING:?}");
            Err(Error::new(ErrorKind::Timeout, message))
        };
        fetched
            .unwrap_or_else(|_| late())
            .and_then(|body| {
                serde_json::from_slice(&body).map_err(|e| {
                    Error::new(ErrorKind::Protocol, format!("not what it should be: {e}"))
                })
            })
            .map_err(named)
    }

    async fn fetch(&self, path: &str) -> Result<bytes::Bytes> {
        let away = |e: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Unavailable, e.to_string()).sent(Sent::No)
        };
        let dialling = TcpStream::connect((self.host.as_str(), self.port));
        let tcp = tokio::time::timeout(CONNECTING, dialling)
            .await
            .map_err(|_| away(&format!("no connection within {CONNECTING:?}")))?
            .map_err(|e| away(&e))?;
        let name = ServerName::try_from(self.host.clone()).map_err(|e| away(&e))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await
            .map_err(|e| {
                let kind = Fault::connecting(&e).kind();
                Error::new(kind, format!("TLS failed: {e}")).sent(Sent::No)
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| away(&e))?;
        // Ends with the one answer.
        let connection = tokio::spawn(connection);
        let request = Request::get(path)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::ACCEPT, "application/json")
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|e| Error::new(ErrorKind::InvalidArgument, e.to_string()))?;
        let lost = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Unavailable, e.to_string());
        let response = sender.send_request(request).await.map_err(|e| lost(&e))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER)
            .collect()
            .await
            .map_err(|e| lost(&e))?
            .to_bytes();
        connection.abort();
        if status.is_success() {
            return Ok(body);
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED => ErrorKind::Unauthenticated,
            StatusCode::FORBIDDEN => ErrorKind::PermissionDenied,
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::Unavailable,
            status if status.is_server_error() => ErrorKind::Unavailable,
            _ => ErrorKind::Protocol,
        };
        let words = String::from_utf8_lossy(body.get(..200).unwrap_or(&body)).into_owned();
        Err(Error::new(kind, words)
            .sent(Sent::Yes)
            .status(status.to_string()))
    }
}

/// Host and port of `https://host:port`.
fn address(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    (uri.scheme_str() == Some("https") && !host.is_empty())
        .then(|| (host.to_owned(), uri.port_u16().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::server::WebPkiClientVerifier;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::health::kubernetes::objects::{List, Node};

    /// An API server that wants a client certificate and knows two paths, and a
    /// kubeconfig for it.
    async fn server() -> String {
        let key = || KeyPair::generate().unwrap();
        let (ca_key, server_key, client_key) = (key(), key(), key());
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::from_params(&ca, &ca_key);
        let leaf = |name: &str, key: &KeyPair| {
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.signed_by(key, &issuer).unwrap()
        };
        let (server, client) = (leaf("127.0.0.1", &server_key), leaf("admin", &client_key));

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(ca_pem.der().clone()).unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .unwrap();
        let key = PrivateKeyDer::from_pem_slice(server_key.serialize_pem().as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![server.der().clone()], key)
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(tls));
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    continue;
                };
                let mut head = [0; 2048];
                let count = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..count]).into_owned();
                let (status, body) = match head.split(' ').nth(1).unwrap() {
                    "/api/v1/nodes" => ("200 OK", r#"{"items":[{"metadata":{"name":"cp-1"}}]}"#),
                    "/html" => ("200 OK", "<html>"),
                    "/away" | "/away?x=y" => ("503 Service Unavailable", "etcdserver: no leader"),
                    "/none" => ("404 Not Found", "no such kind"),
                    "/who" => ("401 Unauthorized", "Unauthorized"),
                    _ => ("403 Forbidden", "nodes is forbidden"),
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.ok();
            }
        });
        let pack = |pem: &str| STANDARD.encode(pem);
        format!(
            "clusters:\n- cluster:\n    server: https://127.0.0.1:{port}\n    certificate-authority-data: {}\nusers:\n- user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            pack(&ca_pem.pem()),
            pack(&client.pem()),
            pack(&client_key.serialize_pem()),
        )
    }

    #[tokio::test]
    async fn lists_are_read_over_mutual_tls() {
        let kubeconfig = server().await;
        let api = Api::new(&kubeconfig, None).unwrap();
        let nodes: List<Node> = api.get("/api/v1/nodes").await.unwrap();
        assert_eq!(nodes.items[0].metadata.name, "cp-1");
        let kind = async |path: &str| api.get::<List<Node>>(path).await.unwrap_err().kind();
        assert_eq!(kind("/secrets").await, ErrorKind::PermissionDenied);
        assert_eq!(kind("/html").await, ErrorKind::Protocol);
        assert_eq!(kind("/away").await, ErrorKind::Unavailable);
        assert_eq!(kind("/none").await, ErrorKind::NotFound);
        assert_eq!(kind("/who").await, ErrorKind::Unauthenticated);
        let error = api.get::<List<Node>>("/away?x=y").await.unwrap_err();
        assert_eq!(error.was_sent(), Sent::Yes);
        for part in ["GET /away", "127.0.0.1", "no leader"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let nobody = Api::new(&kubeconfig, Some("https://127.0.0.1:1")).unwrap();
        let error = nobody.get::<List<Node>>("/away").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Unavailable, Sent::No)
        );
        // Another CA's server is not believed.
        let other = server().await;
        let port = Api::new(&other, None).unwrap().port;
        let strange = Api::new(&kubeconfig, Some(&format!("https://127.0.0.1:{port}"))).unwrap();
        let error = strange
            .get::<List<Node>>("/api/v1/nodes")
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Untrusted, Sent::No)
        );
    }

    #[test]
    fn addresses_are_https() {
        let of = |url: &str| address(url);
        assert_eq!(
            of("https://172.16.1.50:6443"),
            Some(("172.16.1.50".into(), 6443))
        );
        assert_eq!(of("https://[fd00::1]:6443"), Some(("fd00::1".into(), 6443)));
        assert_eq!(of("https://k8s.lab"), Some(("k8s.lab".into(), 443)));
        for wrong in ["", "172.16.1.50:6443", "http://172.16.1.50", "https://"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_kubeconfig_that_is_none_is_not_shown() {
        for text in ["", "clusters: []\nusers: []", "clusters: hush"] {
            let error = Api::new(text, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(!error.to_string().contains("hush"));
        }
    }
}
