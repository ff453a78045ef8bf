//! The Rust contestants.

use std::path::Path;

use proxmox_client::endpoints::{Resource, Version};
use proxmox_client::{DataLoss, ProxmoxClient, UploadOptions};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use crate::measure::{at_once, measure, measure_once};

const TOKEN: (&str, &str) = ("root@pam!bench", "secret");

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// Runs one contestant and prints what it cost.
pub(crate) fn run(what: &str, who: &str, url: &str, ca: &str, times: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match (what, who) {
            ("resources", "ours") => {
                let pve = ours(url, ca);
                measure(times, 1, || async {
                    assert_eq!(pve.cluster().resources(None).await.unwrap().len(), 10_000);
                })
                .await;
            }
            ("resources", "bare") => {
                let http = bare(ca);
                measure(times, 1, || async {
                    let rows: Vec<Resource> = get(&http, url, "/cluster/resources").await;
                    assert_eq!(rows.len(), 10_000);
                })
                .await;
            }
            ("small1" | "small4", "ours") => {
                let pve = ours(url, ca);
                measure(times, at_once(what), || async {
                    assert_eq!(pve.version().await.unwrap().release, "9.2");
                })
                .await;
            }
            ("small1" | "small4", "bare") => {
                let http = bare(ca);
                measure(times, at_once(what), || async {
                    let version: Version = get(&http, url, "/version").await;
                    assert_eq!(version.release, "9.2");
                })
                .await;
            }
            ("upload", file) => {
                let pve = ours(url, ca);
                measure_once(async {
                    let options = UploadOptions::default().overwrite(DataLoss::Accepted);
                    let node = pve.node("pve1");
                    let made = node.upload("local", Path::new(file), options, |_| {}).await;
                    assert_eq!(made.unwrap().task().upid().kind(), "imgcopy");
                })
                .await;
            }
            _ => panic!("no contestant {what} {who}"),
        }
    });
}

fn ours(url: &str, ca: &str) -> ProxmoxClient {
    ProxmoxClient::builder()
        .endpoint(url)
        .ca_pem(std::fs::read(ca).unwrap())
        .token(TOKEN.0, TOKEN.1)
        .build()
        .unwrap()
}

fn bare(ca: &str) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(ca).unwrap();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .unwrap()
}

async fn get<T: serde::de::DeserializeOwned>(http: &reqwest::Client, url: &str, path: &str) -> T {
    let answer = http
        .get(format!("{url}/api2/json{path}"))
        .header(
            "Authorization",
            format!("PVEAPIToken={}={}", TOKEN.0, TOKEN.1),
        )
        .send()
        .await
        .unwrap();
    let body = answer.bytes().await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    serde_json::from_str::<Envelope<T>>(text).unwrap().data
}
