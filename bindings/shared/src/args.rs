//! The arguments of a call, by name.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The arguments of one call, as the binding sent them.
#[derive(Clone, Debug, Default)]
pub struct Args(Map<String, Value>);

impl Args {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// `InvalidArgument` when the text is no JSON object.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).map(Args).map_err(|e| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("arguments must be one JSON object: {e}"),
            )
        })
    }

    /// Takes one argument. Absent is the same as null: `None` for an `Option`.
    ///
    /// # Errors
    /// `InvalidArgument` that names the argument.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let value = self.0.remove(name).unwrap_or(Value::Null);
        serde_json::from_value(value)
            .map_err(|e| Error::new(ErrorKind::InvalidArgument, format!("argument {name}: {e}")))
    }

    /// Sets one argument, whatever it was.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes one argument; its type's default when it is absent.
    ///
    /// # Errors
    /// `InvalidArgument` that names the argument.
    pub fn take_or_default<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T> {
        Ok(self.take::<Option<T>>(name)?.unwrap_or_default())
    }
}

impl From<Map<String, Value>> for Args {
    fn from(map: Map<String, Value>) -> Self {
        Args(map)
    }
}

/// Takes a duration, given in seconds.
///
/// # Errors
/// `InvalidArgument` when it is negative or not a number.
pub(crate) fn seconds(args: &mut Args, name: &str) -> Result<Option<Duration>> {
    args.take::<Option<f64>>(name)?
        .map(|seconds| {
            Duration::try_from_secs_f64(seconds).map_err(|_| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("argument {name}: {seconds} is no duration"),
                )
            })
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_null_and_errors_name_the_argument() {
        let mut args = Args::parse(r#"{"vmid": "x", "path": null}"#).unwrap();
        assert_eq!(args.take::<Option<String>>("path").unwrap(), None);
        assert_eq!(args.take::<Option<String>>("host").unwrap(), None);
        let error = args.take::<u32>("vmid").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().starts_with("argument vmid: "));
        assert!(Args::parse("[]").is_err());
    }

    #[test]
    fn durations_are_not_negative() {
        let mut args = Args::parse(r#"{"a": 1.5, "b": -1, "c": 1e300}"#).unwrap();
        assert_eq!(
            seconds(&mut args, "a").unwrap(),
            Some(Duration::from_millis(1500))
        );
        assert!(seconds(&mut args, "b").is_err());
        assert!(seconds(&mut args, "c").is_err());
        assert_eq!(seconds(&mut args, "d").unwrap(), None);
    }
}
