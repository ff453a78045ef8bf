//! From what people write as an endpoint to host and port.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The port of Talos' API.
const PORT: u16 = 50000;

/// An endpoint as it is dialled.
///
/// | written | dialled |
/// |---|---|
/// | `172.16.1.50`, `cp1.lab` | port 50000 |
/// | `cp1.lab:6000`, `[fd00::1]:6000` | as written |
/// | `fd00::1`, `[fd00::1]` | `[fd00::1]:50000` |
/// | `https://talos.example` | port 443 |
/// | `grpc://cp1.lab`, `tcp://cp1.lab:6000` | port 50000, as written |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointAddress {
    host: String,
    port: u16,
}

impl EndpointAddress {
    /// Host name or IP address, IPv6 without brackets. Also the name that the
    /// server's certificate must carry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for EndpointAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.trim();
        let wrong = |why: &str| format!("endpoint {written:?}: {why}");
        let (scheme, rest) = match written.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, written),
        };
        let authority = match scheme {
            Some(_) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
            None => rest,
        };
        let default = match scheme {
            Some("https") => 443,
            _ => PORT,
        };
        let (host, port) = split(authority).map_err(wrong)?;
        if host.is_empty() {
            return Err(wrong("no host"));
        }
        if host.contains(['/', '@', ' ']) {
            return Err(wrong("not a host name or address"));
        }
        let port = match port {
            None => default,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| wrong("not a port number"))?,
        };
        Ok(EndpointAddress {
            host: host.to_owned(),
            port,
        })
    }
}

/// Host and port text of `host`, `host:port`, `v6`, `[v6]`, `[v6]:port`.
fn split(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
        let address = host.split('%').next().unwrap_or_default();
        if address.parse::<Ipv6Addr>().is_err() {
            return Err("not an IPv6 address");
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("something stands behind the bracket"),
        };
    }
    match authority.matches(':').count() {
        0 => Ok((authority, None)),
        1 => Ok(authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port)))),
        _ if authority.parse::<Ipv6Addr>().is_ok() => Ok((authority, None)),
        _ => Err("not an IPv6 address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_people_write() {
        for (written, dialled) in [
            ("172.16.1.50", "172.16.1.50:50000"),
            (" cp1.lab ", "cp1.lab:50000"),
            ("cp1.lab:6000", "cp1.lab:6000"),
            ("fd00::1", "[fd00::1]:50000"),
            ("[fd00::1]", "[fd00::1]:50000"),
            ("[fd00::1]:6000", "[fd00::1]:6000"),
            ("https://talos.example", "talos.example:443"),
            ("https://talos.example/", "talos.example:443"),
            ("https://talos.example:50000/", "talos.example:50000"),
            ("https://[::1]:6000", "[::1]:6000"),
            ("grpc://cp1.lab", "cp1.lab:50000"),
            ("tcp://cp1.lab:6000", "cp1.lab:6000"),
        ] {
            let address: EndpointAddress = written.parse().unwrap();
            assert_eq!(address.to_string(), dialled, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_an_endpoint_says_why() {
        for (written, why) in [
            ("", "no host"),
            (":50000", "no host"),
            ("cp1:port", "not a port number"),
            ("cp1:0", "not a port number"),
            ("cp1:99999", "not a port number"),
            ("fd00::zz", "not an IPv6 address"),
            ("[fd00::1", "a bracket is not closed"),
            ("[fd00::1]x", "something stands behind the bracket"),
            ("user@host", "not a host name or address"),
        ] {
            let error = written.parse::<EndpointAddress>().unwrap_err();
            assert!(error.ends_with(why), "{written}: {error}");
        }
    }

    #[test]
    fn the_tls_name_has_neither_port_nor_brackets() {
        let address: EndpointAddress = "[fd00::1]:6000".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("fd00::1", 6000));
    }
}
