//! UPIDs: the names of tasks,
//! `UPID:node:pid:pstart:starttime:type:id:user:` with hexadecimal numbers.

use std::fmt;

/// The parts of a UPID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upid {
    pub(super) node: String,
    pub(super) pid: u32,
    /// Process start in clock ticks; needs more than 32 bits after 497 days.
    pub(super) pstart: u64,
    /// Start in Unix seconds.
    pub(super) starttime: u64,
    pub(super) kind: String,
    pub(super) id: String,
    /// Who asked for it: `root@pam` or `root@pam!token`.
    pub(super) user: String,
}

impl Upid {
    /// Takes a UPID apart; `None` when it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let ["UPID", node, pid, pstart, starttime, kind, id, user, ""] = parts[..] else {
            return None;
        };
        let hex = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            (lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()))
                .then(|| u64::from_str_radix(text, 16).ok())
                .flatten()
        };
        let name = !node.is_empty() && node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (name && !kind.is_empty() && !user.is_empty()).then_some(())?;
        Some(Upid {
            node: node.into(),
            pid: u32::try_from(hex(pid, 8..=8)?).ok()?,
            pstart: hex(pstart, 8..=9)?,
            starttime: hex(starttime, 8..=8)?,
            kind: kind.into(),
            id: id.into(),
            user: user.into(),
        })
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upid {
            node,
            pid,
            pstart,
            starttime,
            kind,
            id,
            user,
        } = self;
        write!(
            f,
            "UPID:{node}:{pid:08X}:{pstart:08X}:{starttime:08X}:{kind}:{id}:{user}:"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = "UPID:c1:00006A23:000B2BDA:6B03441B:qmstart:121:root@pam!full:";
        let upid = Upid::parse(text).unwrap();
        assert_eq!((upid.pid, upid.pstart), (27171, 732_122));
        assert_eq!(upid.starttime, 1_795_376_155);
        assert_eq!(upid.to_string(), text);
    }

    #[test]
    fn refuses_what_is_not_one() {
        for text in [
            "",
            "UPID:a:1:2:3:t:i:u:",
            "UPID:a:0000000g:00000000:00000000:t::u:",
            "x",
        ] {
            assert_eq!(Upid::parse(text), None, "{text}");
        }
    }
}
