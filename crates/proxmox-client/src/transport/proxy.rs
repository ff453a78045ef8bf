//! Whether connections go through a proxy.

use std::env;

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};

/// Where connections go.
#[derive(Debug)]
pub(crate) enum ProxyChoice {
    /// As the environment says; see [`ProxyChoice::resolve`].
    Environment,
    /// Straight to the server.
    Direct,
    /// Through this one. Its URL may hold a password.
    Explicit(SecretString),
}

/// Never asked of a proxy that the environment names: it means another machine there.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

impl ProxyChoice {
    /// The proxy to use. From the environment: `HTTPS_PROXY`, else `ALL_PROXY`,
    /// in either case, as every call is https; not for hosts in `NO_PROXY`.
    pub(super) fn resolve(&self) -> Result<Option<reqwest::Proxy>> {
        match self {
            ProxyChoice::Direct => Ok(None),
            ProxyChoice::Explicit(url) => proxy(url.expose_secret(), "the proxy").map(Some),
            ProxyChoice::Environment => from_environment(&|name| env::var(name).ok()),
        }
    }
}

fn from_environment(read: &dyn Fn(&str) -> Option<String>) -> Result<Option<reqwest::Proxy>> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = read(name)?.trim().to_owned();
            (!value.is_empty()).then_some((*name, value))
        })
    };
    let Some((name, url)) = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else {
        return Ok(None);
    };
    // The environment's proxies are often written without a scheme.
    let url = if url.contains("://") {
        url
    } else {
        format!("http://{url}")
    };
    let exempt = match first(&["NO_PROXY", "no_proxy"]) {
        Some((_, named)) => format!("{named},{THIS_MACHINE}"),
        None => THIS_MACHINE.to_owned(),
    };
    let exempt = reqwest::NoProxy::from_string(&exempt);
    Ok(Some(proxy(&url, name)?.no_proxy(exempt)))
}

fn proxy(url: &str, what: &str) -> Result<reqwest::Proxy> {
    let bad = || {
        // Not the URL itself: it may hold a password.
        Error::new(
            ErrorKind::InvalidArgument,
            format!("{what} is no proxy URL: it reads http://HOST:PORT or socks5://HOST:PORT"),
        )
    };
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("http" | "https" | "socks5" | "socks5h")) {
        return Err(bad());
    }
    reqwest::Proxy::all(url).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(variables: &[(&str, &str)]) -> Result<Option<reqwest::Proxy>> {
        from_environment(&|name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_read_as_usual() {
        assert!(resolved(&[]).unwrap().is_none());
        assert!(resolved(&[("HTTPS_PROXY", " ")]).unwrap().is_none());
        assert!(
            resolved(&[("https_proxy", "proxy:3128")])
                .unwrap()
                .is_some()
        );
        let socks = [
            ("ALL_PROXY", "socks5h://user:pw@proxy:1080"),
            ("NO_PROXY", "pve1"),
        ];
        assert!(resolved(&socks).unwrap().is_some());
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password() {
        let error = resolved(&[("HTTPS_PROXY", "gopher://u:hunter2@proxy")]).unwrap_err();
        assert!(error.message().contains("HTTPS_PROXY"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
