//! What a handler answers, and the error texts of the PVE API.
//!
//! PVE carries the text of an error in the HTTP reason phrase; the body repeats
//! it since 8.3.3. Errors of the authentication layer and of the hop to
//! another host have no body at all.

use serde_json::{Map, Value, json};

use super::console::Console;

/// What is said to a change by the digest of something that changed meanwhile.
pub(super) const CHANGED: &str =
    "detected modified configuration - file changed by other user? Try again.";

/// What a handler returns.
pub(super) type Result<T> = std::result::Result<T, ApiError>;

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    /// The `data` of the envelope.
    pub(super) data: Value,
    /// The `total` beside it, for pages.
    pub(super) total: Option<usize>,
    /// What the connection becomes, if the client asked for it.
    pub(super) console: Option<Console>,
}

impl From<Value> for Answer {
    fn from(data: Value) -> Self {
        Answer {
            data,
            total: None,
            console: None,
        }
    }
}

impl Answer {
    /// A page of `total` rows.
    pub(super) fn page(rows: Vec<Value>, total: usize) -> Self {
        Answer {
            data: Value::Array(rows),
            total: Some(total),
            console: None,
        }
    }
}

/// What the body of a refusal holds.
#[derive(Debug)]
pub(super) enum ErrorBody {
    /// Nothing.
    Empty,
    /// The text itself, without the JSON envelope.
    Text,
    /// The JSON envelope; `errors` names parameters.
    Json { errors: Map<String, Value> },
}

/// A refusal.
#[derive(Debug)]
pub(super) struct ApiError {
    /// The HTTP status; PVE makes up its own (424, 506, 595).
    pub(super) status: u16,
    /// The whole text; its first line becomes the reason phrase.
    pub(super) text: String,
    /// What the body holds.
    pub(super) body: ErrorBody,
    /// Why the server holds the answer back, if it does.
    pub(super) held: Held,
}

/// Why the server holds an answer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It does not.
    No,
    /// Every failed authentication takes its time.
    Authentication,
    /// A lock of the cluster was waited for in vain.
    Lock,
}

impl ApiError {
    fn new(status: u16, text: impl Into<String>, body: ErrorBody) -> Self {
        ApiError {
            status,
            text: text.into(),
            body,
            held: Held::No,
        }
    }

    /// The server's own failure: most business errors are of this kind.
    pub(super) fn die(text: impl Into<String>) -> Self {
        let errors = Map::new();
        ApiError::new(500, text.into() + "\n", ErrorBody::Json { errors })
    }

    /// Refused with `status` and a text that does not end its line.
    pub(super) fn raise(status: u16, text: impl Into<String>) -> Self {
        ApiError::new(status, text, ErrorBody::Json { errors: Map::new() })
    }

    /// Parameters that do not fit.
    pub(super) fn params(errors: Map<String, Value>) -> Self {
        ApiError::new(
            400,
            "Parameter verification failed.\n",
            ErrorBody::Json { errors },
        )
    }

    /// One parameter that does not fit.
    pub(super) fn param(name: &str, text: impl Into<String>) -> Self {
        ApiError::params(Map::from_iter([(
            name.to_owned(),
            Value::String(text.into()),
        )]))
    }

    /// No such path, or not with this method.
    pub(super) fn not_implemented(method: &str, path: &str) -> Self {
        ApiError::raise(501, format!("Method '{method} {path}' not implemented"))
    }

    /// Refused before the API looks at the request; the body is the bare text.
    pub(super) fn http(status: u16, text: impl Into<String>) -> Self {
        ApiError::new(status, text, ErrorBody::Text)
    }

    /// Refused before the API looks at the request, without a body.
    pub(super) fn bare(status: u16, text: impl Into<String>) -> Self {
        ApiError::new(status, text, ErrorBody::Empty)
    }

    /// Authentication failed on an ordinary request.
    pub(super) fn unauthenticated(text: &str) -> Self {
        ApiError {
            held: Held::Authentication,
            ..ApiError::bare(401, text)
        }
    }

    /// Authentication failed at the login call.
    pub(super) fn login_failed() -> Self {
        let body = ErrorBody::Json { errors: Map::new() };
        ApiError {
            held: Held::Authentication,
            ..ApiError::new(401, "authentication failure\n", body)
        }
    }

    /// A privilege is missing.
    pub(super) fn forbidden(what: &str) -> Self {
        ApiError::raise(403, format!("Permission check failed ({what})\n"))
    }

    /// The hop to another host failed.
    pub(super) fn proxy(status: u16, text: &str) -> Self {
        ApiError::bare(status, text)
    }

    /// The reason phrase: the first line of the text.
    pub(super) fn reason(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The body as the `json` formatter writes it, and its content type.
    pub(super) fn body(&self) -> (String, Option<&'static str>) {
        match &self.body {
            ErrorBody::Empty => (String::new(), None),
            ErrorBody::Text => (self.text.clone(), None),
            ErrorBody::Json { errors } => {
                let mut body = json!({ "data": null, "message": self.text });
                if !errors.is_empty() {
                    body["errors"] = Value::Object(errors.clone());
                }
                (body.to_string(), Some(super::http::JSON))
            }
        }
    }
}
