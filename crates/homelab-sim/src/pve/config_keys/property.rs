//! Property strings: `key=value` parts joined by commas, one of which may come
//! without its key.

use std::collections::BTreeMap;

/// Models of network cards.
const MODELS: &[&str] = &[
    "e1000",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "virtio",
    "vmxnet3",
];

/// Options of network cards beside model and address.
const NETWORK_OPTIONS: &[&str] = &[
    "bridge",
    "tag",
    "firewall",
    "link_down",
    "mtu",
    "queues",
    "rate",
    "trunks",
];

/// The parts of a property string; the one without a key is `default`'s.
pub(in super::super) fn parse(text: &str, default: &str) -> BTreeMap<String, String> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| match part.split_once('=') {
            Some((key, value)) => (key.trim().to_owned(), value.to_owned()),
            None => (default.to_owned(), part.to_owned()),
        })
        .collect()
}

/// A network card as its property string tells it.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Network {
    pub(in super::super) model: String,
    /// Upper or lower case as given; none if the host shall make one up.
    pub(in super::super) mac: Option<String>,
    pub(in super::super) options: BTreeMap<String, String>,
}

/// Takes `virtio=BC:24:11:00:00:01,bridge=vmbr0` apart.
///
/// # Errors
/// What the server says about a string that it does not accept.
pub(in super::super) fn network(key: &str, text: &str) -> Result<Network, String> {
    let mut parts = parse(text, "model");
    let bad = |what: String| Err(format!("invalid format - format error\n{what}\n"));
    let by_model = parts.iter().find(|(key, _)| MODELS.contains(&key.as_str()));
    let (model, mac) = match by_model.map(|(k, v)| (k.clone(), v.clone())) {
        Some((model, mac)) => {
            parts.remove(&model);
            (model, Some(mac))
        }
        None => match parts.remove("model") {
            Some(model) if MODELS.contains(&model.as_str()) => (model, parts.remove("macaddr")),
            Some(other) => {
                return bad(format!(
                    "{key}.model: value '{other}' does not have a value in the enumeration '{}'",
                    MODELS.join(", ")
                ));
            }
            None => {
                return bad(format!(
                    "{key}.model: property is missing and it is not optional"
                ));
            }
        },
    };
    if let Some(mac) = &mac
        && !is_mac(mac)
    {
        return bad(format!(
            "{key}.macaddr: invalid format - value does not look like a valid unicast MAC address"
        ));
    }
    if let Some(other) = parts
        .keys()
        .find(|key| !NETWORK_OPTIONS.contains(&key.as_str()))
    {
        return bad(format!(
            "{key}.{other}: property is not defined in schema and the schema does not allow additional \
             properties"
        ));
    }
    Ok(Network {
        model,
        mac,
        options: parts,
    })
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let hex = |part: &&str| part.len() == 2 && u8::from_str_radix(part, 16).is_ok();
    // The lowest bit of the first byte tells multicast.
    let unicast = parts
        .first()
        .and_then(|first| u8::from_str_radix(first, 16).ok())
        .is_some_and(|first| first & 1 == 0);
    parts.len() == 6 && parts.iter().all(hex) && unicast
}

/// The MiB in `memory`, a property string since 8.1.
pub(in super::super) fn memory(text: &str) -> Result<u64, String> {
    let parts = parse(text, "current");
    let current = parts.get("current").map_or("", String::as_str);
    let bad = |what: &str| {
        Err(format!(
            "invalid format - format error\nmemory.current: {what}\n"
        ))
    };
    match current.parse::<i64>() {
        Err(_) => bad(&format!("type check ('integer') failed - got '{current}'")),
        Ok(n) if n < 16 => bad("value must have a minimum value of 16"),
        Ok(n) => Ok(n.unsigned_abs()),
    }
}

/// Bytes of a size such as `10G`; a bare number counts bytes.
pub(in super::super) fn size(text: &str) -> Option<u64> {
    let (number, shift) = match text.char_indices().last()? {
        (at, 'K') => (&text[..at], 10),
        (at, 'M') => (&text[..at], 20),
        (at, 'G') => (&text[..at], 30),
        (at, 'T') => (&text[..at], 40),
        _ => (text, 0),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    let (whole, part) = number.split_once('.')?;
    let digits = u32::try_from(part.len())
        .ok()
        .filter(|n| (1..=9).contains(n))?;
    let part: u64 = part.parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    whole.checked_add((part << shift.min(33)) / 10_u64.pow(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_come_in_two_spellings() {
        let short = network("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5").unwrap();
        let long = network(
            "net0",
            "model=virtio,macaddr=BC:24:11:00:00:01,bridge=vmbr0,tag=5",
        )
        .unwrap();
        assert_eq!(short, long);
        assert_eq!(network("net0", "virtio,bridge=vmbr0").unwrap().mac, None);
        let error = network("net0", "nonsense").unwrap_err();
        assert!(error.contains("value 'nonsense' does not have a value in the enumeration"));
        assert!(
            network("net0", "virtio=01:00:5E:00:00:01").is_err(),
            "multicast"
        );
        assert!(
            network("net0", "virtio,color=red")
                .unwrap_err()
                .contains("net0.color: property is not")
        );
    }

    #[test]
    fn memory_is_a_property_string() {
        assert_eq!(memory("2048"), Ok(2048));
        assert_eq!(memory("current=512"), Ok(512));
        assert_eq!(
            memory("x").unwrap_err(),
            "invalid format - format error\nmemory.current: type check ('integer') failed - got 'x'\n"
        );
    }

    #[test]
    fn sizes_have_units_and_fractions() {
        assert_eq!(size("1G"), Some(1 << 30));
        assert_eq!(size("0.5G"), Some(1 << 29));
        assert_eq!(size("512"), Some(512));
        assert_eq!(size("x"), None);
        assert_eq!(size(""), None);
        assert_eq!(size("99999999999999T"), None);
    }
}
