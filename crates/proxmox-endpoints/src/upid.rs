//! [`Upid`]: the name of a task.

use std::fmt;
use std::str::FromStr;

use homelab_core::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::params::{ParamValue, refused};

/// The name of a task, which says where and when it was started, and by whom.
///
/// `UPID:pve1:00006630:000B04E8:6B0343B7:imgcopy:100:root@pam!token:` is the
/// node, the process id, the start of the process in clock ticks since the
/// boot of the host, the start in seconds since 1970 (three hexadecimal
/// numbers), the type, what it is about, and the user or token.
///
/// ```
/// use proxmox_endpoints::Upid;
///
/// let upid: Upid = "UPID:pve1:00001A2B:0010ABCD:6B0343B7:qmstart:100:root@pam!ci:".parse()?;
/// assert_eq!((upid.node(), upid.kind(), upid.subject()), ("pve1", "qmstart", "100"));
/// assert_eq!((upid.user(), upid.token()), ("root@pam", Some("ci")));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Upid {
    text: String,
    /// Where in `text` each field ends; fields start one past the previous end.
    ends: [usize; 8],
}

impl Upid {
    /// Builds the name of a task. `process_ticks` needs more than 32 bits on
    /// hosts that are up for more than 497 days.
    ///
    /// # Errors
    /// `InvalidArgument` when a text holds what the form does not allow.
    pub fn new(
        node: &str,
        process: u32,
        process_ticks: u64,
        started_epoch: u32,
        kind: &str,
        subject: &str,
        user: &str,
    ) -> Result<Self, Error> {
        format!(
            "UPID:{node}:{process:08X}:{process_ticks:08X}:{started_epoch:08X}:{kind}:{subject}:{user}:"
        )
        .parse()
    }

    fn field(&self, at: usize) -> &str {
        let start = at
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |end| end + 1);
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The node that runs the task, and the only one that can tell about it.
    pub fn node(&self) -> &str {
        self.field(1)
    }

    /// The process id on that node.
    pub fn process(&self) -> u32 {
        u32::from_str_radix(self.field(2), 16).unwrap_or_default()
    }

    /// When that process started, in clock ticks (1/100 s) since the host booted.
    pub fn process_ticks(&self) -> u64 {
        u64::from_str_radix(self.field(3), 16).unwrap_or_default()
    }

    /// When the task started, in seconds since 1970.
    pub fn started_epoch(&self) -> u32 {
        u32::from_str_radix(self.field(4), 16).unwrap_or_default()
    }

    /// When the task started, as RFC 3339.
    pub fn started_at(&self) -> String {
        crate::time::rfc3339(self.started_epoch().into()).unwrap_or_default()
    }

    /// What kind of task: `qmstart`, `vzdump`, `imgcopy`, …
    pub fn kind(&self) -> &str {
        self.field(5)
    }

    /// What it is about: a guest id, a service, an escaped file name, or empty.
    pub fn subject(&self) -> &str {
        self.field(6)
    }

    /// The user, without the token: `root@pam`.
    pub fn user(&self) -> &str {
        let who = self.field(7);
        who.split_once('!').map_or(who, |(user, _)| user)
    }

    /// The token's name, when a token started it.
    pub fn token(&self) -> Option<&str> {
        self.field(7).split_once('!').map(|(_, token)| token)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Upid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| refused("upid", format!("'{text}' is not a UPID: {why}"));
        let parts: Vec<&str> = text.split(':').collect();
        let [
            prefix,
            node,
            process,
            ticks,
            started,
            kind,
            subject,
            user,
            last,
        ] = parts.as_slice()
        else {
            return Err(bad("it needs nine parts between colons"));
        };
        if *prefix != "UPID" || !last.is_empty() {
            return Err(bad("it starts with 'UPID:' and ends with ':'"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric();
        if node.is_empty()
            || !node.bytes().all(|b| plain(b) || b == b'-')
            || node.starts_with('-')
            || node.ends_with('-')
        {
            return Err(bad("the second part is a node name"));
        }
        let hex = |text: &str, long: bool| {
            (text.len() == 8 || (long && text.len() == 9))
                && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        if !hex(process, false) || !hex(ticks, true) || !hex(started, false) {
            return Err(bad(
                "parts three to five are hexadecimal numbers of eight digits",
            ));
        }
        let word = |text: &str| !text.chars().any(|c| c.is_whitespace() || c == '/');
        if kind.is_empty() || user.is_empty() || !word(kind) || !word(subject) || !word(user) {
            return Err(bad("type, subject and user hold no blanks and no slashes"));
        }
        let mut ends = [0; 8];
        let mut end = 0;
        for (slot, part) in ends.iter_mut().zip(&parts) {
            end += part.len();
            *slot = end;
            end += 1;
        }
        Ok(Upid {
            text: text.to_owned(),
            ends,
        })
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Upid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Upid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Upid {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Upid".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

impl ParamValue for Upid {
    fn to_text(&self) -> std::borrow::Cow<'_, str> {
        std::borrow::Cow::Borrowed(&self.text)
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_a_server_sends() {
        let upid: Upid = "UPID:c1:00004FF6:000A6B20:6B03422D:bulk-shutdown::root@pam!full:"
            .parse()
            .unwrap();
        assert_eq!(upid.node(), "c1");
        assert_eq!(upid.process(), 20470);
        assert_eq!(upid.process_ticks(), 682_784);
        assert_eq!(upid.started_epoch(), 1_795_375_661);
        assert_eq!((upid.kind(), upid.subject()), ("bulk-shutdown", ""));
        assert_eq!((upid.user(), upid.token()), ("root@pam", Some("full")));
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "OK",
            "UPID:",
            "UPID:c1:00004FF6:000A6B20:6B03422D:qmstart:100:root@pam",
            "UPID:c1:4FF6:000A6B20:6B03422D:qmstart:100:root@pam:",
            "UPID:-c1:00004FF6:000A6B20:6B03422D:qmstart:100:root@pam:",
            "UPID:c1:00004FF6:000A6B20:6B03422D::100:root@pam:",
            "UPID:c1:00004FF6:000A6B20:6B03422D:qmstart:1/0:root@pam:",
        ] {
            assert!(text.parse::<Upid>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(
            node in "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?",
            pid: u32,
            ticks in 0u64..0xF_FFFF_FFFF,
            start: u32,
            kind in "[a-z]{1,12}",
            subject in "[a-z0-9@%.]{0,12}",
            user in "[a-z]{1,8}@[a-z]{1,8}(![a-z]{1,8})?",
        ) {
            let upid = Upid::new(&node, pid, ticks, start, &kind, &subject, &user).unwrap();
            let again: Upid = upid.to_string().parse().unwrap();
            prop_assert_eq!(&again, &upid);
            prop_assert_eq!(again.node(), node);
            prop_assert_eq!(again.process_ticks(), ticks);
            prop_assert_eq!(again.kind(), kind);
            prop_assert_eq!(again.subject(), subject);
        }

        #[test]
        fn never_panics(text in "(UPID:)?.{0,80}") {
            let _ = text.parse::<Upid>();
        }
    }
}
