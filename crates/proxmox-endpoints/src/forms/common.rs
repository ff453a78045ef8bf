//! The everyday forms that need code: addresses, names, sizes, ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::has_format;

/// Whether `value` has the named form; the error says what it is not. What is
/// not here is in `special.rs`.
pub(super) fn rule(name: &str, value: &str) -> Result<(), &'static str> {
    let is = |good: bool, why: &'static str| good.then_some(()).ok_or(why);
    match name {
        "ip" => is(value.parse::<IpAddr>().is_ok(), "not an IP address"),
        "ipv6" => is(value.parse::<Ipv6Addr>().is_ok(), "not an IPv6 address"),
        "CIDR" => is(cidr(value, 8, 8).is_some(), "not ADDRESS/PREFIX"),
        "FullRangeCIDR" => is(cidr(value, 0, 0).is_some(), "not ADDRESS/PREFIX"),
        "CIDRv4" => is(
            matches!(cidr(value, 8, 8), Some(IpAddr::V4(_))),
            "not IPV4/PREFIX",
        ),
        "CIDRv6" => is(
            matches!(cidr(value, 8, 8), Some(IpAddr::V6(_))),
            "not IPV6/PREFIX",
        ),
        "IPorCIDR" => is(ip_or_cidr(value), "neither an address nor ADDRESS/PREFIX"),
        "IPorCIDRorAlias" => is(
            ip_or_cidr(value) || alias(value),
            "neither an address, ADDRESS/PREFIX nor the name of an alias",
        ),
        "pve-ipv4-config" => is(
            matches!(value, "dhcp" | "manual") || matches!(cidr(value, 8, 8), Some(IpAddr::V4(_))),
            "neither dhcp, manual nor IPV4/PREFIX",
        ),
        "pve-ipv6-config" => is(
            matches!(value, "auto" | "dhcp" | "manual")
                || matches!(cidr(value, 8, 8), Some(IpAddr::V6(_))),
            "neither auto, dhcp, manual nor IPV6/PREFIX",
        ),
        "ipv4mask" => is(
            value.parse::<Ipv4Addr>().is_ok_and(|mask| {
                let bits = u32::from(mask);
                bits.leading_ones() + bits.trailing_zeros() >= 32
            }),
            "not a netmask",
        ),
        "address" | "pve-storage-server" => is(
            value.parse::<IpAddr>().is_ok() || dns_name(value),
            "neither an address nor a host name",
        ),
        "disk-size" => is(disk_size(value), "not a size such as 32G"),
        "pve-startup-order" => is(startup(value), "not order=N,up=SECONDS,down=SECONDS"),
        "pve-phys-bits" => is(
            value == "host" || value.parse::<u8>().is_ok_and(|n| (8..=64).contains(&n)),
            "neither host nor 8 to 64",
        ),
        "pve-cpuset" => is(cpu_set(value, ','), "not a list of N or N-M"),
        "pve-vlan-id-or-range" => is(vlan_range(value), "neither 2 to 4094 nor a range of these"),
        "pve-fw-comment-spec" => is(!value.contains('\n'), "holds a line feed"),
        "pve-volume-id-or-absolute-path" => is(
            value.starts_with('/') || has_format("pve-volume-id", value).is_ok(),
            "neither STORAGE:VOLUME nor an absolute path",
        ),
        "pve-sdn-bgp-rt" => is(
            value
                .split_once(':')
                .is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u32>().is_ok()),
            "not ASN:ID",
        ),
        "storage-pair" => is(
            value == "1"
                || value.split(':').count() <= 2
                    && value
                        .split(':')
                        .all(|s| has_format("pve-storage-id", s).is_ok()),
            "neither 1, STORAGE nor SOURCE:TARGET",
        ),
        "pve-replication-job-id" => is(
            value.split_once('-').is_some_and(|(id, job)| {
                id.parse::<u32>().is_ok_and(|id| id >= 100) && job.parse::<u32>().is_ok()
            }),
            "not VMID-NUMBER",
        ),
        _ => super::special::rule(name, value),
    }
}

fn cidr(text: &str, min4: u8, min6: u8) -> Option<IpAddr> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix: u8 = prefix.parse().ok()?;
    let range = match address {
        IpAddr::V4(_) => min4..=32,
        IpAddr::V6(_) => min6..=128,
    };
    range.contains(&prefix).then_some(address)
}

fn ip_or_cidr(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || cidr(text, 0, 0).is_some()
}

fn alias(text: &str) -> bool {
    let name = text
        .strip_prefix("dc/")
        .or_else(|| text.strip_prefix("guest/"))
        .unwrap_or(text);
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn dns_name(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn disk_size(text: &str) -> bool {
    let text = text.strip_suffix("iB").unwrap_or(text);
    let number = text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text);
    let mut parts = number.splitn(2, '.');
    parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn startup(text: &str) -> bool {
    let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    text.split(',').all(|part| match part.split_once('=') {
        Some(("order" | "up" | "down", n)) => number(n),
        Some(_) => false,
        None => number(part),
    })
}

fn cpu_set(text: &str, separator: char) -> bool {
    let number = |n: &str| n.trim().parse::<u32>().ok();
    text.split(separator)
        .all(|part| match part.split_once('-') {
            Some((from, to)) => matches!((number(from), number(to)), (Some(a), Some(b)) if a <= b),
            None => number(part).is_some(),
        })
}

fn vlan_range(text: &str) -> bool {
    let vlan = |n: &str| n.parse::<u16>().ok().filter(|n| (2..=4094).contains(n));
    match text.split_once('-') {
        Some((from, to)) => matches!((vlan(from), vlan(to)), (Some(a), Some(b)) if a < b),
        None => vlan(text).is_some(),
    }
}
