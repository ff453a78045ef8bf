//! Addresses on the wire.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use talos_proto::common::{NetIp, NetIpPrefix};

/// Four or sixteen bytes, with the zone of a scoped IPv6 address as text behind
/// them. `None` for nothing, and for what is neither.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    let (v6, zone) = bytes.split_first_chunk::<16>()?;
    let mut text = Ipv6Addr::from(*v6).to_string();
    if !zone.is_empty() {
        let zone = std::str::from_utf8(zone).ok()?;
        let _ = write!(text, "%{zone}");
    }
    Some(text)
}

pub(crate) fn ip(ip: &NetIp) -> Option<String> {
    address(&ip.ip)
}

/// `172.16.1.50/24`.
pub(crate) fn prefix(prefix: &NetIpPrefix) -> Option<String> {
    let address = address(&prefix.ip)?;
    Some(format!("{address}/{}", prefix.prefix_length))
}

/// `bc:24:11:00:00:50`; `None` for interfaces without an address.
pub(crate) fn hardware_address(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let parts: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Some(parts.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_decide() {
        assert_eq!(address(&[172, 16, 1, 50]).as_deref(), Some("172.16.1.50"));
        let mut v6 = vec![0xfe, 0x80];
        v6.extend([0; 13]);
        v6.push(1);
        assert_eq!(address(&v6).as_deref(), Some("fe80::1"));
        v6.extend(b"eth0");
        assert_eq!(address(&v6).as_deref(), Some("fe80::1%eth0"));
        assert_eq!(address(&[]), None);
        assert_eq!(address(&[1, 2, 3]), None);
        v6.push(0xff);
        assert_eq!(address(&v6), None, "a zone is text");
    }

    #[test]
    fn prefixes_and_hardware_addresses() {
        let net = NetIpPrefix {
            ip: vec![172, 16, 1, 50],
            prefix_length: 24,
        };
        assert_eq!(prefix(&net).as_deref(), Some("172.16.1.50/24"));
        assert_eq!(
            hardware_address(&[0xbc, 0x24, 0x11, 0, 0, 0x50]).as_deref(),
            Some("bc:24:11:00:00:50")
        );
        assert_eq!(hardware_address(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, length: i32) {
            let _ = (address(&bytes), hardware_address(&bytes));
            let _ = prefix(&NetIpPrefix { ip: bytes, prefix_length: length });
        }
    }
}
