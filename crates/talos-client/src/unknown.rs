//! What `UNKNOWN` means. Most handlers of Talos pass plain errors on, without a
//! code of their own: their words are the only thing that tells them apart.

use homelab_core::{ErrorKind, Retry};
use std::time::Duration;

/// The pause before etcd has a leader again.
const ELECTION: Retry = Retry::After(Duration::from_secs(1));

/// Words, what they mean, and whether another try makes sense. The first that
/// occur in a message decide; those of etcd, Go and Linux are all in lower case.
const WORDS: &[(&str, ErrorKind, Retry)] = {
    use ErrorKind as K;
    use Retry::Never;
    &[
        // Talos about etcd: what follows it is the reason, and not what is wrong
        (
            "error validating etcd for upgrade",
            K::FailedPrecondition,
            Never,
        ),
        (
            "failed to acquire upgrade mutex",
            K::FailedPrecondition,
            Never,
        ),
        (
            "no controlplane endpoints discovered",
            K::FailedPrecondition,
            ELECTION,
        ),
        // etcd
        ("etcdserver: member not found", K::NotFound, Never),
        ("etcdserver: no leader", K::FailedPrecondition, ELECTION),
        (
            "etcdserver: leader changed",
            K::FailedPrecondition,
            ELECTION,
        ),
        ("etcdserver: not leader", K::FailedPrecondition, ELECTION),
        (
            "etcdserver: unhealthy cluster",
            K::FailedPrecondition,
            Never,
        ),
        ("not enough started members", K::FailedPrecondition, Never),
        ("etcdserver: server stopped", K::Unavailable, ELECTION),
        ("etcdserver: request timed out", K::Timeout, Never),
        (
            "etcdserver: too many requests",
            K::ResourceExhausted,
            ELECTION,
        ),
        ("database space exceeded", K::ResourceExhausted, Never),
        ("not supported for learner", K::FailedPrecondition, Never),
        (
            "invalid downgrade target version",
            K::InvalidArgument,
            Never,
        ),
        ("wrong downgrade target version", K::InvalidArgument, Never),
        ("ongoing downgrade job", K::FailedPrecondition, Never),
        ("no inflight downgrade job", K::FailedPrecondition, Never),
        ("only one member", K::FailedPrecondition, Never),
        // Talos
        ("reset failed: invalid input", K::InvalidArgument, Never),
        ("doesn't support", K::Unsupported, Never),
        ("can't be generated on worker nodes", K::Unsupported, Never),
        ("must be a regular file", K::InvalidArgument, Never),
        ("path is not absolute", K::InvalidArgument, Never),
        ("error parsing tail_id", K::InvalidArgument, Never),
        (
            "can't be specified at the same time",
            K::InvalidArgument,
            Never,
        ),
        (
            "supported only for k8s namespace",
            K::InvalidArgument,
            Never,
        ),
        ("unsupported driver", K::InvalidArgument, Never),
        ("is the system disk", K::InvalidArgument, Never),
        ("wasn't found", K::NotFound, Never),
        ("not defined", K::NotFound, Never),
        ("is not located", K::FailedPrecondition, Never),
        ("is readonly", K::FailedPrecondition, Never),
        ("already in progress", K::FailedPrecondition, Never),
        ("is locked", K::FailedPrecondition, Never),
        // Linux
        ("no such file or directory", K::NotFound, Never),
        ("no such device", K::NotFound, Never),
        ("invalid argument", K::InvalidArgument, Never),
        ("not a directory", K::InvalidArgument, Never),
        ("is a directory", K::InvalidArgument, Never),
        ("file exists", K::AlreadyExists, Never),
        ("no space left on device", K::ResourceExhausted, Never),
        ("device or resource busy", K::FailedPrecondition, Never),
        ("read-only file system", K::FailedPrecondition, Never),
        ("operation not permitted", K::FailedPrecondition, Never),
        // Go and its network
        ("context deadline exceeded", K::Timeout, Never),
        ("i/o timeout", K::Timeout, Never),
        ("context canceled", K::Cancelled, Never),
        ("connection refused", K::Unavailable, ELECTION),
        ("connection reset", K::Unavailable, Never),
        ("no route to host", K::Unavailable, ELECTION),
        ("no such host", K::NotFound, Never),
        // Whoever says so
        ("not found", K::NotFound, Never),
        ("already exists", K::AlreadyExists, Never),
    ]
};

/// What a message that came with `UNKNOWN`, or without a code, is about.
pub(crate) fn meaning(message: &str) -> (ErrorKind, Retry) {
    let message = message.to_lowercase();
    WORDS
        .iter()
        .find(|(words, ..)| message.contains(words))
        .map_or((ErrorKind::Unknown, Retry::Never), |(_, kind, retry)| {
            (*kind, *retry)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_the_code_does_not() {
        for (message, kind) in [
            (
                "error listing etcd members: etcdserver: no leader",
                ErrorKind::FailedPrecondition,
            ),
            (
                "error building etcd client: context deadline exceeded",
                ErrorKind::Timeout,
            ),
            (
                "lstat /nope: no such file or directory",
                ErrorKind::NotFound,
            ),
            (
                "write /var/x: no space left on device",
                ErrorKind::ResourceExhausted,
            ),
            (
                "reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter",
                ErrorKind::InvalidArgument,
            ),
            (
                "service \"apid\" doesn't support stop operation via API",
                ErrorKind::Unsupported,
            ),
            ("service \"nothing\" not defined", ErrorKind::NotFound),
            (
                "error validating etcd for upgrade: etcd member 1 is not healthy; all members must be healthy to perform an upgrade: context deadline exceeded",
                ErrorKind::FailedPrecondition,
            ),
            (
                "reset user disk failed: device sda is the system disk",
                ErrorKind::InvalidArgument,
            ),
            (
                "reset user disk failed: device sdz wasn't found",
                ErrorKind::NotFound,
            ),
            (
                "dial tcp 10.0.0.1:2379: connect: connection refused",
                ErrorKind::Unavailable,
            ),
            ("something that nobody has seen", ErrorKind::Unknown),
            ("", ErrorKind::Unknown),
        ] {
            assert_eq!(meaning(message).0, kind, "{message}");
        }
    }

    #[test]
    fn words_are_in_lower_case_and_none_hides_another() {
        for (at, (words, ..)) in WORDS.iter().enumerate() {
            assert_eq!(*words, words.to_lowercase());
            let hidden = WORDS
                .iter()
                .take(at)
                .find(|(first, ..)| words.contains(first));
            assert_eq!(hidden.map(|(first, ..)| first), None, "{words}");
        }
    }
}
