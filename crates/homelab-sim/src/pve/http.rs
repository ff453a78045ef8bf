//! From an HTTP request to a call and back: what PVE's own HTTP server does
//! around the API.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{Answer, ApiError, ErrorBody, Held, Result};
use super::body::{self, Body};
use super::console;
use super::params::{self, Params};
use super::router::{self, Inquiry};
use super::serve::Session;
use super::upload::Upload;
use crate::faults::Fault;

/// The content type of every JSON answer.
pub(super) const JSON: &str = "application/json;charset=UTF-8";
/// Largest body of a request that is no upload.
const MAX_BODY: usize = 512 * 1024;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Formatter {
    /// `/api2/json`: errors are HTTP errors.
    Json,
    /// `/api2/extjs`: always 200, success is a field.
    ExtJs,
}

/// Answers one request. An error ends the connection without an answer.
pub(super) async fn answer(
    session: Arc<Session>,
    mut request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let Session { cluster, host, .. } = &*session;
    cluster.0.shared.delay(host).await;
    let headers = request.headers().clone();
    let upgrade = console::wanted(&headers).then(|| hyper::upgrade::on(&mut request));
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let (formatter, result) = match Parsed::read(request).await {
        Ok(parsed) => {
            let formatter = parsed.formatter;
            (
                formatter,
                router::dispatch(cluster, host, parsed.inquiry).await,
            )
        }
        Err(error) => {
            cluster.0.shared.counters.request(host, "other");
            (Formatter::Json, Err(error))
        }
    };
    let options = &cluster.0.options;
    match result.as_ref().map_or_else(|e| e.held, |_| Held::No) {
        Held::No => {}
        Held::Authentication => cluster.world().hold(options.authentication_delay).await,
        Held::Lock => cluster.world().hold(options.lock_delay).await,
    }
    if let (Ok(answer), Some(upgrade)) = (&result, upgrade)
        && let Some(console) = &answer.console
    {
        cluster.serve_console(upgrade, console.clone());
        return Ok(console::switching(&headers));
    }
    let rendered = Rendered::new(formatter, &result);
    let status = rendered.status.to_string();
    cluster.0.shared.log_call(host, &method, &path, &status);
    cluster.0.shared.held(host).await;
    match FAULTS.iter().find(|fault| cluster.has_fault(host, **fault)) {
        None => Ok(rendered.response(session.last_request(rendered.status))),
        Some(Fault::ResetEarly) => {
            session.connection.reset();
            std::future::pending().await
        }
        Some(Fault::Html) => Ok(html()),
        Some(fault) => Ok(rendered.broken(*fault, &session)),
    }
}

/// The faults that concern single answers.
const FAULTS: [Fault; 7] = [
    Fault::ResetEarly,
    Fault::Html,
    Fault::Reset,
    Fault::TruncateBody,
    Fault::WrongLength,
    Fault::Garbage,
    Fault::ResetLate,
];

/// What something in between answers that speaks no JSON.
fn html() -> Response<Body> {
    let mut response = Response::new(body::full(HTML));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\
    <body><h1>502 Bad Gateway</h1></body></html>\n";

/// An answer, ready to be written.
struct Rendered {
    status: u16,
    reason: String,
    text: String,
    content_type: Option<&'static str>,
}

impl Rendered {
    fn new(formatter: Formatter, result: &Result<Answer>) -> Self {
        let ok = |envelope: Value| Rendered {
            status: 200,
            reason: "OK".into(),
            text: envelope.to_string(),
            content_type: Some(JSON),
        };
        match (formatter, result) {
            (_, Ok(answer)) => {
                let mut envelope = json!({ "data": answer.data });
                if let Some(total) = answer.total {
                    envelope["total"] = total.into();
                }
                if formatter == Formatter::ExtJs {
                    envelope["success"] = 1.into();
                }
                ok(envelope)
            }
            (
                Formatter::ExtJs,
                Err(ApiError {
                    status,
                    text,
                    body: ErrorBody::Json { errors },
                    ..
                }),
            ) => {
                let mut envelope = json!({ "success": 0, "data": null, "message": text });
                // Parameter errors carry their status as a string, others as a number.
                if errors.is_empty() {
                    envelope["status"] = (*status).into();
                } else {
                    envelope["status"] = status.to_string().into();
                    envelope["errors"] = Value::Object(errors.clone());
                }
                ok(envelope)
            }
            (_, Err(error)) => {
                let (text, content_type) = error.body();
                let (status, reason) = (error.status, error.reason().to_owned());
                Rendered {
                    status,
                    reason,
                    text,
                    content_type,
                }
            }
        }
    }

    fn response(&self, last: bool) -> Response<Body> {
        let mut response = Response::new(body::full(self.text.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        let connection = if last { "close" } else { "Keep-Alive" };
        for (name, value) in [
            (header::CACHE_CONTROL, Some("max-age=0")),
            (header::CONNECTION, Some(connection)),
            (header::PRAGMA, Some("no-cache")),
            (header::SERVER, Some("pve-api-daemon/3.0")),
            (header::CONTENT_TYPE, self.content_type),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        // Text that is no valid reason phrase is left to the status' usual one.
        if let Ok(reason) = ReasonPhrase::try_from(self.reason.as_bytes()) {
            response.extensions_mut().insert(reason);
        }
        response
    }

    /// The same answer, damaged on its way.
    fn broken(&self, fault: Fault, session: &Session) -> Response<Body> {
        let mut response = self.response(true);
        let half = &self.text.as_bytes()[..self.text.len() / 2];
        match fault {
            Fault::Garbage => *response.body_mut() = body::full(vec![0xfe; self.text.len()]),
            Fault::ResetLate => {
                let connection = Some(session.connection.clone());
                *response.body_mut() = body::broken(self.text.as_bytes(), connection);
                let length = self.text.len().into();
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length);
            }
            Fault::TruncateBody => *response.body_mut() = body::full(half.to_vec()),
            Fault::Reset | Fault::WrongLength => {
                let reset = (fault == Fault::Reset).then(|| session.connection.clone());
                *response.body_mut() = body::broken(half, reset);
                let length = self.text.len().into();
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length);
            }
            _ => {}
        }
        response
    }
}

/// A request that passed the HTTP server and may be looked at by the API.
struct Parsed {
    formatter: Formatter,
    inquiry: Inquiry,
}

impl Parsed {
    async fn read(request: Request<Incoming>) -> Result<Self> {
        let method = request.method().as_str().to_owned();
        if !["GET", "POST", "PUT", "DELETE"].contains(&method.as_str()) {
            return Err(ApiError::bare(
                501,
                format!("method '{method}' not available"),
            ));
        }
        let headers = request.headers().clone();
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Err(ApiError::http(
                501,
                "chunked transfer encoding not supported",
            ));
        }
        let has_body = !request.body().is_end_stream();
        if has_body && (method == "GET" || method == "DELETE") {
            let text = format!("Unexpected content for method '{method}'");
            return Err(ApiError::http(501, text));
        }
        let (formatter, path) = formatter(request.uri().path())?;
        let query = request.uri().query().map(params::form).unwrap_or_default();
        let uploading = method == "POST" && takes_upload(&path) && multipart(&headers);
        let (mut given, upload) = if uploading {
            let kind = content_type(&headers).unwrap_or_default();
            match Upload::new(kind, request.into_body()) {
                Some(upload) => (Params::new(), Some(upload)),
                None => return Err(no_such_type(kind)),
            }
        } else {
            (body_params(&headers, has_body, request).await?, None)
        };
        given.extend(query);
        // Added by browsers against caching.
        given.remove("_dc");
        Ok(Parsed {
            formatter,
            inquiry: Inquiry {
                method,
                path,
                params: given,
                headers,
                upload,
            },
        })
    }
}

/// The formatter and the path below it.
fn formatter(path: &str) -> Result<(Formatter, String)> {
    // The path is unescaped as a whole: `%2F` is as good as `/`.
    let path = percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<_> = path.split('/').filter(|s| !s.is_empty()).collect();
    let ["api2", format, rest @ ..] = &segments[..] else {
        return Err(ApiError::http(500, format!("no such file '{path}'\n")));
    };
    let below = format!("/{}", rest.join("/"));
    match *format {
        "json" => Ok((Formatter::Json, below)),
        "extjs" => Ok((Formatter::ExtJs, below)),
        other => Err(ApiError::http(
            501,
            format!("no formatter for uri {below}, {other}"),
        )),
    }
}

/// Whether a path takes files.
fn takes_upload(path: &str) -> bool {
    path.starts_with("/nodes/") && path.ends_with("/upload")
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn multipart(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

fn no_such_type(kind: &str) -> ApiError {
    ApiError::http(
        506,
        format!("upload 'Content-Type '{kind}' not implemented"),
    )
}

async fn body_params(
    headers: &HeaderMap,
    has_body: bool,
    request: Request<Incoming>,
) -> Result<Params> {
    let kind = content_type(headers).map(|t| t.split(';').next().unwrap_or_default().trim());
    let posting = request.method() == "POST" || request.method() == "PUT";
    // An empty body is as good as none, but for JSON, where it is no JSON.
    let expects_json = posting && kind == Some("application/json");
    if !(has_body || expects_json) {
        return Ok(Params::new());
    }
    if !matches!(
        kind,
        None | Some("application/x-www-form-urlencoded" | "application/json")
    ) {
        return Err(no_such_type(kind.unwrap_or_default()));
    }
    let collected = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let bytes = collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|e| {
            if e.is::<LengthLimitError>() {
                ApiError::http(501, "for data too large")
            } else {
                ApiError::http(400, "bad request")
            }
        })?;
    match kind {
        Some("application/json") => params::json(&bytes),
        _ => Ok(params::form(&String::from_utf8_lossy(&bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formatter_is_the_second_part_of_the_path() {
        assert_eq!(formatter("/api2/json//version/").unwrap().1, "/version");
        assert_eq!(
            formatter("/api2/json/nodes/a/qemu%2F100").unwrap(),
            (Formatter::Json, "/nodes/a/qemu/100".into())
        );
        let text = |path| formatter(path).unwrap_err().text;
        assert_eq!(text("/api2/version"), "no formatter for uri /, version");
        assert_eq!(
            text("/api2/xml/version"),
            "no formatter for uri /version, xml"
        );
        assert_eq!(text("/nothing"), "no such file '/nothing'\n");
    }
}
