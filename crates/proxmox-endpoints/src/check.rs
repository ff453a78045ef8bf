//! Whether values keep the rules of the table, without sending anything.

use std::fmt;

use homelab_core::Result;

use crate::describe::{Call, Kind, Param, Shape};
use crate::params::{Params, refused};

pub use crate::forms::has_format;
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

#[cfg(test)]
mod tests {
    use crate::describe;

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
}
