//! Forms of texts that need code and are about one subject each: firewall,
//! boot order, certificates, calendars. The everyday ones are in `common.rs`.
//!
//! A form without an arm here and there is not checked; `unchecked.rs` says why.

use super::has_format;

/// Whether `value` has the named form; the error says what it is not.
pub(super) fn rule(name: &str, value: &str) -> Result<(), &'static str> {
    let is = |good: bool, why: &'static str| good.then_some(()).ok_or(why);
    match name {
        "bridge-pair" => is(
            pair(value, "pve-bridge-id"),
            "neither 1, BRIDGE nor SOURCE:TARGET",
        ),
        "email-opt" => is(
            value.is_empty() || has_format("email", value).is_ok(),
            "neither an e-mail address nor empty",
        ),
        "email-or-username" => is(
            has_format("email", value).is_ok()
                || has_format("email", &format!("{value}@x")).is_ok(),
            "neither an e-mail address nor the part of one before the @",
        ),
        "graphite-path" => is(
            value.split('.').all(label),
            "not labels with dots between them",
        ),
        "lxc-ip-with-ll-iface" => is(
            has_format("ip", value).is_ok() || link_local(value),
            "neither an address nor fe80:…%INTERFACE",
        ),
        "pem-certificate" => is(
            pem(value, Some("CERTIFICATE")) == Some(1),
            "not one PEM block CERTIFICATE",
        ),
        "pem-certificate-chain" => is(
            pem(value, Some("CERTIFICATE")).is_some_and(|blocks| blocks > 0),
            "not PEM blocks CERTIFICATE",
        ),
        "pem-string" => is(pem(value, None) == Some(1), "not one PEM block"),
        "pve-command-batch" => is(batch(value), "not a JSON list of {path, method, args}"),
        "pve-calendar-event" => is(
            calendar(value),
            "not [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]], nor a word such as daily",
        ),
        "pve-dir-override" => is(
            value.split_once('=').is_some_and(folder_for),
            "not CONTENT=FOLDER",
        ),
        "pve-fw-addr-spec" => is(
            address_spec(value),
            "neither +IPSET, an alias, a range of addresses, nor a list of addresses of one family",
        ),
        "pve-fw-conntrack-helper" => is(
            value
                .split(',')
                .all(|helper| HELPERS.contains(&helper.trim())),
            "not a list of amanda, ftp, irc, netbios-ns, pptp, sane, sip, snmp, tftp",
        ),
        "pve-fw-sport-spec" | "pve-fw-dport-spec" => ports(value),
        "pve-hotplug-features" => is(
            matches!(value, "0" | "1")
                || list(value).all(|what| {
                    matches!(
                        what,
                        "network" | "disk" | "cpu" | "memory" | "usb" | "cloudinit"
                    )
                }),
            "neither 0, 1 nor a list of network, disk, cpu, memory, usb, cloudinit",
        ),
        "pve-lxc-dev-string" => is(
            value.starts_with("/dev/") && !value.split('/').any(|part| matches!(part, "." | "..")),
            "not an absolute path below /dev",
        ),
        "pve-lxc-mp-string" => is(
            !value.is_empty() && !value.split('/').any(|part| part == ".."),
            "neither a volume nor a path without ..",
        ),
        "pve-qm-bootdisk" => is(
            drive(value),
            "not a drive: ide0 to 3, sata0 to 5, scsi0 to 30, virtio0 to 15",
        ),
        "pve-qm-bootdev" => is(
            ["net", "usb", "hostpci"]
                .iter()
                .any(|kind| numbered(value, kind, 255))
                || drive(value),
            "not a device to boot from, such as scsi0 or net0",
        ),
        "pve-storage-portal-dns" => is(portal(value), "not HOST or HOST:PORT"),
        "pve-storage-zfs-blocksize" => is(
            block_size(value),
            "not a power of two from 512 to 16M, such as 16k",
        ),
        "pve-volume-id-or-qm-path" => is(
            matches!(value, "none" | "cdrom")
                || value.starts_with('/')
                || has_format("pve-volume-id", value).is_ok(),
            "neither STORAGE:VOLUME, STORAGE:SIZE, an absolute path, none nor cdrom",
        ),
        "pve-ct-timezone" => is(
            time_zone(value),
            "neither host nor a time zone such as Europe/Vienna",
        ),
        _ => Ok(()),
    }
}

const HELPERS: &[&str] = &[
    "amanda",
    "ftp",
    "irc",
    "netbios-ns",
    "pptp",
    "sane",
    "sip",
    "snmp",
    "tftp",
];

fn time_zone(text: &str) -> bool {
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
    text.split('/')
        .all(|part| !part.is_empty() && part.bytes().all(named))
}

/// A kind of content, and the folder for it.
fn folder_for((content, path): (&str, &str)) -> bool {
    has_format("pve-storage-content", content).is_ok()
        && !path.is_empty()
        && !path.split('/').any(|part| part == "..")
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ']).filter(|part| !part.is_empty())
}

fn pair(text: &str, of: &'static str) -> bool {
    text == "1"
        || text.split(':').count() <= 2 && text.split(':').all(|part| has_format(of, part).is_ok())
}

fn label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn link_local(text: &str) -> bool {
    text.split_once('%').is_some_and(|(address, interface)| {
        address.to_ascii_lowercase().starts_with("fe80:")
            && has_format("ipv6", address).is_ok()
            && !interface.is_empty()
    })
}

/// How many PEM blocks there are; none when something else is between them,
/// one is not closed, or one has another label.
fn pem(text: &str, wanted: Option<&str>) -> Option<usize> {
    let mut open: Option<&str> = None;
    let mut blocks = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let marker = |edge: &str| line.strip_prefix(edge)?.strip_suffix("-----");
        match (open, marker("-----BEGIN "), marker("-----END ")) {
            (None, Some(label), _) if wanted.is_none_or(|wanted| wanted == label) => {
                open = Some(label);
            }
            (Some(label), _, Some(end)) if label == end => {
                open = None;
                blocks += 1;
            }
            (Some(_), None, None) if line.bytes().all(base64) => {}
            _ => return None,
        }
    }
    open.is_none().then_some(blocks)
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn batch(text: &str) -> bool {
    let Ok(serde_json::Value::Array(calls)) = serde_json::from_str(text) else {
        return false;
    };
    calls.iter().all(|call| {
        call["path"].is_string()
            && matches!(
                call["method"].as_str(),
                Some("GET" | "POST" | "PUT" | "DELETE")
            )
            && call.get("args").is_none_or(serde_json::Value::is_object)
    })
}

fn calendar(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "annually",
        "quarterly",
        "semiannually",
        "semi-annually",
    ];
    const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let text = text.to_ascii_lowercase();
    let mut parts: Vec<&str> = text.split_whitespace().collect();
    if let [word] = parts[..]
        && WORDS.contains(&word)
    {
        return true;
    }
    if parts.last() == Some(&"utc") {
        parts.pop();
    }
    let numbers = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit() || c == '*')
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'*' | b',' | b'.' | b'/' | b':' | b'-'))
    };
    let days = |part: &str| {
        part.split([',', '.', '-'])
            .filter(|day| !day.is_empty())
            .all(|day| DAYS.iter().any(|short| day.starts_with(short)))
    };
    match parts[..] {
        [one] => numbers(one) || days(one),
        [first, second] => (days(first) || numbers(first)) && numbers(second),
        [first, second, third] => days(first) && numbers(second) && numbers(third),
        _ => false,
    }
}

/// `+SET`, an alias, `FROM-TO`, or addresses and networks of one family.
fn address_spec(text: &str) -> bool {
    if let Some(set) = text.strip_prefix('+') {
        let set = set
            .strip_prefix("dc/")
            .or_else(|| set.strip_prefix("guest/"))
            .or_else(|| set.strip_prefix("sdn/"))
            .unwrap_or(set);
        return !set.is_empty()
            && set
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    }
    if has_format("IPorCIDRorAlias", text).is_ok() {
        return true;
    }
    let six = |address: &str| address.contains(':');
    if let Some((from, to)) = text.split_once('-')
        && has_format("ip", from).is_ok()
    {
        return has_format("ip", to).is_ok() && six(from) == six(to);
    }
    let mut items = text.split(',').map(str::trim).peekable();
    let family = items.peek().copied().is_some_and(six);
    items.all(|item| has_format("IPorCIDR", item).is_ok() && six(item) == family)
}

/// Ports, ranges and services. Types of ICMP stand here too in old rules.
fn ports(text: &str) -> Result<(), &'static str> {
    let mut numbers = 0;
    for item in text.split(',').map(str::trim) {
        let number = |n: &str| n.parse::<u32>().is_ok_and(|n| n <= 65_535);
        let digits = |n: &str| n.bytes().all(|b| b.is_ascii_digit());
        match item.split_once(':') {
            Some((from, to)) if number(from) && number(to) => numbers += 2,
            None if !item.is_empty() && digits(item) && number(item) => numbers += 1,
            None if item.starts_with(|c: char| c.is_ascii_alphabetic()) => numbers += 1,
            _ => return Err("not a list of ports (0 to 65535), FROM:TO and services"),
        }
    }
    (numbers <= 15)
        .then_some(())
        .ok_or("more than 15 numbers; a range counts as two")
}

fn numbered(text: &str, kind: &str, last: u32) -> bool {
    text.strip_prefix(kind).is_some_and(|n| {
        !n.is_empty()
            && n.bytes().all(|b| b.is_ascii_digit())
            && n.parse::<u32>().is_ok_and(|n| n <= last)
    })
}

fn drive(text: &str) -> bool {
    [
        ("ide", 3),
        ("sata", 5),
        ("scsi", 30),
        ("virtio", 15),
        ("efidisk", 0),
        ("tpmstate", 0),
    ]
    .iter()
    .any(|(kind, last)| numbered(text, kind, *last))
}

fn portal(text: &str) -> bool {
    let port = |n: &str| n.parse::<u16>().is_ok_and(|n| n > 0);
    let host = |host: &str| has_format("address", host).is_ok();
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((six, "")) => has_format("ipv6", six).is_ok(),
            Some((six, rest)) => {
                has_format("ipv6", six).is_ok() && rest.strip_prefix(':').is_some_and(port)
            }
            None => false,
        };
    }
    match text.split_once(':') {
        Some((name, number)) if !number.contains(':') => host(name) && port(number),
        _ => host(text),
    }
}

fn block_size(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = match lower.strip_suffix(['k', 'm']) {
        Some(number) if lower.ends_with('k') => (number, 1024),
        Some(number) => (number, 1024 * 1024),
        None => (lower.as_str(), 1),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .is_some_and(|bytes| bytes.is_power_of_two() && (512..=16 * 1024 * 1024).contains(&bytes))
}

#[cfg(test)]
mod tests {
    use super::has_format;

    #[test]
    fn forms_of_one_subject_each() {
        const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, good, bad) in [
            ("bridge-pair", "vmbr0:vmbr1", "a:b:c"),
            ("email-or-username", "jane.doe", "jane doe"),
            ("graphite-path", "proxmox.prod", "proxmox..prod"),
            ("lxc-ip-with-ll-iface", "fe80::1%eth0", "fd00::1%eth0"),
            ("pem-certificate", PEM, "AAAA"),
            (
                "pem-string",
                PEM,
                "-----BEGIN X-----\nAAAA\n-----END Y-----",
            ),
            (
                "pve-command-batch",
                r#"[{"path":"/version","method":"GET"}]"#,
                r#"[{"path":"/version","method":"HEAD"}]"#,
            ),
            ("pve-calendar-event", "mon..fri 2:30", "never"),
            ("pve-calendar-event", "*/15", "at noon"),
            ("pve-calendar-event", "sat *-1..7 15:00", "sat sun mon tue"),
            ("pve-dir-override", "iso=images/iso", "iso=../etc"),
            (
                "pve-fw-addr-spec",
                "10.0.0.1,10.1.0.0/16",
                "10.0.0.1,fd00::1",
            ),
            ("pve-fw-addr-spec", "10.0.0.1-10.0.0.9", "10.0.0.1-fd00::1"),
            ("pve-fw-addr-spec", "+dc/blocked", "+"),
            ("pve-fw-conntrack-helper", "ftp,sip", "http"),
            ("pve-fw-dport-spec", "80,443,8000:8010,ssh", "70000"),
            ("pve-fw-sport-spec", "1024:65535", "80,"),
            ("pve-hotplug-features", "network,disk,usb", "network,fan"),
            ("pve-lxc-dev-string", "/dev/ttyUSB0", "/dev/../etc/shadow"),
            ("pve-qm-bootdisk", "scsi0", "scsi31"),
            ("pve-qm-bootdev", "net0", "floppy0"),
            ("pve-storage-portal-dns", "[fd00::1]:3260", "san.example:0"),
            ("pve-storage-zfs-blocksize", "16k", "15k"),
            ("pve-volume-id-or-qm-path", "local-lvm:32", "disk"),
            ("pve-ct-timezone", "Europe/Vienna", "Europe//Vienna"),
        ] {
            assert_eq!(has_format(name, good), Ok(()), "{name} {good}");
            assert!(has_format(name, bad).is_err(), "{name} {bad}");
        }
        let many: Vec<String> = (1..=16).map(|n| n.to_string()).collect();
        assert!(has_format("pve-fw-dport-spec", &many.join(",")).is_err());
    }
}
