//! Faults on demand, per host or Talos node.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, nearest};
use tokio::sync::watch;

/// Something that goes wrong at one host or Talos node.
///
/// As text (for bindings and scenario files): the name in kebab case, with its
/// number after a colon where it has one, such as `stall` or `latency:250`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Connections are refused; open ones are reset.
    Refuse,
    /// Connections are accepted and never answered; open ones fall silent.
    Stall,
    /// Every answer breaks off in the middle with a connection reset.
    Reset,
    /// Requests are read and then the connection is reset: what happened stays unknown.
    ResetEarly,
    /// Every REST answer is well-formed HTTP around half of its JSON.
    TruncateBody,
    /// Every REST answer promises more bytes than come before the connection closes.
    WrongLength,
    /// Every REST answer is an HTML page with status 502, as a proxy in between
    /// would send it. A Talos node answers with HTML in place of gRPC.
    Html,
    /// Every request and every TLS handshake takes this many milliseconds longer.
    Latency(u64),
    /// An etcd snapshot ends early and yet with status OK.
    TruncateSnapshot,
    /// An etcd snapshot has the right size but does not match its checksum.
    CorruptSnapshot,
    /// An etcd snapshot breaks off with an error status in the middle.
    CutSnapshot,
    /// Files, logs and archives of a Talos node end early and yet with status OK.
    TruncateStream,
    /// The server's certificate expired yesterday.
    CertificateExpired,
    /// Tasks that start on the host fail.
    TaskFailure,
}

const NAMES: [(&str, Fault); 14] = [
    ("refuse", Fault::Refuse),
    ("stall", Fault::Stall),
    ("reset", Fault::Reset),
    ("reset-early", Fault::ResetEarly),
    ("truncate-body", Fault::TruncateBody),
    ("wrong-length", Fault::WrongLength),
    ("html", Fault::Html),
    ("latency", Fault::Latency(0)),
    ("truncate-snapshot", Fault::TruncateSnapshot),
    ("corrupt-snapshot", Fault::CorruptSnapshot),
    ("cut-snapshot", Fault::CutSnapshot),
    ("truncate-stream", Fault::TruncateStream),
    ("certificate-expired", Fault::CertificateExpired),
    ("task-failure", Fault::TaskFailure),
];

impl Fault {
    /// The name in kebab case, without its number.
    pub fn name(self) -> &'static str {
        let kind = std::mem::discriminant(&self);
        NAMES
            .iter()
            .find(|(_, fault)| std::mem::discriminant(fault) == kind)
            .map_or("unknown", |(name, _)| name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Fault::Latency(ms) => write!(f, ":{ms}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let Some((_, fault)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let hint = nearest(name, NAMES.iter().map(|(name, _)| *name))
                .map_or(String::new(), |n| format!("; did you mean {n}?"));
            return Err(invalid(format!("unknown fault {name}{hint}")));
        };
        match (fault, number) {
            (Fault::Latency(_), Some(ms)) => ms
                .parse()
                .map(Fault::Latency)
                .map_err(|_| invalid(format!("{text}: not a number of milliseconds"))),
            (Fault::Latency(_), None) => {
                Err(invalid("latency needs milliseconds: latency:250".into()))
            }
            (_, Some(_)) => Err(invalid(format!("{name} takes no number"))),
            (fault, None) => Ok(*fault),
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Which faults are in force where; shared by all listeners.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    by_target: Mutex<BTreeMap<String, Vec<Fault>>>,
    revision: watch::Sender<u64>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Faults(Arc::new(Inner {
            by_target: Mutex::default(),
            revision: watch::Sender::new(0),
        }))
    }

    /// Adds a fault; a second of the same kind replaces the first.
    pub(crate) fn add(&self, target: &str, fault: Fault) {
        let kind = std::mem::discriminant(&fault);
        let mut all = self.lock();
        let faults = all.entry(target.to_owned()).or_default();
        faults.retain(|f| std::mem::discriminant(f) != kind);
        faults.push(fault);
        drop(all);
        self.0.revision.send_modify(|revision| *revision += 1);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.0.revision.send_modify(|revision| *revision += 1);
    }

    pub(crate) fn has(&self, target: &str, fault: Fault) -> bool {
        self.lock()
            .get(target)
            .is_some_and(|faults| faults.contains(&fault))
    }

    pub(crate) fn latency(&self, target: &str) -> Duration {
        let all = self.lock();
        let faults = all.get(target).map_or(&[][..], Vec::as_slice);
        faults
            .iter()
            .find_map(|fault| match fault {
                Fault::Latency(ms) => Some(Duration::from_millis(*ms)),
                _ => None,
            })
            .unwrap_or_default()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Fault>>> {
        self.0
            .by_target
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (_, fault) in NAMES {
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
        assert_eq!("latency:250".parse::<Fault>().unwrap(), Fault::Latency(250));
        let e = "stal".parse::<Fault>().unwrap_err();
        assert_eq!(e.message(), "unknown fault stal; did you mean stall?");
        assert!("stall:1".parse::<Fault>().is_err());
        assert!("latency".parse::<Fault>().is_err());
    }

    #[test]
    fn the_last_of_a_kind_counts() {
        let faults = Faults::new();
        faults.add("pve1", Fault::Latency(10));
        faults.add("pve1", Fault::Latency(20));
        assert_eq!(faults.latency("pve1"), Duration::from_millis(20));
        assert_eq!(faults.latency("pve2"), Duration::ZERO);
        faults.clear();
        assert_eq!(faults.latency("pve1"), Duration::ZERO);
    }
}
