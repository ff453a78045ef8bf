//! Recorded exchanges, and how the client would make them.

use std::path::Path;

use proxmox_client::Method;
use serde::Deserialize;

use crate::support::{answer, decoded};

/// One recorded exchange.
#[derive(Debug, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    request: Asked,
    response: Answered,
}

#[derive(Debug, Deserialize)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<Body>,
}

/// A body as text, or in hexadecimal where it is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Body {
    Text(String),
    Binary { hex: String },
}

impl Body {
    fn text(&self) -> Option<&str> {
        match self {
            Body::Text(text) => Some(text),
            Body::Binary { .. } => None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Text(text) => text.clone().into_bytes(),
            Body::Binary { hex } => (0..hex.len() / 2)
                .filter_map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok())
                .collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Answered {
    status_line: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<Body>,
}

/// What the client is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) method: Method,
    /// Below `/api2/json`, as recorded.
    pub(crate) path: String,
    /// Decoded, query and body together.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) auth: Auth,
}

/// The form of authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    Nobody,
    Token {
        id: String,
        secret: String,
    },
    Ticket {
        ticket: String,
        csrf: Option<String>,
    },
}

impl Auth {
    /// What a login must be answered for the client to hold this ticket.
    pub(crate) fn login_answer(&self) -> Option<Vec<u8>> {
        let Auth::Ticket { ticket, csrf } = self else {
            return None;
        };
        let data = serde_json::json!({ "data": {
            "username": "root@pam",
            "ticket": ticket,
            "CSRFPreventionToken": csrf.as_deref().unwrap_or("none"),
        }});
        Some(answer("200 OK", &data.to_string()))
    }
}

/// All exchanges of a folder, files in order of their names.
pub(crate) fn read(folder: &Path) -> Result<Vec<Exchange>, String> {
    let failed = |what: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", what.display());
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_err(|e| failed(folder, &e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let mut exchanges = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|e| failed(&file, &e))?;
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let exchange = serde_json::from_str(line)
                .map_err(|e| format!("{}:{}: {e}", file.display(), at + 1))?;
            exchanges.push(exchange);
        }
    }
    Ok(exchanges)
}

impl Exchange {
    pub(crate) fn status(&self) -> u16 {
        let code = self.response.status_line.split(' ').nth(1);
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// `VM is locked (backup)`
    pub(crate) fn reason(&self) -> &str {
        self.response
            .status_line
            .splitn(3, ' ')
            .nth(2)
            .unwrap_or("")
    }

    /// The answer's body, empty when it is binary.
    pub(crate) fn body(&self) -> &str {
        let body = self.response.body.as_ref();
        body.and_then(Body::text).unwrap_or("")
    }

    /// Whether the answer is one of the API, not a download.
    pub(crate) fn is_json(&self) -> bool {
        self.body().starts_with('{')
    }

    /// `GET /nodes/pve1/dns`, without a query.
    pub(crate) fn asked(&self) -> String {
        let line = self.request.line.split(['?']).next().unwrap_or_default();
        line.trim_end_matches(" HTTP/1.1").replace("/api2/json", "")
    }

    /// The recorded answer as bytes. Bodies are recorded as the text they
    /// stand for, so what describes their transport is made anew.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.response.status_line);
        let about_transport = ["content-length", "content-encoding", "transfer-encoding"];
        for (name, value) in &self.response.headers {
            if !about_transport.contains(&name.to_ascii_lowercase().as_str()) {
                head = format!("{head}{name}: {value}\r\n");
            }
        }
        let body = self.response.body.as_ref().map(Body::bytes);
        let body = body.unwrap_or_default();
        head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        // Reason phrases are Latin-1 on the wire where they are not ASCII.
        let mut bytes: Vec<u8> = head
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect();
        bytes.extend_from_slice(&body);
        bytes
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .request
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// How the client would make it, or why it cannot.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let mut words = self.request.line.splitn(2, ' ');
        let method = words.next().unwrap_or_default();
        let rest = words.next().unwrap_or_default();
        let (target, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let method =
            Method::parse(method).ok_or_else(|| format!("the client has no method {method}"))?;
        if version != "HTTP/1.1" {
            return Err(format!("the client does not speak {version}"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path
            .strip_prefix("/api2/json")
            .filter(|path| path.starts_with('/'))
            .ok_or("not below /api2/json")?;
        if self.header("upgrade").is_some() || path.ends_with("/vncwebsocket") {
            return Err("a web socket".to_owned());
        }
        if self.header("transfer-encoding").is_some() {
            return Err("a request body in chunks".to_owned());
        }
        let mut params = decoded(query);
        let body = match &self.request.body {
            None => "",
            Some(body) => body.text().ok_or("a binary body")?,
        };
        if method.has_query()
            && (!body.is_empty()
                || self
                    .header("content-type")
                    .is_some_and(|_| self.header("content-length").is_some_and(|l| l != "0")))
        {
            return Err("a body where the client sends a query".to_owned());
        }
        if !method.has_query() {
            params.extend(self.body_params(body)?);
        }
        Ok(Plan {
            method,
            path: path.to_owned(),
            params,
            auth: self.auth(method)?,
        })
    }

    fn body_params(&self, body: &str) -> Result<Vec<(String, String)>, String> {
        let kind = self
            .header("content-type")
            .unwrap_or("application/x-www-form-urlencoded");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind {
            "application/x-www-form-urlencoded" if body.starts_with('{') => {
                Err("JSON that is sent as a form on purpose".to_owned())
            }
            "application/x-www-form-urlencoded" => Ok(decoded(body)),
            "application/json" => json_params(body),
            "multipart/form-data" => Err("an upload".to_owned()),
            other => Err(format!("a body of type {other}")),
        }
    }

    fn auth(&self, method: Method) -> Result<Auth, String> {
        let ticket = self
            .header("cookie")
            .and_then(|cookie| {
                cookie
                    .split(';')
                    .find_map(|c| c.trim().strip_prefix("PVEAuthCookie="))
            })
            .map(|text| {
                percent_encoding::percent_decode_str(text)
                    .decode_utf8_lossy()
                    .into_owned()
            });
        let csrf = self.header("csrfpreventiontoken").map(str::to_owned);
        match (self.header("authorization"), ticket) {
            (None, None) if self.header("cookie").is_some() => Err("another cookie".to_owned()),
            (None, None) => Ok(Auth::Nobody),
            (Some(_), Some(_)) => Err("two forms of authentication at once".to_owned()),
            (None, Some(ticket)) => {
                if csrf.is_none() && method != Method::Get {
                    return Err(
                        "the CSRF token is left out, which the client always sends".to_owned()
                    );
                }
                Ok(Auth::Ticket { ticket, csrf })
            }
            (Some(header), None) => header
                .strip_prefix("PVEAPIToken=")
                .and_then(|token| token.split_once('='))
                .map(|(id, secret)| Auth::Token {
                    id: id.to_owned(),
                    secret: secret.to_owned(),
                })
                .ok_or_else(|| "an Authorization header that the client never writes".to_owned()),
        }
    }
}

/// The parameters of a JSON body, as a form would hold them.
fn json_params(body: &str) -> Result<Vec<(String, String)>, String> {
    use serde_json::Value;

    let object: serde_json::Map<String, Value> =
        serde_json::from_str(body).map_err(|_| "a body that is no JSON object".to_owned())?;
    let text = |value: &Value| match value {
        Value::Bool(truth) => Some(u8::from(*truth).to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let mut params = Vec::new();
    for (name, value) in object {
        match &value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    let item = text(item).ok_or("a JSON value that no form can hold")?;
                    params.push((name.clone(), item));
                }
            }
            value => {
                let value = text(value).ok_or("a JSON value that no form can hold")?;
                params.push((name, value));
            }
        }
    }
    Ok(params)
}
