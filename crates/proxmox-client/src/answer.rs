//! Whether an answer is one, before it is decoded.

use homelab_core::{Error, ErrorKind, Result, Sent};

use crate::errors;
use crate::transport::Reply;

/// Refuses errors of the server and whatever is not JSON.
pub(crate) fn check(reply: &Reply) -> Result<()> {
    let start = reply.body.trim_start();
    if start.starts_with('<') {
        // Something stands in between, or this is another server altogether.
        let sent = match reply.status {
            502..=504 => Sent::Maybe,
            _ => Sent::Yes,
        };
        return Err(protocol(format!(
            "the answer is HTML, not JSON ({} {}): is this a Proxmox VE API?",
            reply.status, reply.reason
        ))
        .sent(sent));
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

/// What is in `data`, as JSON.
pub(crate) fn untyped(body: &str) -> Result<serde_json::Value> {
    let mut envelope: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body)
        .map_err(|e| protocol(format!("the answer cannot be decoded: {e}")).source(e))?;
    Ok(envelope.remove("data").unwrap_or_default())
}

/// The whole answer as a type.
pub(crate) fn decoded<T: serde::de::DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|e| protocol(format!("the answer cannot be decoded: {e}")).source(e))
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
    fn truncated_json_is_a_protocol_error() {
        let error = untyped("{\"data\":[1,2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
