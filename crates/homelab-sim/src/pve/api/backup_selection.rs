//! Which guests a backup takes.

use crate::world::{Guest, State};

use super::pools;

/// Which guests a backup takes, by the options of `vzdump` or of a job.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    all: bool,
    stop: bool,
    vmids: Vec<u32>,
    exclude: Vec<u32>,
    pool: Option<String>,
    /// Only those on this host.
    node: Option<String>,
}

impl Selection {
    /// From options, looked up by name.
    pub(super) fn of(option: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| option(name).filter(|text| !text.is_empty());
        let numbers = |name: &str| -> Vec<u32> {
            let list = text(name).unwrap_or_default();
            list.split([',', ';', ' ', '\0'])
                .filter_map(|n| n.trim().parse().ok())
                .collect()
        };
        let flag = |name: &str| option(name).as_deref() == Some("1");
        let exclude = numbers("exclude");
        let pool = text("pool");
        Selection {
            // To leave some out means all others.
            all: flag("all") || (!exclude.is_empty() && pool.is_none()),
            stop: flag("stop"),
            vmids: numbers("vmid"),
            exclude,
            pool,
            node: text("node"),
        }
    }

    /// The option that does not go with the others, and the server's words.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        const CONFLICT: &str = "option conflicts with option 'vmid'";
        let named = !self.vmids.is_empty();
        if named && !self.exclude.is_empty() {
            return Err(("exclude", CONFLICT));
        }
        if named && self.all {
            return Err(("all", CONFLICT));
        }
        if named && self.pool.is_some() {
            return Err(("pool", CONFLICT));
        }
        if !(self.all || self.stop || self.pool.is_some() || named) {
            return Err(("vmid", "property is missing"));
        }
        Ok(())
    }

    /// Whether it takes a guest.
    pub(super) fn takes(&self, state: &State, guest: &Guest) -> bool {
        let named = match &self.pool {
            Some(pool) => pools::holds(state, pool, guest.vmid),
            None if self.vmids.is_empty() => self.all && !self.exclude.contains(&guest.vmid),
            None => self.vmids.contains(&guest.vmid),
        };
        named && self.node.as_ref().is_none_or(|node| guest.host == *node)
    }

    /// The guests on a host that it takes.
    pub(super) fn on_host(&self, state: &State, host: &str) -> Vec<u32> {
        let guests = state.guests_on(host);
        let taken = guests.filter(|guest| self.takes(state, guest));
        taken.map(|guest| guest.vmid).collect()
    }
}
