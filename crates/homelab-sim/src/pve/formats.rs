//! Forms of parameters whose refusal has words of its own.

use super::calendar;

/// Formats whose refusal has words of its own.
pub(super) fn known_format(format: &str, text: &str) -> Option<std::result::Result<(), String>> {
    let say = |good: bool, words: &str| {
        Some(if good {
            Ok(())
        } else {
            Err(format!("invalid format - {words}\n"))
        })
    };
    match format {
        "pve-vmid" => match text.parse::<u32>() {
            Err(_) => Some(Err(format!("type check ('integer') failed - got '{text}'"))),
            Ok(vmid) => say(
                (100..=999_999_999).contains(&vmid),
                "value does not look like a valid VM ID",
            ),
        },
        "pve-node" | "pve-node-list" => say(
            dns_label(text),
            "value does not look like a valid node name",
        ),
        "pve-vmid-list" => say(
            text.parse::<u32>()
                .is_ok_and(|vmid| (100..=999_999_999).contains(&vmid)),
            "value does not look like a valid VM ID",
        ),
        "pve-iface" => say(
            interface(text),
            &format!("invalid network interface name '{text}'"),
        ),
        "mac-prefix" => say(
            mac_prefix(text),
            "value is not a valid unicast MAC address prefix",
        ),
        "pve-fw-sport-spec" | "pve-fw-dport-spec" => {
            let port = text
                .split([',', ':'])
                .find(|port| port.parse::<u64>().is_ok_and(|n| n > 65535))?;
            say(false, &format!("invalid port '{port}'"))
        }
        "pve-acme-domain" => say(
            domain(text),
            &format!("value '{text}' does not look like a valid domain name!\n"),
        ),
        "pve-calendar-event" => Some(calendar::check(text)),
        "pve-day-of-week-list" => say(
            ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains(&text),
            &format!("invalid day '{text}'"),
        ),
        "pve-task-status-type-list" => Some(status_words(text)),
        "pve-storage-path-in-property-string" => say(
            text.starts_with('/') && !text.contains([';', ',', '=', '(', ')']),
            "Value does not look like a valid absolute path. These symbols are currently not \
             allowed in path: ;,=()",
        ),
        "CIDRv4" => say(
            ip_or_cidr(text) && text.contains('/') && !text.contains(':'),
            "value does not look like a valid IPv4 CIDR network",
        ),
        "ip" => say(
            text.parse::<std::net::IpAddr>().is_ok(),
            "value does not look like a valid IP address",
        ),
        "pve-configid" => say(
            config_id(text),
            &format!("invalid configuration ID '{text}'"),
        ),
        "pve-storage-id" if text.len() < 2 => say(
            false,
            &format!("storage ID '{text}' cannot be shorter than 2 characters"),
        ),
        "pve-storage-path" => say(
            text.starts_with('/'),
            "value does not look like a valid absolute path",
        ),
        "pve-storage-content" | "pve-storage-content-list" => say(
            CONTENT.contains(&text),
            &format!("invalid content type '{text}'"),
        ),
        "pve-storage-id" => say(
            config_id(text),
            &format!("storage ID '{text}' contains illegal characters"),
        ),
        "IPorCIDR" | "IPorCIDRorAlias" => say(
            ip_or_cidr(text) || format == "IPorCIDRorAlias" && alias(text),
            "value does not look like a valid IP address or CIDR network",
        ),
        _ => None,
    }
}

/// What filters tasks by how they ended.
pub(super) fn status_words(text: &str) -> std::result::Result<(), String> {
    let known = ["ok", "error", "warning", "unknown"];
    let words = text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    match words.into_iter().find(|word| !known.contains(word)) {
        Some(word) => Err(format!("invalid format - invalid status '{word}'\n")),
        None => Ok(()),
    }
}

/// What a storage may hold.
const CONTENT: &[&str] = &[
    "images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none",
];

fn dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}

/// A name as Linux takes it for a card.
fn interface(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let (name, vlan) = text.split_once([':', '.']).unwrap_or((text, "0"));
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(inner)
        && !vlan.is_empty()
        && vlan.bytes().all(|b| b.is_ascii_digit())
}

/// Up to three bytes, of which the first is no multicast one.
fn mac_prefix(text: &str) -> bool {
    let bytes: Vec<_> = text.split(':').collect();
    let byte = |part: &str| {
        u8::from_str_radix(part, 16)
            .ok()
            .filter(|_| part.len() == 2)
    };
    let unicast = bytes.first().and_then(|first| byte(first));
    unicast.is_some_and(|first| first & 1 == 0)
        && bytes.len() <= 3
        && bytes.iter().all(|part| byte(part).is_some())
}

/// A host name with at least one dot, perhaps with a star in front.
fn domain(text: &str) -> bool {
    let labels = text.strip_prefix("*.").unwrap_or(text);
    labels.contains('.') && labels.split('.').all(dns_label)
}

fn config_id(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn alias(text: &str) -> bool {
    let name = text
        .strip_prefix("dc/")
        .or_else(|| text.strip_prefix("guest/"));
    config_id(name.unwrap_or(text))
}

fn ip_or_cidr(text: &str) -> bool {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let Ok(ip) = ip.parse::<std::net::IpAddr>() else {
        return false;
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|n| n.parse::<u8>().is_ok_and(|n| n <= most))
}
