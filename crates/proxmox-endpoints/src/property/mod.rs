//! Property strings: `virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,tag=10`.
//!
//! Parts are `key=value`, separated by commas; one key of each schema, the
//! default key, may stand without its name. The server prints them back in an
//! order of its own, so two of them are compared parsed, never as text.
//!
//! [`PropertyString`] is the untyped form; [`Property`] is implemented by the
//! typed ones ([`NetDevice`](crate::NetDevice), [`Disk`](crate::Disk), …), which
//! keep the order they were read in and every key they do not know.

mod untyped;
pub mod value;

use std::collections::BTreeMap;

use homelab_core::{Error, ErrorKind, Result};

pub use untyped::PropertyString;

/// The order in which keys were read. Says nothing about the meaning: two
/// orders are always equal.
#[derive(Clone, Debug, Default)]
pub struct KeyOrder(Vec<String>);

impl PartialEq for KeyOrder {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A typed property string.
pub trait Property: Default {
    /// What it is called in messages.
    const NAME: &'static str;
    /// The key that may stand without its name.
    const DEFAULT_KEY: Option<&'static str> = None;
    /// Keys without which it makes no sense, in canonical order.
    const REQUIRED: &'static [&'static str] = &[];
    /// Other names of keys.
    const ALIASES: &'static [(&'static str, &'static str)] = &[];
    /// Keys that give two others at once: `virtio=MAC` is `model=virtio` and `macaddr=MAC`.
    const PAIRS: Option<Pairs> = None;

    /// Sets a known key: whether the value has the right form, `None` for an unknown key.
    fn set(&mut self, key: &str, value: &str) -> Option<bool>;

    /// The keys that are set, with their values, in canonical order.
    fn entries(&self) -> Vec<(&'static str, String)>;

    /// Keys that this version does not know.
    fn other(&self) -> &BTreeMap<String, String>;

    /// Keys that this version does not know.
    fn other_mut(&mut self) -> &mut BTreeMap<String, String>;

    /// The order of the keys.
    fn order(&self) -> &KeyOrder;

    /// The order of the keys.
    fn order_mut(&mut self) -> &mut KeyOrder;
}

/// Keys that give two others at once.
#[derive(Clone, Copy, Debug)]
pub struct Pairs {
    /// The key that the pair's name goes to.
    pub name_to: &'static str,
    /// The key that the pair's value goes to.
    pub value_to: &'static str,
    /// The names.
    pub names: &'static [&'static str],
}

/// Reads a typed property string.
///
/// # Errors
/// `InvalidArgument` for a malformed part, a key given twice, a value of the
/// wrong form or a required key that is missing. Unknown keys are kept.
pub fn parse<P: Property>(text: &str) -> Result<P> {
    let bad = |why: String| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("'{text}' is not a {} property: {why}", P::NAME),
        )
    };
    let mut property = P::default();
    let mut order: Vec<String> = Vec::new();
    for (key, value) in PropertyString::parse(text)?.parts() {
        let key = match (key, P::DEFAULT_KEY) {
            (Some(key), _) => key,
            (None, Some(default)) => default,
            (None, None) => return Err(bad(format!("'{value}' needs a key"))),
        };
        let key = P::ALIASES
            .iter()
            .find(|(alias, _)| *alias == key)
            .map_or(key, |(_, real)| real);
        let pair = P::PAIRS.filter(|pairs| pairs.names.contains(&key));
        let settings = match pair {
            Some(pairs) => vec![(pairs.name_to, key), (pairs.value_to, value)],
            None => vec![(key, value)],
        };
        for (key, value) in settings {
            if order.iter().any(|seen| seen == key) {
                return Err(bad(format!("'{key}' is given twice")));
            }
            order.push(key.to_owned());
            match property.set(key, value) {
                Some(true) => {}
                Some(false) => return Err(bad(format!("{key} cannot be '{value}'"))),
                None => {
                    property
                        .other_mut()
                        .insert(key.to_owned(), value.to_owned());
                }
            }
        }
    }
    if let Some(missing) = P::REQUIRED.iter().find(|k| !order.iter().any(|o| o == *k)) {
        return Err(bad(format!("{missing} is missing")));
    }
    *property.order_mut() = KeyOrder(order);
    Ok(property)
}

/// Prints a typed property string: keys in the order they were read, then new
/// ones in the server's canonical order.
pub fn print<P: Property>(property: &P) -> String {
    let mut entries: Vec<(&str, String)> = property.entries();
    entries.extend(
        property
            .other()
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone())),
    );
    let order = &property.order().0;
    // A stable sort: keys that were never read keep the canonical order.
    entries.sort_by_key(|(key, _)| order.iter().position(|o| o == key).unwrap_or(usize::MAX));
    let mut parts = Vec::with_capacity(entries.len());
    let pair = P::PAIRS.and_then(|pairs| {
        let get = |wanted| entries.iter().find(|(key, _)| *key == wanted);
        let (_, name) = get(pairs.name_to)?;
        let (_, value) = get(pairs.value_to)?;
        let known = pairs.names.contains(&name.as_str());
        known.then(|| (pairs, format!("{name}={value}")))
    });
    for (key, value) in &entries {
        match &pair {
            Some((pairs, text)) if *key == pairs.name_to => parts.push(text.clone()),
            Some((pairs, _)) if *key == pairs.value_to => {}
            // At the edge of the whole text a blank would be lost.
            _ if Some(*key) == P::DEFAULT_KEY && value.trim() == value => {
                parts.push(value.clone());
            }
            _ => parts.push(format!("{key}={value}")),
        }
    }
    parts.join(",")
}

/// `Property` and everything that follows from it, for generated structs.
macro_rules! property {
    ($name:ident $label:literal { $($key:literal => $field:ident $codec:ident,)* }
     $(default $default:literal)? $(required [$($required:literal),*])?
     $(aliases [$($alias:expr),*])? $(pairs $name_to:literal $value_to:literal [$($pair:literal),*])?) => {
        impl $crate::property::Property for $name {
            const NAME: &'static str = $label;
            $(const DEFAULT_KEY: Option<&'static str> = Some($default);)?
            $(const REQUIRED: &'static [&'static str] = &[$($required),*];)?
            $(const ALIASES: &'static [(&'static str, &'static str)] = &[$($alias),*];)?
            $(const PAIRS: Option<$crate::property::Pairs> = Some($crate::property::Pairs {
                name_to: $name_to,
                value_to: $value_to,
                names: &[$($pair),*],
            });)?

            fn set(&mut self, key: &str, value: &str) -> Option<bool> {
                Some(match key {
                    $($key => $crate::property::value::Keyed::<$codec>::set(&mut self.$field, value),)*
                    _ => return None,
                })
            }

            fn entries(&self) -> Vec<(&'static str, String)> {
                let all: [(&'static str, Option<String>); _] = [
                    $(($key, $crate::property::value::Keyed::<$codec>::get(&self.$field)),)*
                ];
                all.into_iter()
                    .filter_map(|(key, value)| value.map(|value| (key, value)))
                    .collect()
            }

            fn other(&self) -> &std::collections::BTreeMap<String, String> {
                &self.other
            }

            fn other_mut(&mut self) -> &mut std::collections::BTreeMap<String, String> {
                &mut self.other
            }

            fn order(&self) -> &$crate::property::KeyOrder {
                &self.key_order
            }

            fn order_mut(&mut self) -> &mut $crate::property::KeyOrder {
                &mut self.key_order
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::property::print(self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = homelab_core::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::property::parse(text)
            }
        }

        impl $crate::params::ParamValue for $name {
            fn to_text(&self) -> std::borrow::Cow<'_, str> {
                std::borrow::Cow::Owned($crate::property::print(self))
            }

            fn from_text(text: &str) -> Option<Self> {
                $crate::property::parse(text).ok()
            }
        }
    };
}
pub(crate) use property;

#[cfg(test)]
mod tests;
