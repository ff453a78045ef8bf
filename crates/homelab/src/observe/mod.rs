//! One look at the lab: both worlds at the same time, each question bounded,
//! all of them under one deadline. What fails is written down, never thrown.

mod collect;
mod proxmox;
mod proxmox_map;
mod talos;
mod talos_map;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::error::Failure;
use homelab_core::{Clock, Error, Result};
use homelab_model::Observation;

use crate::live::LiveLab;
use crate::seen::Seen;
use collect::Collector;

/// What failures of the Proxmox side as a whole are filed under.
pub(crate) const PROXMOX: &str = "Proxmox VE";
/// What failures of the Talos side as a whole are filed under.
pub(crate) const TALOS: &str = "Talos";

/// Limits of one observation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObserveOptions {
    /// All of it takes no longer than this; what has not answered by then is a failure. Default 30 s.
    pub deadline: Duration,
    /// One question takes no longer than this. Default 10 s.
    pub question_timeout: Duration,
    /// Questions under way at once. Default 64.
    pub max_in_flight: usize,
}

impl Default for ObserveOptions {
    fn default() -> Self {
        ObserveOptions {
            deadline: Duration::from_secs(30),
            question_timeout: Duration::from_secs(10),
            max_in_flight: 64,
        }
    }
}

impl ObserveOptions {
    /// Bounds the whole observation.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bounds one question.
    #[must_use]
    pub fn question_timeout(mut self, timeout: Duration) -> Self {
        self.question_timeout = timeout;
        self
    }

    /// Bounds how much is asked at once.
    #[must_use]
    pub fn max_in_flight(mut self, questions: usize) -> Self {
        self.max_in_flight = questions;
        self
    }
}

/// The observation while it fills up. Whatever is in it when time is up, counts.
#[derive(Default)]
struct Shared(Mutex<Observation>);

impl Shared {
    fn write<T>(&self, change: impl FnOnce(&mut Observation) -> T) -> T {
        // The observation is whole after every change, so a panic elsewhere spoils nothing.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks at the lab.
///
/// # Errors
/// `PartialFailure` with every failure when nothing at all could be asked.
pub(crate) async fn observe(live: &LiveLab, options: &ObserveOptions) -> Result<Seen> {
    let asked = Collector::new(
        options.question_timeout.min(options.deadline),
        options.max_in_flight,
    );
    let out = Shared::default();
    let worlds = async {
        tokio::join!(
            async {
                match live.proxmox() {
                    Some(pve) => proxmox::observe(pve, &asked, &out).await,
                    None => false,
                }
            },
            talos::observe(live, &asked, &out),
        )
    };
    // Past the deadline the questions still open are dropped, which cancels them on the wire.
    let _ = tokio::time::timeout(options.deadline, worlds).await;

    let mut observation = out.write(std::mem::take);
    let mut failures = asked.finish(options.deadline);
    failures.extend(live.unasked().map(|error| (TALOS.to_owned(), error)));
    let anything = !observation.hosts.is_empty()
        || !observation.guests.is_empty()
        || observation.nodes.iter().any(|n| n.answered);
    if !anything && !failures.is_empty() {
        return Err(nothing(failures));
    }
    observation.failures = failures
        .into_iter()
        .map(|(target, error)| Failure {
            target,
            error: error.to_data(),
        })
        .collect();
    observation.observed_at = timestamp(live.clock());
    tidy(&mut observation);
    Ok(Seen::new(live.lab().inventory(), observation))
}

/// The same lab gives the same observation, whoever answered first.
fn tidy(observation: &mut Observation) {
    observation.hosts.sort_by(|a, b| a.name.cmp(&b.name));
    observation.guests.sort_by_key(|g| g.vmid);
    observation
        .storages
        .sort_by(|a, b| (&a.name, &a.host).cmp(&(&b.name, &b.host)));
    let order = |address: &str| address.parse::<std::net::IpAddr>().ok();
    observation
        .nodes
        .sort_by(|a, b| (order(&a.address), &a.address).cmp(&(order(&b.address), &b.address)));
    observation
        .etcd
        .sort_by(|a, b| (order(&a.node), &a.node).cmp(&(order(&b.node), &b.node)));
}

fn nothing(failures: Vec<(String, Error)>) -> Error {
    let targets = failures.len();
    let message = match failures.first() {
        Some((_, only)) if targets == 1 => format!("nothing in the lab answered: {only}"),
        _ => format!("nothing in the lab answered; {targets} questions failed"),
    };
    Error::partial(message, failures).operation("observe")
}

fn timestamp(clock: &dyn Clock) -> String {
    jiff::Timestamp::try_from(clock.now())
        .map(|t| format!("{t:.0}"))
        .unwrap_or_default()
}
