//! [`ConfigKeys`]: a flat configuration on its way into a typed one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::params::ParamValue;
use crate::tolerant::Scalar;

/// The keys of a configuration as texts. Typed fields are taken out one by one;
/// whatever nobody takes, or does not have the expected form, stays and ends
/// up in the configuration's `other` keys: nothing is lost, nothing fails.
#[derive(Clone, Debug, Default)]
pub struct ConfigKeys(BTreeMap<String, String>);

impl ConfigKeys {
    /// Takes a scalar. A blank one says nothing: the boot order of a machine
    /// without disks is `" "`.
    pub fn scalar<T: Scalar>(&mut self, key: &str) -> Option<T> {
        let text = self.0.get(key)?;
        if text.trim().is_empty() {
            self.0.remove(key);
            return None;
        }
        let value = T::from_str(text)?;
        self.0.remove(key);
        Some(value)
    }

    /// Takes a property string, or anything else with a text form.
    pub fn property<T: ParamValue>(&mut self, key: &str) -> Option<T> {
        let value = T::from_text(self.0.get(key)?)?;
        self.0.remove(key);
        Some(value)
    }

    /// Takes a list.
    pub fn words(&mut self, key: &str) -> Vec<String> {
        self.0
            .remove(key)
            .map(|text| crate::params::split_list(&text))
            .unwrap_or_default()
    }

    /// Takes a memory size, in bytes: `4096` or `current=4096` MiB on the wire.
    pub fn mebibytes(&mut self, key: &str) -> Option<u64> {
        let text = self.0.get(key)?;
        let first = text.split(',').next().unwrap_or_default();
        let number = first.strip_prefix("current=").unwrap_or(first);
        let bytes = u64::from_str(number)?.checked_mul(1 << 20)?;
        self.0.remove(key);
        Some(bytes)
    }

    /// Takes a whole indexed family: `net0`, `net1`, … The map's keys are the
    /// full names.
    pub fn indexed<T: ParamValue>(&mut self, families: &[&str]) -> BTreeMap<String, T> {
        let belongs = |key: &str| {
            families.iter().any(|family| {
                key.strip_prefix(family)
                    .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
            })
        };
        let found: Vec<(String, T)> = self
            .0
            .iter()
            .filter(|(key, _)| belongs(key))
            .filter_map(|(key, text)| T::from_text(text).map(|value| (key.clone(), value)))
            .collect();
        for (key, _) in &found {
            self.0.remove(key);
        }
        found.into_iter().collect()
    }

    /// What is left.
    pub fn rest(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl<'de> Deserialize<'de> for ConfigKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = crate::tolerant::map::<D, AnyText>(deserializer)?;
        Ok(ConfigKeys(
            map.into_iter()
                .filter_map(|(key, value)| value.0.map(|text| (key, text)))
                .collect(),
        ))
    }
}

/// A scalar as text; lists and objects (rare in configurations) as JSON text.
struct AnyText(Option<String>);

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Option<String>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Some(u8::from(value).to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Some(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Some(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Some(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Some(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                let value = serde_json::Value::deserialize(
                    serde::de::value::SeqAccessDeserializer::new(seq),
                )?;
                Ok(Some(value.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let value = serde_json::Value::deserialize(
                    serde::de::value::MapAccessDeserializer::new(map),
                )?;
                Ok(Some(value.to_string()))
            }
        }

        deserializer.deserialize_any(Any).map(AnyText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blank_says_nothing_and_what_is_odd_stays() {
        let text =
            r#"{"boot":" ","name":"","cores":"many","onboot":1,"net0":"virtio","net1":"=x"}"#;
        let mut keys: ConfigKeys = serde_json::from_str(text).unwrap();
        assert_eq!(keys.scalar::<String>("boot"), None);
        assert_eq!(keys.scalar::<String>("name"), None);
        assert_eq!(keys.scalar::<u32>("cores"), None);
        assert_eq!(keys.scalar::<bool>("onboot"), Some(true));
        let networks = keys.indexed::<crate::NetDevice>(&["net"]);
        assert_eq!(networks.keys().collect::<Vec<_>>(), ["net0"]);
        let rest = keys.rest();
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["cores", "net1"]);
    }
}
