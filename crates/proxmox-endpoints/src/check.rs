//! Whether values keep the rules of the table, without sending anything.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use homelab_core::Result;

use crate::describe::{self, Call, Format, Kind, Param, PropertyKey, Shape};
use crate::params::{Params, refused, split_list};

pub use crate::unchecked::UNCHECKED;

/// The rule that a value breaks. `Display` says it in our words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// A required parameter is missing.
    Missing,
    /// The call has no such parameter.
    Unknown,
    /// A parameter that is no list is given more than once.
    Repeated,
    /// The value is not of the type.
    Type(Kind),
    /// The number is too small.
    TooSmall(f64),
    /// The number is too large.
    TooLarge(f64),
    /// The text is too short; the least number of characters.
    TooShort(usize),
    /// The text is too long; the largest number of characters.
    TooLong(usize),
    /// The text does not match this pattern.
    Pattern(&'static str),
    /// Not one of these words.
    Word(Vec<&'static str>),
    /// The text does not have the named form; why, when there is more to say.
    Format(&'static str, String),
    /// Another parameter must be given too.
    Needs(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Missing => f.write_str("is missing and it is not optional"),
            Violation::Unknown => f.write_str("is not a parameter of this call"),
            Violation::Repeated => f.write_str("is given more than once and is no list"),
            Violation::Type(Kind::Integer) => f.write_str("must be a whole number"),
            Violation::Type(Kind::Number) => f.write_str("must be a number"),
            Violation::Type(Kind::Boolean) => f.write_str("must be 1 or 0"),
            Violation::Type(Kind::Text) => f.write_str("must be a text"),
            Violation::TooSmall(min) => write!(f, "must be at least {min}"),
            Violation::TooLarge(max) => write!(f, "must be at most {max}"),
            Violation::TooShort(min) => write!(f, "must have at least {min} characters"),
            Violation::TooLong(max) => write!(f, "must have at most {max} characters"),
            Violation::Pattern(pattern) => write!(f, "must match {pattern}"),
            Violation::Word(words) if words.len() > 24 => {
                let some: Vec<&str> = words.iter().take(24).copied().collect();
                write!(
                    f,
                    "must be one of {} words: {}, …",
                    words.len(),
                    some.join(", ")
                )
            }
            Violation::Word(words) => write!(f, "must be one of: {}", words.join(", ")),
            Violation::Format(name, why) if why.is_empty() => {
                write!(f, "does not have the form {name}")
            }
            Violation::Format(name, why) => write!(f, "does not have the form {name}: {why}"),
            Violation::Needs(other) => write!(f, "needs the parameter {other}"),
        }
    }
}

impl Call {
    /// Everything that is wrong with parameters, by name. `params` holds what
    /// travels in the query or body and what stands in the path.
    pub fn violations<'a>(
        &self,
        params: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<(String, Violation)> {
        let mut found = Vec::new();
        let mut given: Vec<(&str, &Param)> = Vec::new();
        for (name, value) in params {
            let Some(param) = self.param(name) else {
                if !self.open {
                    found.push((name.to_owned(), Violation::Unknown));
                }
                continue;
            };
            if param.shape != Shape::Array && given.iter().any(|(seen, _)| *seen == name) {
                found.push((name.to_owned(), Violation::Repeated));
            }
            given.push((name, param));
            if let Err(why) = param.check(value) {
                found.push((name.to_owned(), why));
            }
        }
        for param in &self.params {
            if param.required && !given.iter().any(|(_, p)| p.name == param.name) {
                found.push((param.name.to_owned(), Violation::Missing));
            }
        }
        for (name, param) in &given {
            if let Some(other) = param.needs
                && !given.iter().any(|(seen, _)| *seen == other)
            {
                found.push(((*name).to_owned(), Violation::Needs(other)));
            }
        }
        found
    }

    /// Refuses parameters that break a rule.
    ///
    /// # Errors
    /// `InvalidArgument` that names the first parameter and its rule.
    pub fn check(&self, params: &Params) -> Result<()> {
        match self.violations(params.iter()).first() {
            Some((name, why)) => Err(refused(name, why)),
            None => Ok(()),
        }
    }
}

impl Param {
    /// Whether `value`, as it goes over the wire, keeps the rules. A list in
    /// one text is checked item by item.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, value: &str) -> Result<(), Violation> {
        let number = match self.kind {
            Kind::Text => None,
            Kind::Boolean => {
                let good = matches!(value, "0" | "1");
                return good.then_some(()).ok_or(Violation::Type(Kind::Boolean));
            }
            Kind::Integer => {
                let whole = value
                    .parse::<i128>()
                    .map_err(|_| Violation::Type(Kind::Integer))?;
                #[allow(clippy::cast_precision_loss, reason = "only compared with bounds")]
                Some(whole as f64)
            }
            Kind::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => return Err(Violation::Type(Kind::Number)),
            },
        };
        if let Some(number) = number {
            if let Some(min) = self.min.filter(|min| number < *min) {
                return Err(Violation::TooSmall(min));
            }
            if let Some(max) = self.max.filter(|max| number > *max) {
                return Err(Violation::TooLarge(max));
            }
        }
        if self.min_length.is_some() || self.max_length.is_some() {
            let length = value.chars().count();
            if let Some(min) = self.min_length.filter(|min| length < *min) {
                return Err(Violation::TooShort(min));
            }
            if let Some(max) = self.max_length.filter(|max| length > *max) {
                return Err(Violation::TooLong(max));
            }
        }
        if !self.words.is_empty() && !self.words.contains(&value) {
            return Err(Violation::Word(self.words.clone()));
        }
        if let (Some(regex), Some(pattern)) = (self.regex(), self.pattern)
            && !regex.is_match(value)
        {
            return Err(Violation::Pattern(pattern));
        }
        match self.format {
            Some(format) => has_format(format, value),
            None => Ok(()),
        }
    }
}

/// Whether `value` has the named form.
///
/// # Errors
/// The rule that it breaks.
pub fn has_format(name: &'static str, value: &str) -> Result<(), Violation> {
    let bad = |why: &str| Err(Violation::Format(name, why.to_owned()));
    match describe::format(name) {
        Some(Format::Pattern(pattern)) if matches_pattern(name, pattern, value) => Ok(()),
        Some(Format::Pattern(pattern)) => Err(Violation::Pattern(pattern)),
        Some(Format::List(of)) => split_list(value)
            .iter()
            .try_for_each(|item| has_format(of, item)),
        Some(Format::Words(words)) if words.contains(&value) => Ok(()),
        Some(Format::Words(words)) => Err(Violation::Word(words.clone())),
        Some(Format::Property(keys)) => property(name, keys, value),
        Some(Format::Rule) | None => match rule(name, value) {
            Ok(()) => Ok(()),
            Err(why) => bad(why),
        },
    }
}

/// The patterns of formats, compiled once each.
fn matches_pattern(name: &'static str, pattern: &'static str, value: &str) -> bool {
    use std::collections::HashMap;
    use std::sync::{LazyLock, PoisonError, RwLock};

    static COMPILED: LazyLock<RwLock<HashMap<&'static str, Option<regex_lite::Regex>>>> =
        LazyLock::new(RwLock::default);
    let test = |regex: &Option<regex_lite::Regex>| {
        regex.as_ref().is_none_or(|regex| regex.is_match(value))
    };
    if let Some(regex) = COMPILED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(name)
    {
        return test(regex);
    }
    let regex = regex_lite::Regex::new(pattern).ok();
    let good = test(&regex);
    COMPILED
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name, regex);
    good
}

/// A property string against the rules of its keys.
fn property(
    name: &'static str,
    keys: &'static [PropertyKey],
    value: &str,
) -> Result<(), Violation> {
    let bad = |why: String| Err(Violation::Format(name, why));
    let mut seen: Vec<&str> = Vec::new();
    for part in value.split(',').filter(|part| !part.is_empty()) {
        let named = part
            .split_once('=')
            .and_then(|(key, value)| Some((keys.iter().find(|k| k.param.name == key)?, value)));
        let (key, value) = match (named, keys.iter().find(|k| k.default)) {
            (Some(found), _) => found,
            (None, Some(default)) => (default, part),
            (None, None) => return bad(format!("'{part}' is none of its keys")),
        };
        // An alias stands for its key and follows that key's rules.
        let real = key
            .alias
            .and_then(|real| keys.iter().find(|k| k.param.name == real))
            .unwrap_or(key);
        for key in [Some(real.param.name), key.name_to].into_iter().flatten() {
            if seen.contains(&key) {
                return bad(format!("'{key}' is given twice"));
            }
            seen.push(key);
        }
        let value = match (real.param.kind, value) {
            (Kind::Boolean, "on" | "yes" | "true") => "1",
            (Kind::Boolean, "off" | "no" | "false") => "0",
            (_, value) => value,
        };
        if let Err(why) = real.param.check(value) {
            return bad(format!("{} {why}", real.param.name));
        }
    }
    let missing =
        |k: &&PropertyKey| k.param.required && k.alias.is_none() && !seen.contains(&k.param.name);
    match keys.iter().find(missing) {
        Some(key) => bad(format!("{} is missing", key.param.name)),
        None => Ok(()),
    }
}

/// The forms that need code: the everyday ones here, the others in [`crate::forms`].
fn rule(name: &str, value: &str) -> Result<(), &'static str> {
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
        _ => crate::forms::rule(name, value),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn why(call: &str, params: &[(&str, &str)]) -> String {
        let call = describe::call(call).unwrap();
        match call.violations(params.iter().copied()).first() {
            Some((name, why)) => format!("{name} {why}"),
            None => String::new(),
        }
    }

    #[test]
    fn each_rule_is_named() {
        let create = |params: &[(&str, &str)]| {
            let mut all = vec![("node", "pve1"), ("vmid", "100")];
            all.extend(params);
            why("CreateQemu", &all)
        };
        assert_eq!(create(&[]), "");
        assert_eq!(create(&[("net0", "virtio,bridge=vmbr0,tag=10")]), "");
        assert_eq!(create(&[("cores", "0")]), "cores must be at least 1");
        assert_eq!(create(&[("cores", "two")]), "cores must be a whole number");
        assert_eq!(create(&[("onboot", "yes")]), "onboot must be 1 or 0");
        assert_eq!(
            create(&[("bios", "bios")]),
            "bios must be one of: seabios, ovmf"
        );
        assert_eq!(
            create(&[("net32", "virtio")]),
            "net32 is not a parameter of this call"
        );
        assert!(create(&[("net0", "virtio,tag=5000")]).contains("tag must be at most 4094"));
        assert!(
            create(&[("net0", "virtio,brigde=vmbr0")]).starts_with("net0 does not have the form")
        );
        assert_eq!(
            why("CreateQemu", &[("node", "pve1")]),
            "vmid is missing and it is not optional"
        );
        assert!(why("ListQemu", &[("node", "-x")]).starts_with("node must match"));
    }

    #[test]
    fn what_is_not_checked_is_told() {
        for name in describe::formats() {
            if !matches!(describe::format(name), Some(Format::Rule)) {
                continue;
            }
            // No form at all: every rule refuses one of these.
            let nonsense = ["\u{1} \n..//~~", "/..", "", "host", "99:99"];
            let checked = nonsense.iter().any(|text| has_format(name, text).is_err());
            let told = UNCHECKED.iter().any(|(form, _)| *form == name);
            assert_eq!(checked, !told, "{name}");
        }
    }

    #[test]
    fn forms_that_need_code() {
        for (name, good, bad) in [
            ("CIDRv4", "10.0.0.0/8", "10.0.0.0/7"),
            ("CIDR", "fd00::/64", "fd00::"),
            ("IPorCIDRorAlias", "dc/web-1", "1web"),
            ("pve-ipv4-config", "dhcp", "auto"),
            ("ipv4mask", "255.255.240.0", "255.0.255.0"),
            ("disk-size", "1.5G", "1.5.2G"),
            ("pve-startup-order", "order=2,up=30", "up=x"),
            ("pve-cpuset", "0,5,8-11", "8-5"),
            ("pve-vlan-id-or-range", "10-20", "20-10"),
            ("pve-storage-id", "local-lvm", "x"),
            ("pve-vmid-list", "100, 101", "100,99"),
        ] {
            assert_eq!(has_format(name, good), Ok(()), "{name} {good}");
            assert!(has_format(name, bad).is_err(), "{name} {bad}");
        }
    }
}
