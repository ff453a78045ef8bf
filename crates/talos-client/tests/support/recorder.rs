//! A server behind real TLS that answers one thing and remembers who asked how.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

/// Path and headers of each call.
type Calls = Arc<Mutex<Vec<(String, HeaderMap)>>>;

pub(crate) struct Recorder {
    pub(crate) address: String,
    /// What clients trust, as PEM.
    pub(crate) certificate: String,
    calls: Calls,
}

impl Recorder {
    /// Says to all that it does not know the call.
    pub(crate) async fn start() -> Recorder {
        Recorder::answering("").await
    }

    /// Answers with these bytes as messages of gRPC, and no end.
    pub(crate) async fn answering(messages: &'static str) -> Recorder {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Calls::default();
        let kept = calls.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, kept) = (tls.clone(), kept.clone());
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let call = (request.uri().path().to_owned(), request.headers().clone());
                        kept.lock().unwrap().push(call);
                        async move {
                            let mut answer =
                                Response::builder().header("content-type", "application/grpc");
                            if messages.is_empty() {
                                answer = answer
                                    .header("grpc-status", "12")
                                    .header("grpc-message", "recorded");
                            }
                            Ok::<_, Infallible>(answer.body(messages.to_owned()).unwrap())
                        }
                    });
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Recorder {
            address,
            certificate: certificate.pem(),
            calls,
        }
    }

    pub(crate) fn calls(&self) -> Vec<(String, HeaderMap)> {
        self.calls.lock().unwrap().clone()
    }

    /// A talosconfig for it; `auth` is YAML.
    pub(crate) fn talosconfig(&self, auth: &str) -> String {
        use base64::Engine as _;
        let ca = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        format!(
            "context: lab\ncontexts:\n  lab:\n    endpoints: ['{}']\n    ca: {ca}\n    \
             cluster: mine\n    auth: {auth}\n",
            self.address
        )
    }
}
