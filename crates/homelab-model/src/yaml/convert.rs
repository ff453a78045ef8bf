//! Conversions of single values. Each error names what was wanted with an example.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Bad, Node, Value};

const KIB: u64 = 1 << 10;

fn wanted(node: &Node, what: &str) -> Bad {
    Bad::new(node.at, format!("expected {what}, got {}", node.describe()))
}

/// Any scalar, as it is written.
pub(crate) fn text(node: &Node) -> Result<String, Bad> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.trim().to_owned()),
        _ => Err(wanted(node, "text")),
    }
}

/// Text that is not empty.
pub(crate) fn name(node: &Node) -> Result<String, Bad> {
    let text = text(node)?;
    if text.is_empty() {
        return Err(wanted(node, "a name"));
    }
    Ok(text)
}

/// `true` or `false`, also in the older spellings.
pub(crate) fn boolean(node: &Node) -> Result<bool, Bad> {
    match text(node)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(wanted(node, "true or false")),
    }
}

/// A whole number that is not negative.
pub(crate) fn number(node: &Node) -> Result<u32, Bad> {
    text(node)?
        .parse()
        .map_err(|_| wanted(node, "a whole number such as 4"))
}

/// A probability, as `1%` or `0.01`.
pub(crate) fn probability(node: &Node) -> Result<f64, Bad> {
    let text = text(node)?;
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
        None => text.parse::<f64>(),
    };
    match value {
        Ok(p) if (0.0..1.0).contains(&p) => Ok(p),
        _ => Err(wanted(node, "a probability below 1, such as 1% or 0.01")),
    }
}

/// A size with a unit, in bytes. `8GB`, `8 GiB`, `8G` and `8Gi` are all 2³³ bytes:
/// memory comes in powers of two, and so do the disks that Proxmox VE makes.
pub(crate) fn size(node: &Node) -> Result<u64, Bad> {
    let what = "a size with its unit such as 8GB (GB means GiB here)";
    let text = text(node)?;
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(|| wanted(node, what))?;
    let (digits, unit) = text.split_at(split);
    let unit = unit.to_ascii_lowercase();
    let power = match unit.trim_end_matches("ib").trim_end_matches(['b', 'i']) {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wanted(node, what)),
    };
    let known = ["", "b", "i", "ib"].contains(&unit.get(1..).unwrap_or("?"));
    let unit_bytes = KIB.pow(power);
    let digits = digits.trim();
    if !known {
        return Err(wanted(node, what));
    }
    scaled(digits, unit_bytes).ok_or_else(|| wanted(node, what))
}

/// `digits` times `unit`, decimals allowed; exact for whole results, else rounded down.
fn scaled(digits: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let figures = format!("{whole}{fraction}");
    if fraction.len() > 6 || whole.is_empty() || !figures.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let product = figures.parse::<u128>().ok()?.checked_mul(unit.into())?;
    u64::try_from(product / scale).ok()
}

/// A link speed such as `1Gbps` or `2.5 Gbit/s`, in bits per second.
pub(crate) fn speed(node: &Node) -> Result<u64, Bad> {
    let what = "a link speed such as 1Gbps";
    let text = text(node)?.to_ascii_lowercase();
    let digits = ["bps", "bit/s", "bit", "b/s"]
        .iter()
        .find_map(|unit| text.strip_suffix(unit))
        .unwrap_or(&text);
    let unit = match digits.chars().last() {
        Some('k') => 1_000,
        Some('m') => 1_000_000,
        Some('g') => 1_000_000_000,
        _ => return Err(wanted(node, what)),
    };
    let digits = digits.trim_end_matches(['k', 'm', 'g']).trim();
    scaled(digits, unit).ok_or_else(|| wanted(node, what))
}

/// One IP address, in its usual form.
pub(crate) fn address(node: &Node) -> Result<String, Bad> {
    text(node)?
        .parse::<IpAddr>()
        .map(|ip| ip.to_string())
        .map_err(|_| wanted(node, "an IP address such as 172.16.1.50"))
}

/// A subnet, in its usual form; host bits must be zero.
pub(crate) fn subnet(node: &Node) -> Result<String, Bad> {
    let what = "a subnet such as 172.16.1.0/24";
    let net: IpNet = text(node)?.parse().map_err(|_| wanted(node, what))?;
    if net.addr() != net.network() {
        return Err(Bad::new(
            node.at,
            format!(
                "{net} is an address inside {}; {what} is expected",
                net.trunc()
            ),
        ));
    }
    Ok(net.to_string())
}

/// A MAC address, lower case with colons.
pub(crate) fn mac(node: &Node) -> Result<String, Bad> {
    let text = text(node)?;
    normal_mac(&text).ok_or_else(|| wanted(node, "a MAC address such as bc:24:11:62:66:6e"))
}

/// Six bytes in hex, however they are separated, as lower case with colons.
pub(crate) fn normal_mac(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.trim().split([':', '-']).collect();
    let right = parts.len() == 6
        && parts
            .iter()
            .all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
    right.then(|| parts.join(":").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn one<T>(yaml: &str, convert: impl Fn(&Node) -> Result<T, Bad>) -> Result<T, String> {
        convert(&parse(yaml).unwrap()[0]).map_err(|bad| bad.message)
    }

    #[test]
    fn sizes_are_powers_of_two_and_need_a_unit() {
        for eight in ["8GB", "8 GiB", "8G", "8Gi", "8gb", "8192MB", "8388608 KiB"] {
            assert_eq!(one(eight, size), Ok(8 << 30), "{eight}");
        }
        assert_eq!(one("2.5GB", size), Ok(5 << 29));
        assert_eq!(one("0.1TB", size), Ok((1u64 << 40) / 10));
        for bad in [
            "8",
            "GB",
            "8XB",
            "8GBB",
            "-8GB",
            "8 Gbit",
            "1e3GB",
            "99999999999TB",
            "8G🦀",
        ] {
            assert!(one(bad, size).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_values() {
        assert_eq!(one("1Gbps", speed), Ok(1_000_000_000));
        assert_eq!(one("2.5 Gbit/s", speed), Ok(2_500_000_000));
        assert_eq!(one("1%", probability), Ok(0.01));
        assert!(one("1.5", probability).is_err());
        assert_eq!(
            one("BC-24-11-62-66-6E", mac).as_deref(),
            Ok("bc:24:11:62:66:6e")
        );
        assert!(one("bc:24:11:62:66", mac).is_err());
        let inside = one("172.16.1.5/24", subnet).unwrap_err();
        assert!(inside.contains("inside 172.16.1.0/24"), "{inside}");
        assert!(one("172.16.1.0/33", subnet).is_err());
        assert_eq!(one("FD00:0::1", address).as_deref(), Ok("fd00::1"));
    }
}
