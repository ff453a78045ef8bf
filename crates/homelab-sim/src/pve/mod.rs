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
//! | `upload` | multipart bodies |
//! | `authentication`, `accounts`, `roles`, `ticket` | who asks, and may what |
//! | `router` | the way of a call: permissions, the hop to another host, checks |
//! | `route` | what the table says of a call that has a function |
//! | `catalogue`, `formats`, `permission` | all calls as the schema describes them |
//! | `generic`, `store` | calls without a file of their own; plain configuration |
//! | `api/` | the calls themselves |
//! | `config_keys/` | the config of guests: schema, property strings, disks |
//! | `retention` | which backups stay |
//! | `calendar`, `scheduler` | when backup jobs run, and who runs them |
//! | `operation` | tasks that take their time and then change the world |
//! | `console` | WebSockets to terminals that echo and to empty screens |
//! | `manager` | the HA manager at work |
//! | `answer`, `body` | success and error shapes, sound and broken bodies |

mod accounts;
mod answer;
mod api;
mod authentication;
mod body;
mod calendar;
mod call;
mod catalogue;
mod config_keys;
mod console;
mod formats;
mod generic;
mod http;
mod manager;
mod operation;
mod params;
mod permission;
mod retention;
mod roles;
mod route;
mod router;
mod scheduler;
mod serve;
mod store;
#[cfg(test)]
mod tests;
mod ticket;
mod upid;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homelab_core::Result;

use crate::faults::Fault;
use crate::pki::{Certificates, HostTls, Pair, PvePki, Which};
use crate::shared::Shared;
use crate::world::{World, derive};

pub(crate) use accounts::Accounts;

/// How fast the simulated hosts are. Real ones are slower; the defaults keep
/// tests quick without making anything instantaneous.
#[derive(Clone, Debug)]
pub(crate) struct PveOptions {
    /// How long a failed authentication is held back (3 s on real hosts).
    pub(crate) authentication_delay: Duration,
    /// How long a lock of a cluster without quorum is waited for (10 s on real
    /// hosts).
    pub(crate) lock_delay: Duration,
    /// How long a task takes at least.
    pub(crate) task_duration: Duration,
    /// How fast the memory of a guest moves to another host.
    pub(crate) migration_bytes_per_second: u64,
    /// How fast disks are copied.
    pub(crate) copy_bytes_per_second: u64,
    /// How long the hop to a host that is gone takes to fail (0.5 to 3 s).
    pub(crate) hop_delay: Duration,
    /// How long a guest agent that does not answer is waited for (3 s).
    pub(crate) agent_timeout: Duration,
    /// How long the HA manager takes to act on a request (about 10 s).
    pub(crate) ha_delay: Duration,
    /// How long the HA manager waits before it takes guests from a host that is
    /// gone (about 2 minutes).
    pub(crate) fencing_delay: Duration,
    /// How long a host takes from going down to being back.
    pub(crate) reboot: Duration,
    /// An idle connection is closed after this time.
    pub(crate) idle_timeout: Duration,
    /// A connection is closed after this many requests.
    pub(crate) requests_per_connection: u32,
}

impl Default for PveOptions {
    fn default() -> Self {
        PveOptions {
            authentication_delay: Duration::from_millis(30),
            lock_delay: Duration::from_millis(100),
            task_duration: Duration::from_millis(150),
            migration_bytes_per_second: 32 << 30,
            copy_bytes_per_second: 1 << 40,
            hop_delay: Duration::from_millis(50),
            agent_timeout: Duration::from_millis(100),
            ha_delay: Duration::from_millis(300),
            fencing_delay: Duration::from_secs(120),
            reboot: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(5),
            requests_per_connection: 100,
        }
    }
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
    certificates: BTreeMap<String, Certificates<HostTls>>,
    ca_pem: String,
    consoles: console::Consoles,
}

impl PveCluster {
    /// A cluster on a world; `pki` signs a certificate for each of its hosts.
    ///
    /// # Errors
    /// `Internal` when a certificate cannot be made.
    pub(crate) fn new(
        shared: Shared,
        accounts: Accounts,
        options: PveOptions,
        pki: &PvePki,
    ) -> Result<Self> {
        PveCluster::resume(shared, accounts, options, pki, &BTreeMap::new())
    }

    /// The same with the certificates that its hosts have already.
    ///
    /// # Errors
    /// As [`new`](PveCluster::new), and `Corrupt` when one cannot be read.
    pub(crate) fn resume(
        shared: Shared,
        accounts: Accounts,
        options: PveOptions,
        pki: &PvePki,
        kept: &BTreeMap<String, Pair>,
    ) -> Result<Self> {
        let now = shared.world.now();
        let (seed, hosts) = shared.world.read(|state| {
            let hosts: Vec<_> = state
                .hosts
                .iter()
                .map(|h| (h.name.clone(), h.address))
                .collect();
            (state.seed, hosts)
        });
        let mut certificates = BTreeMap::new();
        for (host, address) in hosts {
            let kept = kept.get(&host);
            let shown = pki.certificates(&host, address, now, kept)?;
            certificates.insert(host, shown);
        }
        let key = ticket::TicketKey::new(derive::bytes(seed, "pve ticket key"));
        let ca_pem = pki.ca_pem();
        let cluster = PveCluster(Arc::new(Inner {
            shared,
            accounts,
            key,
            options,
            certificates,
            ca_pem,
            consoles: console::Consoles::default(),
        }));
        cluster.start_manager();
        cluster.start_scheduler();
        Ok(cluster)
    }

    /// SHA-256 of what `host` shows right now, upper-case hex with colons.
    pub(crate) fn fingerprint(&self, host: &str) -> Option<&str> {
        self.tls(host).map(|tls| tls.fingerprint.as_str())
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
        certificates.get(Which::of(&self.0.shared.faults, host))
    }

    /// The certificates of the hosts and their keys, to keep.
    pub(crate) fn pairs(&self) -> BTreeMap<String, Pair> {
        let own = |(host, shown): (&String, &Certificates<HostTls>)| {
            Some((host.clone(), shown.get(Which::Current)?.pair.clone()))
        };
        self.0.certificates.iter().filter_map(own).collect()
    }

    /// What `caller` may do at `path`. A pool's rights are its guests' as well;
    /// `pools` tells who is where.
    fn privileges(
        &self,
        caller: &str,
        path: &str,
        pools: &BTreeMap<u32, String>,
    ) -> BTreeSet<&'static str> {
        let mut has = self.0.accounts.privileges(caller, path);
        let vmid = path.strip_prefix("/vms/").and_then(|id| id.parse().ok());
        if let Some(pool) = vmid.and_then(|vmid: u32| pools.get(&vmid)) {
            has.extend(self.0.accounts.privileges(caller, &format!("/pool/{pool}")));
        }
        has
    }

    /// The pool of each guest that is in one.
    fn pools(&self) -> BTreeMap<u32, String> {
        self.world().read(|state| {
            let pools = state.pools.iter();
            pools
                .flat_map(|(name, pool)| pool.vmids.iter().map(|vmid| (*vmid, name.clone())))
                .collect()
        })
    }

    /// The world's wall clock in Unix seconds.
    fn unix_now(&self) -> u64 {
        unix(self.world().now())
    }

    /// What the clock of a host shows.
    fn unix_now_at(&self, host: &str) -> u64 {
        unix(self.0.shared.now_at(host))
    }
}

/// A time in Unix seconds; before 1970 is 0.
fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |t| t.as_secs())
}
