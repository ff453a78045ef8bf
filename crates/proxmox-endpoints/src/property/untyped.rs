//! [`PropertyString`]: any property string, parts in order.

use std::fmt;

use homelab_core::{Error, ErrorKind, Result};

/// Any property string: its parts in order, nothing known about them.
///
/// ```
/// use proxmox_endpoints::property::PropertyString;
///
/// let mut net = PropertyString::parse("virtio=BC:24:11:00:00:01,bridge=vmbr0")?;
/// net.set("tag", "10");
/// assert_eq!(net.get("bridge"), Some("vmbr0"));
/// assert_eq!(net.to_string(), "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=10");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyString(Vec<(Option<String>, String)>);

impl PropertyString {
    /// Reads one.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty part or a part without a key name before `=`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("'{text}' is not a property string: {why}"),
            )
        };
        let mut parts = Vec::new();
        for part in text.trim().split(',') {
            match part.split_once('=') {
                Some((key, value)) if is_key(key) => {
                    parts.push((Some(key.to_owned()), value.to_owned()));
                }
                Some(("", _)) => return Err(bad("a part has no key")),
                // A bare value may hold `=` itself.
                Some(_) | None if !part.is_empty() => parts.push((None, part.to_owned())),
                _ => return Err(bad("a part is empty")),
            }
        }
        Ok(PropertyString(parts))
    }

    /// Keys (`None` for the default key) and values, in order.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.0.iter().map(|(k, v)| (k.as_deref(), v.as_str()))
    }

    /// The value of a named key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parts()
            .find(|(k, _)| *k == Some(key))
            .map(|(_, value)| value)
    }

    /// The value that stands without a key.
    pub fn bare(&self) -> Option<&str> {
        self.parts().find(|(k, _)| k.is_none()).map(|(_, v)| v)
    }

    /// Changes a key in place, or adds it at the end.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(k, _)| k.as_deref() == Some(key)) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((Some(key.to_owned()), value.to_owned())),
        }
    }

    /// Removes a key; whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(k, _)| k.as_deref() != Some(key));
        self.0.len() < before
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl fmt::Display for PropertyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.parts().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match key {
                Some(key) => write!(f, "{key}={value}")?,
                None => f.write_str(value)?,
            }
        }
        Ok(())
    }
}
