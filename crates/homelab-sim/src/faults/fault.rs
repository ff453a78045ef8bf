//! Everything that can go wrong.

/// Something that goes wrong, until it is cleared.
///
/// As text (for bindings, scenario files and the control endpoint, and as
/// JSON): the name in kebab case, with its number after a colon where it has
/// one, such as `stall` or `latency:250`.
///
/// Where it can strike stands with each: at a host, at a Talos node, at a link
/// between two of them or between one and the clients (`client/pve1`,
/// `pve1/pve2`), at a guest (by VMID), at a storage, at a Talos cluster, at the
/// PVE cluster (`proxmox`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Connections are refused; open ones are reset.
    ///
    /// At: host, node, link.
    Refuse,
    /// Connections are accepted and never answered; open ones fall silent.
    ///
    /// At: host, node, link.
    Stall,
    /// No packet passes. At a host, its cable is out: its guests run on, but
    /// nobody outside of it reaches them or it, and it has no part in the
    /// quorum of the others.
    ///
    /// At: host, node, link.
    Cut,
    /// Connections that are open when it is set fall silent for good, as when
    /// the server forgot them without a word; new ones work.
    ///
    /// At: host, node.
    HalfOpen,
    /// Every request and every TLS handshake takes this many milliseconds longer.
    ///
    /// At: host, node, link.
    Latency(u64),
    /// So many of a hundred packets are lost: TCP sends them again, after
    /// 200 ms, then 400 ms and so on. Which ones is drawn from the seed.
    ///
    /// At: host, node, link.
    Loss(u8),
    /// No connection carries more than this many bytes in a second, each way.
    ///
    /// At: host, node, link.
    Bandwidth(u64),
    /// Requests are carried out and the connection is reset before a byte of
    /// the answer: what happened stays unknown.
    ///
    /// At: host, node.
    ResetEarly,
    /// Every answer breaks off in the middle with a connection reset.
    ///
    /// At: host, node.
    Reset,
    /// Every answer arrives whole and then the connection is reset. Of a Talos
    /// answer the message arrives, the status after it does not.
    ///
    /// At: host, node.
    ResetLate,
    /// Requests are carried out, their answers are held back until this is
    /// cleared: the moment to let the caller crash.
    ///
    /// At: host, node.
    HoldAnswers,
    /// Every REST answer is well-formed HTTP around half of its JSON.
    ///
    /// At: host.
    TruncateBody,
    /// Every REST answer promises more bytes than come before the connection closes.
    ///
    /// At: host.
    WrongLength,
    /// Every REST answer is an HTML page with status 502, as a proxy in between
    /// would send it. A Talos node answers with HTML in place of gRPC.
    ///
    /// At: host, node.
    Html,
    /// Every answer is well-formed on the wire and makes no sense in it: no
    /// JSON, no message.
    ///
    /// At: host, node.
    Garbage,
    /// No power: a host takes its guests along and starts them again when this
    /// is cleared; a node's guest is off.
    ///
    /// At: host, node.
    PowerLoss,
    /// It stands still, and so does what runs on it; when this is cleared it
    /// goes on as if nothing had been.
    ///
    /// At: host, node.
    Freeze,
    /// It does not come back from its next boot.
    ///
    /// At: node.
    NeverReturns,
    /// There is no room: tasks that write end with "No space left on device",
    /// a storage has no free byte, a node cannot pull an image.
    ///
    /// At: host, node, storage.
    DiskFull,
    /// The cluster acts as if more than half of its votes were gone: nothing
    /// can be written to `/etc/pve`, etcd has no leader.
    ///
    /// At: cluster, proxmox.
    QuorumLost,
    /// Its clock is wrong by this many seconds, behind if negative.
    ///
    /// At: host, node.
    ClockSkew(i64),
    /// The server's certificate expired yesterday.
    ///
    /// At: host, node.
    CertificateExpired,
    /// The server shows a certificate that nobody has seen before, of a CA
    /// that nobody knows.
    ///
    /// At: host, node.
    CertificateReplaced,
    /// Tasks that run on the host fail.
    ///
    /// At: host.
    TaskFailure,
    /// Tasks that run on the host do their work and end with a warning.
    ///
    /// At: host.
    TaskWarning,
    /// Some other operation holds the guest's lock.
    ///
    /// At: guest.
    Locked,
    /// The so-many-th Talos upgrade from now on fails, counted from 1; those
    /// before and after it work.
    ///
    /// At: cluster.
    UpgradeFails(u32),
    /// An etcd snapshot ends early and yet with status OK.
    ///
    /// At: node.
    TruncateSnapshot,
    /// An etcd snapshot has the right size but does not match its checksum.
    ///
    /// At: node.
    CorruptSnapshot,
    /// An etcd snapshot breaks off with an error status in the middle.
    ///
    /// At: node.
    CutSnapshot,
    /// Files, logs and archives of a Talos node end early and yet with status OK.
    ///
    /// At: node.
    TruncateStream,
}

/// Where a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Host,
    Node,
    Link,
    Guest,
    Storage,
    Cluster,
    Proxmox,
}

impl Place {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Place::Host => "host",
            Place::Node => "node",
            Place::Link => "link",
            Place::Guest => "guest",
            Place::Storage => "storage",
            Place::Cluster => "cluster",
            Place::Proxmox => "proxmox",
        }
    }
}

const MACHINE: &[Place] = &[Place::Host, Place::Node];
const NETWORK: &[Place] = &[Place::Host, Place::Node, Place::Link];
const HOST: &[Place] = &[Place::Host];
const NODE: &[Place] = &[Place::Node];

/// Every fault by its name, with where it can strike.
pub(super) const ALL: [(&str, Fault, &[Place]); 31] = [
    ("refuse", Fault::Refuse, NETWORK),
    ("stall", Fault::Stall, NETWORK),
    ("cut", Fault::Cut, NETWORK),
    ("half-open", Fault::HalfOpen, MACHINE),
    ("latency", Fault::Latency(0), NETWORK),
    ("loss", Fault::Loss(0), NETWORK),
    ("bandwidth", Fault::Bandwidth(0), NETWORK),
    ("reset-early", Fault::ResetEarly, MACHINE),
    ("reset", Fault::Reset, MACHINE),
    ("reset-late", Fault::ResetLate, MACHINE),
    ("hold-answers", Fault::HoldAnswers, MACHINE),
    ("truncate-body", Fault::TruncateBody, HOST),
    ("wrong-length", Fault::WrongLength, HOST),
    ("html", Fault::Html, MACHINE),
    ("garbage", Fault::Garbage, MACHINE),
    ("power-loss", Fault::PowerLoss, MACHINE),
    ("freeze", Fault::Freeze, MACHINE),
    ("never-returns", Fault::NeverReturns, NODE),
    (
        "disk-full",
        Fault::DiskFull,
        &[Place::Host, Place::Node, Place::Storage],
    ),
    (
        "quorum-lost",
        Fault::QuorumLost,
        &[Place::Cluster, Place::Proxmox],
    ),
    ("clock-skew", Fault::ClockSkew(0), MACHINE),
    ("certificate-expired", Fault::CertificateExpired, MACHINE),
    ("certificate-replaced", Fault::CertificateReplaced, MACHINE),
    ("task-failure", Fault::TaskFailure, HOST),
    ("task-warning", Fault::TaskWarning, HOST),
    ("locked", Fault::Locked, &[Place::Guest]),
    ("upgrade-fails", Fault::UpgradeFails(0), &[Place::Cluster]),
    ("truncate-snapshot", Fault::TruncateSnapshot, NODE),
    ("corrupt-snapshot", Fault::CorruptSnapshot, NODE),
    ("cut-snapshot", Fault::CutSnapshot, NODE),
    ("truncate-stream", Fault::TruncateStream, NODE),
];

impl Fault {
    /// The name in kebab case, without its number.
    pub fn name(self) -> &'static str {
        self.entry().map_or("unknown", |(name, _, _)| name)
    }

    /// Where it can strike.
    pub(crate) fn places(self) -> &'static [Place] {
        self.entry().map_or(&[], |(_, _, places)| places)
    }

    pub(super) fn entry(self) -> Option<(&'static str, Fault, &'static [Place])> {
        let kind = std::mem::discriminant(&self);
        let same = |(_, fault, _): &&(&str, Fault, &[Place])| std::mem::discriminant(fault) == kind;
        ALL.iter().find(same).copied()
    }

    /// Whether both are of one kind, whatever their numbers.
    pub(crate) fn same_kind(self, other: Fault) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generated page takes the places from the docs.
    #[test]
    fn the_docs_name_the_places() {
        let source = include_str!("fault.rs");
        let (_, rest) = source.split_once("pub enum Fault {").unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        let documented: Vec<Vec<&str>> = body
            .lines()
            .filter_map(|line| line.trim().strip_prefix("/// At: "))
            .map(|line| line.trim_end_matches('.').split(", ").collect())
            .collect();
        let mut coded: Vec<Vec<&str>> = Vec::new();
        for variant in body.lines().filter_map(|l| {
            let name = l.trim().trim_end_matches(',');
            let name = name.split('(').next()?;
            name.starts_with(char::is_uppercase).then_some(name)
        }) {
            let kebab = variant
                .char_indices()
                .fold(String::new(), |mut text, (at, c)| {
                    if c.is_uppercase() && at > 0 {
                        text.push('-');
                    }
                    text.extend(c.to_lowercase());
                    text
                });
            let (_, _, places) = ALL
                .iter()
                .find(|(name, _, _)| *name == kebab)
                .unwrap_or_else(|| panic!("{kebab}"));
            coded.push(places.iter().map(|p| p.as_str()).collect());
        }
        assert_eq!(documented, coded);
        assert_eq!(coded.len(), ALL.len());
    }
}
