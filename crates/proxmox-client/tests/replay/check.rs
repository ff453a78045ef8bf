//! Whether a replayed exchange is the recorded one.

use homelab_core::{Error, ErrorKind, Sent};
use serde_json::Value;

use crate::recording::{Auth, Exchange, Plan};
use crate::support::{Request, decoded};

fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// Method, path, decoded parameters, form of authentication.
pub(crate) fn same_request(plan: &Plan, request: &Request) -> Result<(), String> {
    if request.method != plan.method.as_str() {
        return Err(format!(
            "sent {} instead of {}",
            request.method, plan.method
        ));
    }
    if unescaped(request.path()) != unescaped(&plan.path) {
        return Err(format!(
            "sent path {} instead of {}",
            request.path(),
            plan.path
        ));
    }
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let mut sent = decoded(query);
    sent.extend(decoded(&request.body));
    let mut wanted = plan.params.clone();
    sent.sort();
    wanted.sort();
    let call = proxmox_endpoints::route(plan.method, &plan.path).map(|(call, _)| call);
    let mut meant: [Vec<(String, String)>; 2] = [&sent, &wanted].map(|params| {
        params
            .iter()
            .map(|(name, value)| (name.clone(), meaning(call, name, value)))
            .collect()
    });
    for params in &mut meant {
        params.sort();
    }
    if meant[0] != meant[1] {
        return Err(format!("sent parameters {sent:?} instead of {wanted:?}"));
    }
    let (token, cookie) = (request.header("authorization"), request.header("cookie"));
    let same = match &plan.auth {
        Auth::Nobody => token.is_none() && cookie.is_none(),
        Auth::Token { id, secret } => {
            token == Some(&*format!("PVEAPIToken={id}={secret}")) && cookie.is_none()
        }
        Auth::Ticket { ticket, csrf } => {
            let csrf_sent = request.header("csrfpreventiontoken");
            let reads = request.method == "GET";
            cookie.map(unescaped) == Some(format!("PVEAuthCookie={ticket}"))
                && (reads || csrf_sent == csrf.as_deref())
        }
    };
    if same {
        Ok(())
    } else {
        Err("sent another form of authentication".to_owned())
    }
}

/// A value so that two spellings of one meaning are the same text: property
/// strings, lists and numbers are compared parsed.
fn meaning(call: Option<&proxmox_endpoints::Call>, name: &str, value: &str) -> String {
    use proxmox_endpoints::describe::{Kind, Shape};

    let Some(param) = call.and_then(|call| call.param(name)) else {
        return value.to_owned();
    };
    if let Some(Ok(printed)) = param
        .format
        .and_then(|format| proxmox_endpoints::reprinted(format, value))
    {
        let mut parts: Vec<&str> = printed.split(',').collect();
        parts.sort_unstable();
        return parts.join(",");
    }
    match (param.kind, param.shape) {
        (_, Shape::List) => proxmox_endpoints::params::split_list(value).join(","),
        (Kind::Integer | Kind::Number, _) => value
            .parse::<f64>()
            .map_or_else(|_| value.to_owned(), |number| number.to_string()),
        (Kind::Boolean, _) => value.replace("true", "1").replace("false", "0"),
        _ => value.to_owned(),
    }
}

/// The recorded data, or an error of the right kind with the server's words.
/// The data is compared where it was asked for as JSON.
pub(crate) fn same_answer(
    exchange: &Exchange,
    result: &Result<Option<Value>, Error>,
) -> Result<(), String> {
    let body: Option<Value> = serde_json::from_str(exchange.body()).ok();
    match (exchange.succeeded(), result) {
        (true, Ok(data)) => match (data, body.as_ref().and_then(|body| body.get("data"))) {
            (Some(got), Some(wanted)) if got != wanted => Err("other data".to_owned()),
            _ => Ok(()),
        },
        // Downloads are text: as an answer to a call they break the protocol.
        (true, Err(error)) if body.is_none() && error.kind() == ErrorKind::Protocol => Ok(()),
        (true, Err(error)) => Err(format!("the server answered, the client failed: {error}")),
        (false, Ok(_)) => Err(format!("{} passed as an answer", exchange.status())),
        (false, Err(error)) => {
            words(exchange, body.as_ref(), error)?;
            kind(exchange, error)
        }
    }
}

/// The first line of what the server said, and of each parameter's error.
fn words(exchange: &Exchange, body: Option<&Value>, error: &Error) -> Result<(), String> {
    let first_line = |text: &str| text.lines().next().unwrap_or("").trim().to_owned();
    let mut wanted = Vec::new();
    let message = body
        .and_then(|body| body.get("message"))
        .and_then(Value::as_str);
    wanted.push(first_line(message.unwrap_or(exchange.reason())));
    if let Some(errors) = body
        .and_then(|body| body.get("errors"))
        .and_then(Value::as_object)
    {
        for (parameter, text) in errors {
            wanted.push(parameter.clone());
            wanted.push(first_line(text.as_str().unwrap_or_default()));
        }
    }
    let said = error.to_string();
    match wanted.iter().find(|words| !said.contains(words.as_str())) {
        Some(words) => Err(format!(
            "the error lacks the server's words `{words}`: {said}"
        )),
        None => Ok(()),
    }
}

/// Kinds by status, and for the texts that are stable enough to be sure of.
fn kind(exchange: &Exchange, error: &Error) -> Result<(), String> {
    use ErrorKind::{
        AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied,
        ResourceExhausted, Timeout, Unauthenticated, Unavailable, Unsupported,
    };
    let text = exchange.reason().to_lowercase();
    let about_parameters: &[ErrorKind] = &[
        InvalidArgument,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        PermissionDenied,
    ];
    let by_text: [(&str, ErrorKind); 9] = [
        ("no quorum", FailedPrecondition),
        ("checksum mismatch (file", Conflict),
        ("detected modified configuration", Conflict),
        ("is locked", FailedPrecondition),
        ("got lock request timeout", FailedPrecondition),
        ("only root can set", PermissionDenied),
        ("hostname lookup '", NotFound),
        (".conf' does not exist", NotFound),
        ("already exists on node", AlreadyExists),
    ];
    let allowed: Vec<ErrorKind> = match exchange.status() {
        400 => about_parameters.to_vec(),
        401 => vec![Unauthenticated],
        403 => vec![PermissionDenied],
        404 => vec![NotFound],
        424 => vec![FailedPrecondition],
        501 => vec![Unsupported, ResourceExhausted],
        595 => vec![Unavailable],
        596..=599 => vec![Timeout, Unavailable],
        500 if text.starts_with("400 ") => about_parameters.to_vec(),
        _ => by_text
            .iter()
            .find(|(part, _)| text.contains(part))
            .map(|(_, kind)| vec![*kind])
            .unwrap_or_default(),
    };
    if !allowed.is_empty() && !allowed.contains(&error.kind()) {
        return Err(format!(
            "kind {} where {allowed:?} would be right: {error}",
            error.kind()
        ));
    }
    let sent = match exchange.status() {
        595 => Sent::No,
        596..=599 => Sent::Maybe,
        _ => Sent::Yes,
    };
    if error.was_sent() == sent {
        Ok(())
    } else {
        Err(format!(
            "says {:?} where {sent:?} would be right: {error}",
            error.was_sent()
        ))
    }
}
