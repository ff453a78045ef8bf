//! Faults as text, and back.

use std::fmt;
use std::str::FromStr;

use homelab_core::{Error, ErrorKind, nearest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fault::{ALL, Fault};

impl Fault {
    fn number(self) -> Option<i128> {
        match self {
            Fault::Latency(n) | Fault::Bandwidth(n) => Some(n.into()),
            Fault::Loss(n) => Some(n.into()),
            Fault::ClockSkew(n) => Some(n.into()),
            Fault::UpgradeFails(n) => Some(n.into()),
            _ => None,
        }
    }

    /// The same kind with another number, or what the number must be.
    fn with_number(self, number: i128) -> Result<Fault, &'static str> {
        let small = |what| u64::try_from(number).map_err(|_| what);
        match self {
            Fault::Latency(_) => small("a number of milliseconds").map(Fault::Latency),
            Fault::Bandwidth(_) => match small("a number of bytes in a second, at least 1") {
                Ok(0) => Err("a number of bytes in a second, at least 1"),
                other => other.map(Fault::Bandwidth),
            },
            Fault::Loss(_) => match u8::try_from(number) {
                Ok(percent @ 0..=100) => Ok(Fault::Loss(percent)),
                _ => Err("a percentage from 0 to 100"),
            },
            Fault::ClockSkew(_) => i64::try_from(number)
                .map(Fault::ClockSkew)
                .map_err(|_| "a number of seconds"),
            Fault::UpgradeFails(_) => match u32::try_from(number) {
                Ok(k @ 1..) => Ok(Fault::UpgradeFails(k)),
                _ => Err("a number of upgrades, at least 1"),
            },
            other => Ok(other),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.number() {
            Some(number) => write!(f, ":{number}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let Some((_, fault, _)) = ALL.iter().find(|(known, _, _)| *known == name) else {
            let hint = nearest(name, ALL.iter().map(|(name, _, _)| *name))
                .map_or(String::new(), |n| format!("; did you mean {n}?"));
            return Err(invalid(format!("unknown fault {name}{hint}")));
        };
        match (fault.number(), number) {
            (Some(_), Some(number)) => number
                .parse()
                .map_err(|_| "a number")
                .and_then(|number| fault.with_number(number))
                .map_err(|what| invalid(format!("{text}: {number} is not {what}"))),
            (Some(_), None) => Err(invalid(format!("{name} needs a number: {name}:1"))),
            (None, Some(_)) => Err(invalid(format!("{name} takes no number"))),
            (None, None) => Ok(*fault),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Fault {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (name, fault, places) in ALL {
            let fault = fault.with_number(1).unwrap();
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
            assert!(!places.is_empty(), "{name}");
            let json = serde_json::to_value(fault).unwrap();
            assert_eq!(serde_json::from_value::<Fault>(json).unwrap(), fault);
        }
        assert_eq!("latency:250".parse::<Fault>().unwrap(), Fault::Latency(250));
        let back = "clock-skew:-30".parse::<Fault>().unwrap();
        assert_eq!(back, Fault::ClockSkew(-30));
    }

    #[test]
    fn nonsense_is_told_what_would_be_right() {
        let message = |text: &str| text.parse::<Fault>().unwrap_err().message().to_owned();
        assert_eq!(message("stal"), "unknown fault stal; did you mean stall?");
        assert_eq!(message("stall:1"), "stall takes no number");
        assert_eq!(message("latency"), "latency needs a number: latency:1");
        assert_eq!(
            message("loss:101"),
            "loss:101: 101 is not a percentage from 0 to 100"
        );
        assert!(message("latency:-1").contains("milliseconds"));
        assert!(message("latency:x").ends_with("x is not a number"));
        assert!(message("bandwidth:0").contains("at least 1"));
    }
}
