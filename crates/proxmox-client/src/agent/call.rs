//! One command. It fails in two ways: as an HTTP error when the server could
//! not ask, or inside a good answer when the agent said no.

use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_endpoints::{Method, Params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Agent;

/// How errors name these calls.
const OPERATION: &str = "guest agent";

/// Whether a guest's agent can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentAvailability {
    /// It answers.
    Ready,
    /// The guest's configuration has no `agent`: set `agent: 1` and start the
    /// guest anew.
    NotConfigured,
    /// The guest runs, but nothing answers in it: still booting, no agent
    /// installed (Talos needs the extension `qemu-guest-agent`), or paused.
    NotRunning,
    /// The guest does not run.
    GuestStopped,
}

impl AgentAvailability {
    /// What an error of any agent call says about the agent; `None` when it is
    /// about something else.
    pub fn of(error: &Error) -> Option<Self> {
        if error.kind() != ErrorKind::FailedPrecondition {
            return None;
        }
        // The server's texts: "No QEMU guest agent configured", "QEMU guest
        // agent is not running", "VM 100 is not running".
        let text = error.message().to_ascii_lowercase();
        if text.contains("no qemu guest agent configured") {
            Some(AgentAvailability::NotConfigured)
        } else if text.contains("guest agent is not running") {
            Some(AgentAvailability::NotRunning)
        } else if text.starts_with("vm ") && text.contains("not running") {
            Some(AgentAvailability::GuestStopped)
        } else {
            None
        }
    }
}

impl Agent {
    /// A command that reads.
    pub(super) async fn get<T: DeserializeOwned>(&self, command: &str) -> Result<T> {
        unwrapped(self.raw(Method::Get, command, &Params::new()).await?)
    }

    /// A command without arguments that does something.
    pub(super) async fn post<T: DeserializeOwned>(&self, command: &str) -> Result<T> {
        unwrapped(self.raw(Method::Post, command, &Params::new()).await?)
    }

    /// The answer as it is.
    pub(super) async fn raw(
        &self,
        method: Method,
        command: &str,
        params: &Params,
    ) -> Result<Value> {
        let path = format!("{}/agent/{command}", self.guest.base(OPERATION)?);
        let name = || format!("guest agent {command}");
        let client = self.guest.client();
        let answer: Result<Value> = client.call("", method, &path, params).await;
        answer.map_err(|error| {
            let told = error.message();
            let told = told.strip_prefix("Agent error: ").unwrap_or(told);
            let kind = match error.kind() {
                // The agent's own texts say more than the server's status.
                ErrorKind::Unknown if told.contains("No such file") => ErrorKind::NotFound,
                ErrorKind::Unknown | ErrorKind::FailedPrecondition
                    if told.contains("has been disabled") =>
                {
                    ErrorKind::Unsupported
                }
                ErrorKind::Unknown if told.contains("denied") => ErrorKind::PermissionDenied,
                kind => kind,
            };
            let mut same = Error::new(kind, told)
                .sent(error.was_sent())
                .retry(error.retry_advice())
                .operation(name())
                .target(format!("guest {}", self.guest.vmid()));
            if let Some(status) = error.status_text() {
                same = same.status(status.to_owned());
            }
            same.source(error)
        })
    }
}

/// What is in `result`, or the error that is there instead.
pub(crate) fn unwrapped<T: DeserializeOwned>(answer: Value) -> Result<T> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Told,
    }
    #[derive(Deserialize)]
    struct Told {
        #[serde(default)]
        class: String,
        #[serde(default)]
        desc: String,
    }
    let inner = match answer {
        Value::Object(mut object) => match object.remove("result") {
            Some(result) => result,
            None => Value::Object(object),
        },
        other => other,
    };
    if let Ok(Refusal { error }) = Refusal::deserialize(&inner) {
        let kind = match error.class.as_str() {
            "CommandNotFound" => ErrorKind::Unsupported,
            _ => ErrorKind::Unknown,
        };
        let text = if error.desc.is_empty() {
            format!("the agent refused: {}", error.class)
        } else {
            error.desc
        };
        return Err(Error::new(kind, text).sent(Sent::Yes).operation(OPERATION));
    }
    serde_json::from_value(inner).map_err(|e| {
        Error::new(
            ErrorKind::Protocol,
            format!("the agent's answer cannot be decoded: {e}"),
        )
        .operation(OPERATION)
        .source(e)
    })
}

/// Bytes as this API shows them: one character for each, U+0000 to U+00FF.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            // Not how this server does it; then it is text already.
            Err(_) => return text.as_bytes().to_vec(),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_a_good_answer_is_one() {
        let refused = serde_json::json!({"result": {"error": {
            "desc": "Command guest-network-get-interfaces has been disabled: the command is not allowed",
            "class": "CommandNotFound",
        }}});
        let error = unwrapped::<Value>(refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let good = serde_json::json!({"result": 1});
        assert_eq!(unwrapped::<u32>(good).unwrap(), 1);
    }

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        use AgentAvailability::{GuestStopped, NotConfigured, NotRunning};

        let of = |text: &str| {
            let body = format!("{{\"data\":null,\"message\":\"{text}\\n\"}}");
            AgentAvailability::of(&crate::errors::from_answer(500, text, &body))
        };
        assert_eq!(of("No QEMU guest agent configured"), Some(NotConfigured));
        assert_eq!(of("QEMU guest agent is not running"), Some(NotRunning));
        assert_eq!(of("VM 900 is not running"), Some(GuestStopped));
        assert_eq!(of("VM is locked (backup)"), None);
    }

    #[test]
    fn bytes_come_as_characters() {
        assert_eq!(bytes_of("w\u{c3}\u{b6}rld"), "wörld".as_bytes());
        assert_eq!(bytes_of("\u{2}\u{ff}"), [2, 255]);
        assert_eq!(bytes_of("→"), "→".as_bytes());
    }
}
