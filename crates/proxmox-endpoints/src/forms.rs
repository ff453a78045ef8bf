//! The named forms of texts: patterns, lists, words, property strings, and
//! those that need code.

mod common;
mod special;

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use crate::check::Violation;
use crate::describe::{self, Format, Kind, PropertyKey};
use crate::params::split_list;

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
        Some(Format::Rule) | None => match common::rule(name, value) {
            Ok(()) => Ok(()),
            Err(why) => bad(why),
        },
    }
}

/// The patterns of formats, compiled once each.
fn matches_pattern(name: &'static str, pattern: &'static str, value: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::UNCHECKED;

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
