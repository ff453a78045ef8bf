//! How a simulation runs.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::SimClock;

/// The watchdog of a host that is alone bites within a minute, and the lock that
/// it held as an HA node expires after two.
const FENCING: Duration = Duration::from_secs(120);

/// How a simulation runs.
///
/// ```
/// use std::time::Duration;
/// use homelab_sim::SimOptions;
///
/// let options = SimOptions::default().latency(Duration::from_millis(20)).seed(7);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SimOptions {
    pub(crate) latency: Duration,
    pub(crate) seed: u64,
    pub(crate) clock: SimClock,
    pub(crate) boot: Option<Duration>,
    pub(crate) ready: Option<Duration>,
    pub(crate) etcd_db_bytes: Option<u64>,
    pub(crate) fencing: Duration,
    pub(crate) log: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) listen: IpAddr,
    pub(crate) ports: Option<u16>,
    pub(crate) control: Option<u16>,
}

impl Default for SimOptions {
    fn default() -> Self {
        SimOptions {
            latency: Duration::ZERO,
            seed: 0,
            clock: SimClock::real(),
            boot: None,
            ready: None,
            etcd_db_bytes: None,
            fencing: FENCING,
            log: None,
            state: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: None,
            control: None,
        }
    }
}

impl SimOptions {
    /// Added to every request and to every TLS handshake; 0 unless set.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Drives all MACs, UUIDs and member ids that the inventory does not name.
    /// The same seed makes the same lab.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock of the lab: time stamps, tasks, boots, validity.
    /// [`SimClock::real`] unless set.
    ///
    /// Keep a clone to pause it or to change its pace while the lab runs.
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a guest takes from power on until its Talos node answers, and
    /// from there until all services run.
    pub fn boot_times(mut self, answers: Duration, runs: Duration) -> Self {
        self.boot = Some(answers);
        self.ready = Some(runs);
        self
    }

    /// How long the HA manager waits, in the lab's time, before it takes the
    /// guests of a host that is gone to another one: until the host has surely
    /// been fenced. Two minutes unless set, as on a real cluster.
    pub fn fencing(mut self, delay: Duration) -> Self {
        self.fencing = delay;
        self
    }

    /// Appends what happens to a file, one JSON object in a line.
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Keeps the lab in a folder: it is written there while it runs and when it
    /// stops, and a later start with the same folder goes on where it stood,
    /// with the same credentials and fingerprints.
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// The address that hosts and nodes listen on; 127.0.0.1 unless set. What
    /// listens elsewhere can be reached by others: its credentials are no
    /// secret.
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = address;
        self
    }

    /// Hosts and nodes listen on consecutive ports from this one on: hosts
    /// first, each in the order of the inventory. Free ports unless set.
    pub fn ports(mut self, first: u16) -> Self {
        self.ports = Some(first);
        self
    }

    /// Opens the control endpoint on this port of 127.0.0.1; 0 is any that is
    /// free. See [`Sim::control`](crate::Sim::control).
    pub fn control(mut self, port: u16) -> Self {
        self.control = Some(port);
        self
    }

    /// Size of each cluster's etcd database in whole pages of 4 KiB, at least
    /// 1 MiB; 4 MiB unless set. Large ones cost no memory.
    pub fn etcd_db_bytes(mut self, bytes: u64) -> Self {
        self.etcd_db_bytes = Some(bytes);
        self
    }
}

/// Which client certificate a talosconfig gets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClientCert {
    pub(crate) roles: Vec<String>,
    pub(crate) expired: bool,
}

impl ClientCert {
    /// A valid certificate for `os:admin`.
    pub fn admin() -> Self {
        ClientCert::role("os:admin")
    }

    /// A valid certificate for one role, such as `os:reader`.
    pub fn role(role: &str) -> Self {
        ClientCert {
            roles: vec![role.to_owned()],
            expired: false,
        }
    }

    /// One role more.
    pub fn and_role(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }

    /// The same, but it expired yesterday.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }
}
