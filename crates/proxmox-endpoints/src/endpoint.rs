//! [`Endpoint`]: one call of the API as a type.

use std::fmt;

use homelab_core::{Error, ErrorKind, Result};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

use crate::value::{self, Value};
use crate::{Arguments, Call, Params, describe};

/// The four methods that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads; may be repeated at will.
    Get,
    /// Creates or starts something.
    Post,
    /// Changes something.
    Put,
    /// Removes or stops something.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    /// The method named by `word`, in upper case.
    pub fn parse(word: &str) -> Option<Self> {
        [Method::Get, Method::Post, Method::Put, Method::Delete]
            .into_iter()
            .find(|m| m.as_str() == word)
    }

    /// Whether parameters travel in the query string: the server refuses a
    /// body on GET and DELETE.
    pub const fn has_query(self) -> bool {
        matches!(self, Method::Get | Method::Delete)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One call of the API: a request that knows its method, its path, its
/// parameters and the type of its answer.
///
/// Requests are plain structs. `new` takes what is required, the rest are
/// public fields that start empty:
///
/// ```
/// use proxmox_endpoints::{Endpoint, tasks::ListTasks};
///
/// let request = ListTasks { limit: Some(5), ..ListTasks::new("pve1") };
/// assert_eq!(request.path(), "/nodes/pve1/tasks");
/// assert_eq!(request.params()?.to_query(), "limit=5");
/// # Ok::<(), homelab_core::Error>(())
/// ```
pub trait Endpoint: Sized {
    /// What the server answers in `data`.
    type Response: DeserializeOwned + Send + 'static;
    /// Its place in [`calls`](crate::calls).
    const ID: usize;
    /// The method.
    const METHOD: Method;
    /// The path below `/api2/json`, with `{name}` where an argument goes.
    const PATH: &'static str;

    /// The fields in the order of [`Call::params`].
    fn values(&self) -> Vec<&dyn Value>;

    /// The request that arguments from the wire describe; the other direction
    /// of [`path`](Endpoint::path) and [`params`](Endpoint::params).
    ///
    /// # Errors
    /// `InvalidArgument` for a missing, malformed or unknown parameter.
    fn from_arguments(arguments: &mut Arguments) -> Result<Self>;

    /// What is known about the call: its release, its parameters' rules.
    fn call() -> &'static Call {
        describe::nth(Self::ID)
    }

    /// The path with its arguments filled in and percent-encoded.
    fn path(&self) -> String {
        value::path(Self::call(), &self.values())
    }

    /// The parameters, checked against their rules; path arguments are checked too.
    ///
    /// # Errors
    /// `InvalidArgument` that names the parameter and the rule. Nothing is sent.
    fn params(&self) -> Result<Params> {
        value::params(Self::call(), &self.values())
    }

    /// The node that will do the work, when the path names one.
    fn node(&self) -> Option<&str> {
        let at = Self::call()
            .params
            .iter()
            .position(|p| p.in_path && p.name == "node")?;
        self.values().get(at).and_then(|value| value.text())
    }

    /// Reads `data`; lists of rows have a faster way than their type's own.
    ///
    /// # Errors
    /// When it is not what the call promises.
    fn read<'de, D: Deserializer<'de>>(data: D) -> Result<Self::Response, D::Error> {
        Self::Response::deserialize(data)
    }

    /// What `"data": null` means: an empty list for lists, nothing otherwise.
    fn absent() -> Option<Self::Response> {
        None
    }

    /// `GET /nodes/{node}/tasks`: how errors and logs name the call.
    fn operation() -> String {
        format!("{} {}", Self::METHOD, Self::PATH)
    }
}

/// A decoded answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The answer proper.
    pub data: T,
    /// How many rows there are in all, for calls that return a window of them.
    pub total: Option<u64>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Envelope<T> {
    #[serde(default = "Option::default")]
    data: Option<T>,
    #[serde(default, deserialize_with = "crate::tolerant::opt")]
    total: Option<u64>,
}

/// `data`, read the way the call has for it.
struct Data<E: Endpoint>(E::Response);

impl<'de, E: Endpoint> Deserialize<'de> for Data<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        E::read(deserializer).map(Data)
    }
}

/// Decodes the body of a successful answer to `E`.
///
/// # Errors
/// `Protocol`, with the place in the body, when it is not what the call promises.
pub fn decode<E: Endpoint>(body: &str) -> Result<Answer<E::Response>> {
    let Envelope { data, total } = envelope::<Data<E>>(body)?;
    let data = data.map(|Data(data)| data).or_else(E::absent);
    let data =
        data.ok_or_else(|| protocol("the answer holds no data where the call promises some"))?;
    Ok(Answer { data, total })
}

/// Decodes what a successful answer holds in `data` into any type. What is not
/// there is `null` to it.
///
/// # Errors
/// `Protocol`, with the place in the body, when it does not fit the type.
pub fn decode_as<T: DeserializeOwned>(body: &str) -> Result<T> {
    match envelope(body)?.data {
        Some(data) => Ok(data),
        None => T::deserialize(().into_deserializer()).map_err(undecoded),
    }
}

fn envelope<T: DeserializeOwned>(body: &str) -> Result<Envelope<T>> {
    serde_json::from_str(body).map_err(undecoded)
}

fn undecoded(error: serde_json::Error) -> Error {
    protocol(format!("the answer cannot be decoded: {error}")).source(error)
}

fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

/// The answer of calls that return nothing of interest: anything is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Nothing)
    }
}

/// Does something with a request whose type is known only at run time; see
/// [`visit`](crate::visit).
pub trait Visitor {
    /// What comes out.
    type Output;

    /// Called with the request, or with the reason why the typed request
    /// cannot hold what came from the wire.
    fn visit<E: Endpoint + Send + Sync + 'static>(self, request: Result<E>) -> Self::Output;
}

/// `Endpoint` for a generated request.
macro_rules! endpoint {
    ($name:ident $id:literal $method:ident $path:literal -> $response:ty $(, null $absent:expr)? $(, by $read:path)?; $($field:ident)*) => {
        impl $crate::Endpoint for $name {
            type Response = $response;
            const ID: usize = $id;
            const METHOD: $crate::Method = $crate::Method::$method;
            const PATH: &'static str = $path;

            fn values(&self) -> Vec<&dyn $crate::value::Value> {
                vec![$(&self.$field),*]
            }

            fn from_arguments(arguments: &mut $crate::Arguments) -> homelab_core::Result<Self> {
                let mut _params = $crate::describe::nth($id).params.iter();
                let request = $name { $($field: arguments.take(_params.next())?),* };
                arguments.finish()?;
                Ok(request)
            }

            $(fn read<'de, D: serde::Deserializer<'de>>(data: D) -> Result<Self::Response, D::Error> {
                $read(data)
            })?

            $(fn absent() -> Option<Self::Response> {
                Some($absent)
            })?
        }
    };
}
pub(crate) use endpoint;
