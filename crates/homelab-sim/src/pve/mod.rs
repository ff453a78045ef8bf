//! The Proxmox VE side: one HTTPS listener per host, all answering for the
//! whole cluster as real hosts do.
//!
//! What lives here: the wire behaviour of the PVE API as observed on real
//! servers, its traps included (errors in the reason phrase, empty bodies of
//! the authentication layer, numbers as strings, connections closed after
//! every error). What must never: state of the lab, which is in
//! [`world`](crate::world), or anything that a client does.
//!
//! | file | what |
//! |---|---|
//! | `serve` | one connection: keep-alive, idle time |
//! | `http` | from an HTTP request to a call and back: limits, formatters, faults |
//! | `params` | query, form and JSON parameters and their checks |
//! | `authentication`, `accounts`, `roles`, `ticket` | who asks, and may what |
//! | `router` | the table of calls, permissions, the hop to another host |
//! | `api/` | the calls themselves |
//! | `operation` | tasks that take their time and then change the world |
//! | `answer`, `body` | success and error shapes, sound and broken bodies |

mod accounts;
mod answer;
mod api;
mod authentication;
mod body;
mod http;
mod operation;
mod params;
mod roles;
mod router;
mod serve;
#[cfg(test)]
mod tests;
mod ticket;
mod upid;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::faults::Fault;
use crate::pki::HostTls;
use crate::shared::Shared;
use crate::world::{World, derive};

pub(crate) use accounts::Accounts;

/// How fast the simulated hosts are. Real ones are slower; the defaults keep
/// tests quick without making anything instantaneous.
#[derive(Clone, Debug)]
pub(crate) struct PveOptions {
    /// How long a failed authentication is held back (3 s on real hosts).
    pub(crate) authentication_delay: Duration,
    /// How long a task takes.
    pub(crate) task_duration: Duration,
    /// How long the hop to a host that is gone takes to fail (0.5 to 3 s).
    pub(crate) hop_delay: Duration,
    /// How long a guest agent that does not answer is waited for (3 s).
    pub(crate) agent_timeout: Duration,
    /// How long the HA manager takes to act on a request (about 10 s).
    pub(crate) ha_delay: Duration,
    /// An idle connection is closed after this time.
    pub(crate) idle_timeout: Duration,
    /// A connection is closed after this many requests.
    pub(crate) requests_per_connection: u32,
}

impl Default for PveOptions {
    fn default() -> Self {
        PveOptions {
            authentication_delay: Duration::from_millis(30),
            task_duration: Duration::from_millis(150),
            hop_delay: Duration::from_millis(50),
            agent_timeout: Duration::from_millis(100),
            ha_delay: Duration::from_millis(300),
            idle_timeout: Duration::from_secs(5),
            requests_per_connection: 100,
        }
    }
}

/// The certificates of a host.
#[derive(Clone, Debug)]
pub(crate) struct HostCertificates {
    /// What it shows.
    pub(crate) current: HostTls,
    /// What it shows under [`Fault::CertificateExpired`].
    pub(crate) expired: HostTls,
}

/// What the listeners of one cluster share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PveCluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    accounts: Accounts,
    key: ticket::TicketKey,
    options: PveOptions,
    certificates: BTreeMap<String, HostCertificates>,
    ca_pem: String,
}

impl PveCluster {
    /// A cluster with these certificates, by host; `ca_pem` signed them.
    pub(crate) fn new(
        shared: Shared,
        accounts: Accounts,
        options: PveOptions,
        certificates: BTreeMap<String, HostCertificates>,
        ca_pem: String,
    ) -> Self {
        let seed = shared.world.read(|state| state.seed);
        let key = ticket::TicketKey::new(derive::bytes(seed, "pve ticket key"));
        PveCluster(Arc::new(Inner {
            shared,
            accounts,
            key,
            options,
            certificates,
            ca_pem,
        }))
    }

    /// The users and tokens.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// The world behind it.
    pub(crate) fn world(&self) -> &World {
        &self.0.shared.world
    }

    fn has_fault(&self, host: &str, fault: Fault) -> bool {
        self.0.shared.faults.has(host, fault)
    }

    /// What `host` shows right now.
    fn tls(&self, host: &str) -> Option<&HostTls> {
        let certificates = self.0.certificates.get(host)?;
        Some(if self.has_fault(host, Fault::CertificateExpired) {
            &certificates.expired
        } else {
            &certificates.current
        })
    }

    /// The world's wall clock in Unix seconds.
    fn unix_now(&self) -> u64 {
        unix(self.world().now())
    }
}

/// A time in Unix seconds; before 1970 is 0.
fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |t| t.as_secs())
}
