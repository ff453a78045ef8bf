//! Whether an answer is one, before it is decoded.

use std::fmt;

use homelab_core::{Error, ErrorKind, Result, Sent};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::errors;
use crate::transport::Reply;

/// Refuses errors of the server and whatever is not JSON.
pub(crate) fn check(reply: &Reply) -> Result<()> {
    let start = reply.body.trim_start();
    if start.starts_with('<') {
        return Err(page(reply.status, &reply.reason));
    }
    if !(200..300).contains(&reply.status) {
        return Err(errors::from_answer(
            reply.status,
            &reply.reason,
            &reply.body,
        ));
    }
    if start.is_empty() {
        return Err(protocol("the answer is empty"));
    }
    if !start.starts_with('{') {
        return Err(protocol(
            "the answer is text, not JSON: is this a Proxmox VE API?",
        ));
    }
    Ok(())
}

/// The error of an answer that is a page: something stands in between, or this
/// is another server altogether.
pub(crate) fn page(status: u16, reason: &str) -> Error {
    let told = format!("{status} {reason}");
    let told = told.trim_end();
    // A proxy's word that the server behind it is away, or that it is asked
    // too much: that passes, and means the same without a page.
    if matches!(status, 429 | 502..=504) {
        let row = errors::from_answer(status, reason, "");
        let text = format!(
            "the answer is HTML, not JSON ({told}): it comes from a proxy in front of the API, which did not get one either"
        );
        return Error::new(row.kind(), text)
            .sent(row.was_sent())
            .retry(row.retry_advice())
            .status(told);
    }
    protocol(format!(
        "the answer is HTML, not JSON ({told}): is this a Proxmox VE API?"
    ))
    .sent(Sent::Yes)
}

/// What is in `data`, as JSON. A name that occurs twice in one object is an
/// error, as it is for typed answers.
pub(crate) fn untyped(body: &str) -> Result<Value> {
    let Strict(envelope) = serde_json::from_str(body)
        .map_err(|e| protocol(format!("the answer cannot be decoded: {e}")).source(e))?;
    match envelope {
        Value::Object(mut envelope) => Ok(envelope.remove("data").unwrap_or_default()),
        _ => Err(protocol("the answer is no JSON object")),
    }
}

/// JSON without repeated names; [`Value`] alone would keep the last one.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message).sent(Sent::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(status: u16, body: &str) -> Result<()> {
        check(&Reply {
            status,
            reason: String::new(),
            body: body.to_owned(),
            target: String::new(),
        })
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        assert!(checked(200, "{\"data\":1}").is_ok());
        for (body, word) in [("", "empty"), ("<html>", "HTML"), ("hello", "text")] {
            let error = checked(200, body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.message().contains(word), "{error}");
        }
    }

    #[test]
    fn a_proxys_page_means_what_its_status_does() {
        for (status, kind, sent) in [
            (429, ErrorKind::ResourceExhausted, Sent::Yes),
            (502, ErrorKind::Unavailable, Sent::Maybe),
            (503, ErrorKind::Unavailable, Sent::Maybe),
            (504, ErrorKind::Timeout, Sent::Maybe),
            (500, ErrorKind::Protocol, Sent::Yes),
            (404, ErrorKind::Protocol, Sent::Yes),
        ] {
            let error = checked(status, "<html><h1>sorry</h1>").unwrap_err();
            assert_eq!((error.kind(), error.was_sent()), (kind, sent), "{error}");
            assert!(error.message().contains("HTML, not JSON"), "{error}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_a_protocol_error() {
        let error = untyped(r#"{"data":{"a":1,"b":[{"c":1,"c":2}]}}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.message().contains("duplicate field `c`"), "{error}");
        let data = untyped(r#"{"data":[null,true,-1,1.5,"x",{"a":{}}],"total":6}"#).unwrap();
        assert_eq!(
            data,
            serde_json::json!([null, true, -1, 1.5, "x", {"a": {}}])
        );
    }

    #[test]
    fn truncated_json_is_a_protocol_error() {
        let error = untyped("{\"data\":[1,2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
