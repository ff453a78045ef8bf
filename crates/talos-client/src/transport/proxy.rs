//! Through which proxy an endpoint is reached.
//!
//! `proxy-url` of the context decides; `direct` there means none. Without it,
//! `HTTPS_PROXY` and `NO_PROXY` (or their lower-case names) do, as for every
//! client written in Go: this machine itself is then never asked through a proxy.

use std::net::IpAddr;
use std::sync::Arc;

use homelab_core::{Error, ErrorKind, Result, Sent};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use super::carrier::Carrier;
use super::fault::{Fault, root_cause};
use crate::config::{Context, EndpointAddress};

/// Decides for each endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Proxies {
    /// None.
    Direct,
    /// This one for all, because the context says so.
    Fixed(Intercept),
    /// What the environment says.
    Environment(Arc<Matcher>),
}

impl Proxies {
    /// What `context` says, or else the environment, given by `vars`.
    ///
    /// # Errors
    /// `Config` when the address is none of a proxy.
    pub(crate) fn of(context: &Context, vars: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let unusable = |what: &str| {
            let message = format!(
                "{what} is not the address of a proxy; it looks like http://host:3128, https://host:443 or socks5://host:1080"
            );
            Error::new(ErrorKind::Config, message)
                .at(context.location().clone())
                .sent(Sent::No)
        };
        if let Some(url) = context.proxy_url.as_deref() {
            return match url {
                "direct" => Ok(Proxies::Direct),
                url => fixed(url)
                    .map(Proxies::Fixed)
                    .ok_or_else(|| unusable("proxy-url")),
            };
        }
        let set = |names: [&str; 2]| {
            let found = names
                .into_iter()
                .find_map(|name| vars(name).filter(|v| !v.is_empty()));
            found.unwrap_or_default()
        };
        let url = set(["HTTPS_PROXY", "https_proxy"]);
        if url.is_empty() {
            return Ok(Proxies::Direct);
        }
        if fixed(&url).is_none() {
            return Err(unusable("HTTPS_PROXY"));
        }
        let matcher = Matcher::builder()
            .https(url)
            .no(set(["NO_PROXY", "no_proxy"]))
            .build();
        Ok(Proxies::Environment(Arc::new(matcher)))
    }

    /// The proxy for an endpoint, if there is one.
    pub(super) fn proxy(&self, address: &EndpointAddress) -> Option<Intercept> {
        match self {
            Proxies::Direct => None,
            Proxies::Fixed(proxy) => Some(proxy.clone()),
            Proxies::Environment(_) if is_this_machine(address.host()) => None,
            Proxies::Environment(matcher) => {
                matcher.intercept(&format!("https://{address}").parse().ok()?)
            }
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn fixed(url: &str) -> Option<Intercept> {
    let proxy = Matcher::builder()
        .https(url)
        .build()
        .intercept(&http::Uri::from_static("https://endpoint"))?;
    let known = matches!(
        proxy.uri().scheme_str(),
        Some("http" | "https" | "socks5" | "socks5h")
    );
    (known && proxy.uri().host().is_some_and(|host| !host.is_empty())).then_some(proxy)
}

/// A stream to `endpoint` through `proxy`.
pub(super) async fn connect(
    proxy: &Intercept,
    endpoint: http::Uri,
    tcp: HttpConnector,
) -> Result<Carrier, Fault> {
    let failed = |e: &(dyn std::error::Error + 'static)| {
        let proxy = proxy.uri().authority().map_or("", |a| a.as_str());
        Fault::unreachable(format!("through the proxy {proxy}: {}", root_cause(e)))
    };
    match proxy.uri().scheme_str() {
        Some("socks5" | "socks5h") => {
            let mut socks = SocksV5::new(with_port(proxy.uri(), 1080), tcp);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            let stream = socks.oneshot(endpoint).await.map_err(|e| failed(&e))?;
            Ok(Carrier::Tcp(stream.into_inner()))
        }
        Some("https") => {
            let config = tls().map_err(|e| failed(&e))?;
            let over_tls = tower::service_fn(move |uri| to_proxy(uri, tcp.clone(), config.clone()));
            let tunnel = authorized(Tunnel::new(proxy.uri().clone(), over_tls), proxy);
            let stream = tunnel.oneshot(endpoint).await.map_err(|e| failed(&e))?;
            Ok(stream.into_inner())
        }
        _ => {
            let tunnel = authorized(Tunnel::new(proxy.uri().clone(), tcp), proxy);
            let stream = tunnel.oneshot(endpoint).await.map_err(|e| failed(&e))?;
            Ok(Carrier::Tcp(stream.into_inner()))
        }
    }
}

fn authorized<C>(tunnel: Tunnel<C>, proxy: &Intercept) -> Tunnel<C> {
    match proxy.basic_auth() {
        Some(header) => tunnel.with_auth(header.clone()),
        None => tunnel,
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// TLS to the proxy itself, which the system's CAs must know.
async fn to_proxy(
    uri: http::Uri,
    tcp: HttpConnector,
    config: Arc<ClientConfig>,
) -> Result<TokioIo<Carrier>, BoxError> {
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let name = ServerName::try_from(host)?;
    let stream = tcp.oneshot(with_port(&uri, 443)).await?.into_inner();
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(TokioIo::new(Carrier::Tls(Box::new(stream))))
}

fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The same address with a port where it names none.
fn with_port(uri: &http::Uri, port: u16) -> http::Uri {
    if uri.port().is_some() {
        return uri.clone();
    }
    let host = uri.host().unwrap_or_default();
    let named = http::Uri::builder()
        .scheme(uri.scheme_str().unwrap_or("http"))
        .authority(format!("{host}:{port}"))
        .path_and_query("/")
        .build();
    named.unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(proxy_url: Option<&str>, vars: &[(&str, &str)], endpoint: &str) -> Option<String> {
        let mut context = Context::new("lab", [endpoint]);
        context.proxy_url = proxy_url.map(str::to_owned);
        let vars = |name: &str| {
            let found = vars.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxies = Proxies::of(&context, vars).unwrap();
        let proxy = proxies.proxy(&endpoint.parse().unwrap())?;
        Some(proxy.uri().to_string())
    }

    #[test]
    fn the_context_decides_then_the_environment() {
        let env = [
            ("HTTPS_PROXY", "http://env:3128"),
            ("NO_PROXY", "10.0.0.0/8,.lab"),
        ];
        assert_eq!(
            decided(None, &env, "172.16.1.50").as_deref(),
            Some("http://env:3128/")
        );
        assert_eq!(decided(None, &env, "10.1.2.3"), None);
        assert_eq!(decided(None, &env, "cp1.lab"), None);
        assert_eq!(decided(None, &env, "127.0.0.1:5"), None);
        assert_eq!(decided(None, &env, "localhost"), None);
        assert_eq!(decided(Some("direct"), &env, "172.16.1.50"), None);
        assert_eq!(
            decided(Some("socks5://u:p@s:1080"), &env, "127.0.0.1").as_deref(),
            Some("socks5://s:1080/")
        );
        assert_eq!(
            decided(None, &[("https_proxy", "s:8080")], "a").as_deref(),
            Some("http://s:8080/")
        );
        assert_eq!(
            decided(None, &[("HTTP_PROXY", "s:8080"), ("HTTPS_PROXY", "")], "a"),
            None
        );
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for url in [
            "ftp://u:hunter2@x",
            "socks4://u:hunter2@x",
            "http://",
            "not a url",
        ] {
            let mut context = Context::new("lab", ["a"]);
            context.proxy_url = Some(url.to_owned());
            let error = Proxies::of(&context, |_| None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let debug = format!(
            "{:?}",
            Proxies::of(&Context::new("lab", ["a"]), |name| {
                (name == "HTTPS_PROXY").then(|| "http://u:hunter2@x".to_owned())
            })
        );
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn ports_that_are_not_written() {
        let port = |url: &'static str| with_port(&http::Uri::from_static(url), 1080).to_string();
        assert_eq!(port("socks5://s/"), "socks5://s:1080/");
        assert_eq!(port("socks5://[::1]/"), "socks5://[::1]:1080/");
        assert_eq!(port("socks5://s:1/"), "socks5://s:1/");
    }
}
