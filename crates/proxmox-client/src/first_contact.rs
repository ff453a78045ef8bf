//! Which certificate a server shows to somebody who does not know it yet.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use homelab_core::{Error, ErrorKind, PerNode, Result, Sent};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use crate::tls::Fingerprint;
use crate::transport::send_error;

/// The certificate that a server showed; see
/// [`first_contact`](crate::ProxmoxClientBuilder::first_contact).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ServerCertificate {
    /// Where it was seen: `https://pve1.lan:8006`.
    pub endpoint: String,
    /// Its SHA-256 fingerprint, as Proxmox VE prints it: `A1:EC:…`.
    pub fingerprint: String,
    /// The certificate itself, in PEM.
    pub pem: String,
    /// What the server calls itself: `pve-api-daemon/3.0`, unless something
    /// else listens there.
    pub server: Option<String>,
}

/// Asks all at once. The question is one that needs no credentials.
pub(crate) async fn look(
    http: &reqwest::Client,
    urls: Vec<String>,
    timeout: Duration,
) -> PerNode<ServerCertificate> {
    let looks = urls.into_iter().map(|url| async move {
        let seen = look_at(http, &url, timeout).await;
        let host = url.trim_start_matches("https://").to_owned();
        let seen = seen.map_err(|error| error.operation("first contact").target(&host));
        (host, seen)
    });
    join_all(looks).await.into_iter().collect()
}

async fn look_at(
    http: &reqwest::Client,
    url: &str,
    timeout: Duration,
) -> Result<ServerCertificate> {
    let request = http.get(format!("{url}/api2/json/access/domains"));
    let answer = request.timeout(timeout).send().await.map_err(send_error)?;
    let certificate = answer
        .extensions()
        .get::<reqwest::tls::TlsInfo>()
        .and_then(|tls| tls.peer_certificate())
        .ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the server showed no certificate").sent(Sent::Yes)
        })?;
    Ok(ServerCertificate {
        endpoint: url.to_owned(),
        fingerprint: Fingerprint::of(&CertificateDer::from(certificate)).to_string(),
        pem: pem(certificate),
        server: answer
            .headers()
            .get(http::header::SERVER)
            .and_then(|name| name.to_str().ok())
            .map(str::to_owned),
    })
}

fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
