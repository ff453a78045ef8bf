//! What the server's errors mean: one table.
//!
//! The status code says little here: nearly every refusal is a 500 whose
//! reason phrase is the text of an exception. The table goes by status and by
//! the stable parts of those texts, in order; the first row that fits decides.
//! Texts are never compared whole: they hold names, numbers and line ends.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, Retry, Sent};
use serde::Deserialize;

use ErrorKind::{
    AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied,
    Protocol, ResourceExhausted, Timeout, Unauthenticated, Unavailable, Unknown, Unsupported,
};

struct Row {
    /// 0 fits every status.
    status: u16,
    /// Lower-case parts that the text must all hold.
    holds: &'static [&'static str],
    kind: ErrorKind,
    sent: Sent,
    retry: Retry,
    /// What the server's words leave out.
    hint: Option<&'static str>,
}

const fn row(status: u16, holds: &'static [&'static str], kind: ErrorKind) -> Row {
    Row {
        status,
        holds,
        kind,
        sent: Sent::Yes,
        retry: Retry::Never,
        hint: None,
    }
}

impl Row {
    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    const fn sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    const fn again_after(mut self, seconds: u64) -> Self {
        self.retry = Retry::After(Duration::from_secs(seconds));
        self
    }
}

const TABLE: &[Row] = &[
    row(401, &[], Unauthenticated),
    row(403, &[], PermissionDenied),
    row(404, &[], NotFound),
    row(424, &[], FailedPrecondition),
    row(501, &["data too large"], ResourceExhausted),
    row(501, &[], Unsupported),
    row(506, &[], Protocol),
    // One node asked another. 595: no connection, so nothing was done. The
    // others: the request went out, and the work may still go on.
    row(595, &[], Unavailable)
        .sent(Sent::No)
        .again_after(5)
        .hint("the node that was asked cannot reach the node that it is about; nothing was executed"),
    row(596, &["timed out"], Timeout)
        .sent(Sent::Maybe)
        .hint("the work took longer than the server's own 30 seconds and may still go on"),
    // Two odd causes beside a node that went down: the daemon dies on an error
    // text that it cannot write (anything above U+00FF, such as the quotes with
    // which a guest agent reports a missing program), and a daemon that has
    // served its thousandth request takes a last one without running it.
    row(596, &["broken pipe"], Unavailable).sent(Sent::Maybe).hint(
        "the daemon hung up without an answer: the call failed with a text that it could not pass on (as when a guest has no such program), or it was never run; look before trying again",
    ),
    row(596, &["certificate verify failed"], Unavailable)
        .sent(Sent::No)
        .hint("the nodes do not trust each other's certificates; yours to the first node is fine"),
    row(596, &[], Unavailable).sent(Sent::Maybe),
    row(597, &[], Unavailable).sent(Sent::Maybe),
    row(598, &[], Unavailable).sent(Sent::Maybe),
    row(599, &[], Unavailable).sent(Sent::Maybe),
    // Never from the server itself, but from what people put before it.
    row(429, &[], ResourceExhausted).again_after(5),
    row(502, &[], Unavailable).sent(Sent::Maybe),
    row(503, &[], Unavailable).sent(Sent::Maybe),
    row(504, &[], Timeout).sent(Sent::Maybe),
    // No quorum, in its several disguises.
    row(0, &["no quorum"], FailedPrecondition).again_after(5),
    row(
        0,
        &["unable to open file '/etc/pve/", "permission denied"],
        FailedPrecondition,
    )
    .again_after(5)
    .hint("a node without quorum refuses writes like this"),
    row(0, &["(pmxcfs) not mounted"], Unavailable).again_after(5),
    row(0, &["ipcc_send_rec"], Unavailable).again_after(5),
    // Somebody else was faster.
    row(0, &["checksum mismatch (file change"], Conflict),
    row(0, &["detected modified configuration"], Conflict),
    // Locks.
    row(0, &[" is locked"], FailedPrecondition).again_after(10),
    row(0, &["can't lock file"], FailedPrecondition).again_after(3),
    row(0, &["got lock request timeout"], FailedPrecondition).again_after(3),
    row(0, &["protection mode enabled"], FailedPrecondition),
    // What only root@pam itself may do; a token of root is not root.
    row(0, &["only root "], PermissionDenied),
    row(0, &["user != root@pam"], PermissionDenied),
    row(0, &["allowed for root@pam"], PermissionDenied),
    row(0, &["for non-mapped devices"], PermissionDenied),
    row(0, &["for real devices"], PermissionDenied),
    row(0, &["permission check failed"], PermissionDenied),
    row(0, &["permission denied - "], PermissionDenied),
    // What is not there, and what is there already.
    row(0, &["no such"], NotFound),
    row(0, &["does not exist"], NotFound),
    row(0, &["hostname lookup '"], NotFound),
    row(0, &["' not found"], NotFound),
    row(0, &["no rule at position"], NotFound),
    row(0, &["not a known host"], NotFound),
    row(0, &["already exists"], AlreadyExists),
    row(0, &["already a pool member"], AlreadyExists),
    row(0, &["can't add existing"], AlreadyExists),
    row(0, &["already defined"], AlreadyExists),
    row(0, &["already used"], AlreadyExists),
    // States.
    row(0, &["not running"], FailedPrecondition),
    row(0, &["is running"], FailedPrecondition),
    row(0, &["already running"], FailedPrecondition),
    row(0, &["is paused"], FailedPrecondition),
    row(0, &["guest agent configured"], FailedPrecondition),
    row(0, &["if it's a template"], FailedPrecondition),
    row(0, &["used in ha resources"], FailedPrecondition),
    row(0, &["ha groups have been migrated"], FailedPrecondition)
        .hint("from release 9.0 on, node affinity is said in HA rules"),
    row(0, &["not initialized"], FailedPrecondition),
    row(0, &["is not enabled"], FailedPrecondition),
    row(0, &["is disabled"], FailedPrecondition),
    row(0, &["is not empty"], FailedPrecondition),
    row(0, &["is used by"], FailedPrecondition),
    row(0, &["not installed"], FailedPrecondition),
    row(0, &["is not online"], FailedPrecondition),
    row(0, &["belongs already to pool"], FailedPrecondition),
    row(0, &["uses local storage"], FailedPrecondition),
    row(0, &["could not acquire lock"], FailedPrecondition).again_after(3),
    row(0, &["invalid lock token"], FailedPrecondition)
        .hint("the SDN configuration is locked: give the lock's token, or unlock it"),
    row(0, &["storage '", "does not support '"], FailedPrecondition),
    row(0, &["no space left"], ResourceExhausted),
    row(0, &["got timeout"], Timeout).sent(Sent::Yes),
    row(0, &["timed out"], Timeout).sent(Sent::Yes),
    // Parameters; a 500 may hold a 400 within.
    row(400, &[], InvalidArgument),
    row(0, &["400 parameter verification failed"], InvalidArgument),
    row(0, &["malformed json"], InvalidArgument),
    row(0, &["missing value for required option"], InvalidArgument),
    row(0, &["does not look like a valid"], InvalidArgument),
    row(0, &["invalid"], InvalidArgument),
    row(0, &["unable to parse"], InvalidArgument),
    row(0, &["is too short"], InvalidArgument),
    row(0, &["not supported"], Unsupported),
    row(0, &["not implemented"], Unsupported),
    row(0, &["unsupported"], Unsupported),
    row(500, &[], Unknown),
];

/// The body of an error, as far as it is JSON.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    errors: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Whether it was silence, of the server or of what stands in between, that may
/// be over soon: who waits for something looks again.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// The error that an answer with a status outside 200..299 means.
pub(crate) fn from_answer(status: u16, reason: &str, body: &str) -> Error {
    let parsed: Body = serde_json::from_str(body).unwrap_or_default();
    let errors = parsed.errors.unwrap_or_default();
    let mut message = parsed
        .message
        .as_deref()
        .map(tidy)
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| tidy(reason));
    // The server's sentence stays whole; the parameters' own follow in brackets.
    if !errors.is_empty() {
        let texts: Vec<String> = errors
            .iter()
            .map(|(parameter, text)| {
                let text = text.as_str().map_or_else(|| text.to_string(), tidy);
                format!("{}: {text}", tidy(parameter))
            })
            .collect();
        message = format!("{message} ({})", texts.join("; "));
    }
    if message.is_empty() {
        message = match status {
            300..=399 => "the server redirects elsewhere: is this its API port?".to_owned(),
            _ => format!("the server answered {status} without a word"),
        };
    }
    shorten(&mut message);
    let lower = message.to_lowercase();
    let row = TABLE.iter().find(|row| {
        (row.status == 0 || row.status == status)
            && row.holds.iter().all(|part| lower.contains(part))
    });
    let (kind, sent, retry, hint) = match row {
        Some(row) => (row.kind, row.sent, row.retry, row.hint),
        None if status < 400 => (Protocol, Sent::Yes, Retry::Never, None),
        None => (Unknown, Sent::Yes, Retry::Never, None),
    };
    let error = Error::new(kind, message)
        .sent(sent)
        .retry(retry)
        .status(format!("{status} {}", tidy(reason)).trim_end().to_owned());
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// No text of the server's is longer than this, apart from those that went
/// wrong: a whole answer must not travel on inside an error.
const LONGEST_TEXT: usize = 16 << 10;

fn shorten(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        let mut end = LONGEST_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

/// One line: line ends inside become `; `.
fn tidy(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, reason: &str) -> ErrorKind {
        from_answer(status, reason, "").kind()
    }

    #[test]
    fn texts_decide_where_the_status_says_nothing() {
        for (status, reason, expected) in [
            (401, "No ticket", Unauthenticated),
            (
                401,
                "Permission denied - invalid csrf token",
                Unauthenticated,
            ),
            (
                403,
                "Permission check failed (/vms/100, VM.PowerMgmt)",
                PermissionDenied,
            ),
            (
                500,
                "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist",
                NotFound,
            ),
            (500, "storage 'x' does not exist", NotFound),
            (
                500,
                "hostname lookup 'x' failed - failed to get address info for: x: Name or service not known",
                NotFound,
            ),
            (
                500,
                "unable to create VM 100 - VM 100 already exists on node 'pve1'",
                AlreadyExists,
            ),
            (500, "cluster not ready - no quorum?", FailedPrecondition),
            (
                500,
                "unable to open file '/etc/pve/nodes/c1/qemu-server/1.conf.tmp' - Permission denied",
                FailedPrecondition,
            ),
            (500, "VM is locked (backup)", FailedPrecondition),
            (
                500,
                "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
                FailedPrecondition,
            ),
            (
                500,
                "checksum mismatch (file change by other user?)",
                Conflict,
            ),
            (500, "only root can set 'args' config", PermissionDenied),
            (500, "VM 100 not running", FailedPrecondition),
            (500, "something else entirely", Unknown),
            (501, "Method 'GET /x' not implemented", Unsupported),
            (501, "for data too large", ResourceExhausted),
            (301, "Moved", Protocol),
        ] {
            assert_eq!(kind(status, reason), expected, "{status} {reason}");
        }
    }

    #[test]
    fn relay_errors_tell_whether_the_work_may_go_on() {
        let refused = from_answer(595, "No route to host", "");
        assert_eq!(
            (refused.kind(), refused.was_sent()),
            (Unavailable, Sent::No)
        );
        assert!(refused.is_retryable());
        let silent = from_answer(596, "Connection timed out", "");
        assert_eq!((silent.kind(), silent.was_sent()), (Timeout, Sent::Maybe));
        assert!(!silent.is_retryable());
        let hung_up = from_answer(596, "Broken pipe", "");
        assert_eq!(
            (hung_up.kind(), hung_up.was_sent()),
            (Unavailable, Sent::Maybe)
        );
        for (error, words) in [
            (refused, "nothing was executed"),
            (silent, "may still go on"),
            (hung_up, "look before trying again"),
        ] {
            assert!(error.message().contains(words), "{error}");
        }
    }

    #[test]
    fn parameter_errors_are_named() {
        let error = from_answer(
            400,
            "Parameter verification failed.",
            r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"type check ('integer') failed - got 'x'\n"}}"#,
        );
        assert_eq!(error.kind(), InvalidArgument);
        assert_eq!(
            error.message(),
            "Parameter verification failed. (vmid: type check ('integer') failed - got 'x')"
        );
        let inside = from_answer(
            500,
            "400 Parameter verification failed.",
            r#"{"data":null,"message":"400 Parameter verification failed.\nid: No such job 'x'\n"}"#,
        );
        assert_eq!(inside.kind(), NotFound);
        assert!(inside.message().ends_with("id: No such job 'x'"));
        assert_eq!(
            inside.status_text(),
            Some("500 400 Parameter verification failed.")
        );
    }

    #[test]
    fn a_missing_task_is_not_found() {
        let body = r#"{"data":null,"errors":{"upid":"no such task"}}"#;
        let error = from_answer(400, "Parameter verification failed.", body);
        assert_eq!(error.kind(), NotFound);
    }
}
