//! `/nodes/{node}/certificates/info`: what the host shows to its clients.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::answer::{Answer, Result};
use super::super::router::{Access, Call, Route, get};

fn info(call: &Call<'_>) -> Result<Answer> {
    let mut rows = Vec::new();
    if let Ok((_, ca)) = x509_parser::pem::parse_x509_pem(call.cluster.0.ca_pem.as_bytes()) {
        rows.extend(row("pve-root-ca.pem", &ca.contents));
    }
    if let Some(tls) = call.cluster.tls(&call.node()) {
        rows.extend(row("pve-ssl.pem", &tls.certificate));
    }
    Ok(Value::Array(rows).into())
}

fn row(file: &str, der: &[u8]) -> Option<Value> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<_> = names
        .iter()
        .flat_map(|n| &n.value.general_names)
        .filter_map(name)
        .collect();
    let bits = certificate
        .public_key()
        .parsed()
        .map_or(0, |key| key.key_size());
    let digest = Sha256::digest(der);
    let fingerprint: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(json!({
        "filename": file,
        "fingerprint": fingerprint.join(":"),
        "subject": slashes(&certificate.subject().to_string()),
        "issuer": slashes(&certificate.issuer().to_string()),
        "notbefore": certificate.validity().not_before.timestamp(),
        "notafter": certificate.validity().not_after.timestamp(),
        "san": names,
        "public-key-type": "id-ecPublicKey",
        "public-key-bits": bits,
        "pem": pem(der),
    }))
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        GeneralName::IPAddress(bytes) => {
            let bytes: [u8; 16] = (*bytes).try_into().ok()?;
            Some(std::net::Ipv6Addr::from(bytes).to_string())
        }
        _ => None,
    }
}

/// `OU=x, CN=y` as OpenSSL once wrote it: `/OU=x/CN=y`.
fn slashes(name: &str) -> String {
    format!("/{}", name.replace(", ", "/"))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = vec!["-----BEGIN CERTIFICATE-----"];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push(line);
        rest = more;
    }
    lines.push("-----END CERTIFICATE-----\n");
    lines.join("\n")
}

pub(super) const ROUTES: &[Route] = &[get("/nodes/{node}/certificates/info", Access::User, info)];
