//! Times as text.

use jiff::Timestamp;

/// RFC 3339; `None` for an impossible time.
pub(crate) fn rfc3339(time: &prost_types::Timestamp) -> Option<String> {
    Timestamp::new(time.seconds, time.nanos)
        .ok()
        .map(|t| t.to_string())
}

/// RFC 3339 of seconds since 1970; empty for an impossible time.
pub(crate) fn rfc3339_seconds(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|s| Timestamp::from_second(s).ok())
        .map(|t| t.to_string())
        .unwrap_or_default()
}
