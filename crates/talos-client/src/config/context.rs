//! One context: whom to ask, and who we are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{ExposeSecret, Location, Result, SecretString};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::certificate::{ClientIdentity, ContextInfo};
use super::endpoint::EndpointAddress;
use super::file::{location, unusable};
use crate::yaml::{Map, Value};

/// One context of a talosconfig.
///
/// Certificates and key are decoded only when they are used, so one broken
/// context does not spoil the others. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// Its name in the file.
    pub name: String,
    /// Nodes to connect to, as written: `172.16.1.50`, `cp1.lab:50000`, `https://talos.example`.
    pub endpoints: Vec<String>,
    /// Nodes that commands are meant for when none are named.
    pub nodes: Vec<String>,
    /// Name of the cluster; only Omni reads it.
    pub cluster: Option<String>,
    /// Proxy to connect through (since Talos v1.14); `direct` switches proxies off.
    pub proxy_url: Option<String>,
    ca: Option<Text>,
    crt: Option<Text>,
    key: Option<Text>,
    auth: Auth,
    at: Location,
}

/// A value that may be secret, and where it stands.
#[derive(Clone, Debug)]
struct Text {
    value: SecretString,
    at: Location,
}

/// How we prove who we are, beside a client certificate.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// Not at all.
    None,
    /// User and password in each call.
    Basic {
        username: String,
        password: SecretString,
    },
    /// Signatures with a PGP key, as Omni wants.
    SideroV1 { identity: String },
}

#[derive(Default, Deserialize)]
pub(super) struct RawContext {
    #[serde(default)]
    endpoints: Option<Vec<String>>,
    /// Deprecated: one more endpoint.
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    nodes: Option<Vec<String>>,
    #[serde(default)]
    ca: Option<Spanned<Option<String>>>,
    #[serde(default)]
    crt: Option<Spanned<Option<String>>>,
    #[serde(default)]
    key: Option<Spanned<Option<String>>>,
    #[serde(default)]
    auth: Option<RawAuth>,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default, rename = "proxy-url")]
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawAuth {
    #[serde(default)]
    basic: Option<RawBasic>,
    #[serde(default)]
    siderov1: Option<RawSideroV1>,
}

#[derive(Deserialize)]
struct RawBasic {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: SecretString,
}

#[derive(Deserialize)]
struct RawSideroV1 {
    #[serde(default)]
    identity: String,
}

impl Context {
    pub(super) fn from_raw(name: &str, raw: RawContext, at: Location) -> Self {
        let text = |value: Option<Spanned<Option<String>>>| {
            value.and_then(|spanned| {
                let at = location(&at.file, &spanned);
                let value = spanned.value.filter(|text| !text.trim().is_empty())?;
                Some(Text {
                    value: value.into(),
                    at,
                })
            })
        };
        let some = |value: Option<String>| value.filter(|text| !text.is_empty());
        let RawAuth { basic, siderov1 } = raw.auth.unwrap_or_default();
        let auth = match (basic, siderov1) {
            (Some(basic), _) => Auth::Basic {
                username: basic.username,
                password: basic.password,
            },
            (None, Some(siderov1)) => Auth::SideroV1 {
                identity: siderov1.identity,
            },
            (None, None) => Auth::None,
        };
        let mut endpoints = raw.endpoints.unwrap_or_default();
        endpoints.extend(some(raw.target));
        Context {
            name: name.to_owned(),
            endpoints,
            nodes: raw.nodes.unwrap_or_default(),
            cluster: some(raw.cluster),
            proxy_url: some(raw.proxy_url),
            ca: text(raw.ca),
            crt: text(raw.crt),
            key: text(raw.key),
            auth,
            at,
        }
    }

    /// A context without credentials, not read from a file.
    pub fn new(
        name: impl Into<String>,
        endpoints: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let at = Location {
            file: "talosconfig".to_owned(),
            line: 0,
            column: 0,
        };
        let mut context = Context::from_raw(&name.into(), RawContext::default(), at);
        context.endpoints = endpoints.into_iter().map(Into::into).collect();
        context
    }

    /// The same with these nodes.
    #[must_use]
    pub fn with_nodes(mut self, nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.nodes = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// The same with other credentials, all PEM: the CAs to trust, the client
    /// certificate and its key.
    #[must_use]
    pub fn with_certificate(mut self, ca: &str, crt: &str, key: &SecretString) -> Self {
        let pack = |pem: &str| {
            Some(Text {
                value: STANDARD.encode(pem).into(),
                at: self.at.clone(),
            })
        };
        let (ca, crt, key) = (pack(ca), pack(crt), pack(key.expose_secret()));
        (self.ca, self.crt, self.key) = (ca, crt, key);
        self
    }

    /// The context as it stands in a file, in the order of talosctl.
    pub(super) fn to_map(&self) -> Map {
        let texts = |list: &[String]| Value::List(list.iter().map(Value::text).collect());
        let mut map = Map::default();
        map.insert("endpoints", texts(&self.endpoints));
        if !self.nodes.is_empty() {
            map.insert("nodes", texts(&self.nodes));
        }
        for (key, text) in [("ca", &self.ca), ("crt", &self.crt), ("key", &self.key)] {
            if let Some(text) = text {
                map.insert(key, Value::text(text.value.expose_secret()));
            }
        }
        let one =
            |key: &str, value: Map| Value::Map([(key, Value::Map(value))].into_iter().collect());
        match &self.auth {
            Auth::None => {}
            Auth::Basic { username, password } => {
                let mut basic = Map::default();
                basic.insert("username", Value::text(username));
                basic.insert("password", Value::text(password.expose_secret()));
                map.insert("auth", one("basic", basic));
            }
            Auth::SideroV1 { identity } => {
                let identity = [("identity", Value::text(identity))].into_iter().collect();
                map.insert("auth", one("siderov1", identity));
            }
        }
        for (key, value) in [("cluster", &self.cluster), ("proxy-url", &self.proxy_url)] {
            if let Some(value) = value {
                map.insert(key, Value::text(value));
            }
        }
        map
    }

    /// Where the context stands in its file.
    pub fn location(&self) -> &Location {
        &self.at
    }

    /// Reads what can be known without connecting: endpoints, nodes, and the
    /// roles and validity of the client certificate.
    ///
    /// # Errors
    /// `Config` with file and line when the certificate, the key, a CA or an
    /// endpoint cannot be read, or when the certificate is none of a client.
    pub fn describe(&self) -> Result<ContextInfo> {
        let endpoints = self.endpoint_addresses(&self.endpoints)?;
        let identity = self.identity()?;
        let ca_count = self.ca_certificates()?.len();
        Ok(ContextInfo::new(
            self,
            &endpoints,
            identity.as_ref(),
            ca_count,
        ))
    }

    /// The given endpoints, normalised.
    pub(crate) fn endpoint_addresses(&self, endpoints: &[String]) -> Result<Vec<EndpointAddress>> {
        endpoints
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|message: String| unusable(&self.at, message))
            })
            .collect()
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    /// The CAs to trust, as DER; empty means: those of the system.
    pub(crate) fn ca_certificates(
        &self,
    ) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>> {
        let Some(ca) = &self.ca else {
            return Ok(Vec::new());
        };
        super::certificate::certificates("ca", &ca.decode("ca")?, &ca.at)
    }

    /// The client certificate with its key; `None` when the context has neither.
    pub(crate) fn identity(&self) -> Result<Option<ClientIdentity>> {
        match (&self.crt, &self.key) {
            (None, None) => Ok(None),
            (Some(crt), Some(key)) => ClientIdentity::new(
                (&crt.decode("crt")?, &crt.at),
                (&key.decode("key")?, &key.at),
            )
            .map(Some),
            (Some(crt), None) => Err(unusable(&crt.at, "there is a crt but no key")),
            (None, Some(key)) => Err(unusable(&key.at, "there is a key but no crt")),
        }
    }
}

impl Text {
    /// The PEM text inside the base64.
    fn decode(&self, name: &str) -> Result<SecretString> {
        // Hand-made files wrap lines; Go's decoder skips line ends, and so do we.
        let packed: String = self.value.expose_secret().split_whitespace().collect();
        let bytes = STANDARD
            .decode(packed)
            .map_err(|e| unusable(&self.at, format!("{name} is not base64: {e}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err(unusable(&self.at, format!("{name} holds no PEM text"))),
        }
    }
}
