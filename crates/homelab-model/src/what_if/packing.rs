//! Whether guests fit on other hosts.

use serde::{Deserialize, Serialize};

use super::memory::{claimed, host_memory};
use crate::finding::Move;
use crate::topology::Topology;

/// Steps of the exact search before the greedy answer counts. Enough for every
/// lab that fits on a table; beyond it "does not fit" may be too pessimistic.
const BUDGET: usize = 20_000;

/// Restarting the guests of lost hosts on the remaining ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Restart {
    /// Whether every guest that can run elsewhere finds a host with memory for it.
    pub fits: bool,
    /// Memory that those guests need.
    pub needed_bytes: u64,
    /// Free memory on the remaining hosts together.
    pub free_bytes: u64,
    /// Where each guest would go.
    pub moves: Vec<Move>,
    /// Guests that find no host.
    pub left_out: Vec<String>,
    /// Guests that are tied to their host by passed-through devices.
    pub tied: Vec<String>,
}

/// Tries to restart the guests of `lost` on hosts that are neither lost nor in
/// `without` nor offline. Only memory is looked at: images are taken to be on
/// shared storage.
pub fn restart(topology: &Topology, lost: &[&str], without: &[&str]) -> Restart {
    let mut result = Restart::default();
    let mut items = Vec::new();
    for guest in &topology.guests {
        let Some(host) = guest.host.as_deref().filter(|host| lost.contains(host)) else {
            continue;
        };
        if guest.passthrough.is_empty() {
            items.push((guest.name.clone(), host.to_owned(), claimed(guest)));
        } else {
            result.tied.push(guest.name.clone());
        }
    }
    let offline = |name: &str| {
        topology
            .host(name)
            .is_some_and(|host| host.online == Some(false))
    };
    let bins: Vec<_> = host_memory(topology)
        .into_iter()
        .filter(|memory| !lost.contains(&memory.host.as_str()))
        .filter(|memory| !without.contains(&memory.host.as_str()) && !offline(&memory.host))
        .collect();
    // Large ones first: they have the fewest choices.
    items.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    let sizes: Vec<u64> = items.iter().map(|item| item.2).collect();
    let free: Vec<u64> = bins.iter().map(|bin| bin.free_bytes).collect();
    result.needed_bytes = sizes.iter().sum();
    result.free_bytes = free.iter().sum();
    let places = pack(&sizes, &free);
    for ((name, from, memory), place) in items.into_iter().zip(places) {
        match place.and_then(|bin| bins.get(bin)) {
            Some(bin) => result.moves.push(Move {
                guest: name,
                from,
                to: bin.host.clone(),
                memory_bytes: memory,
            }),
            None => result.left_out.push(name),
        }
    }
    result.fits = result.left_out.is_empty();
    result
}

/// For each size (largest first) a bin, or none. All have one if that is possible.
fn pack(sizes: &[u64], free: &[u64]) -> Vec<Option<usize>> {
    let greedy = greedily(sizes, free);
    let total: u64 = sizes.iter().sum();
    if greedy.iter().all(Option::is_some) || total > free.iter().sum() {
        return greedy;
    }
    let mut search = Exact {
        sizes,
        free: free.to_vec(),
        places: Vec::new(),
        budget: BUDGET,
    };
    if search.place(0) {
        search.places.into_iter().map(Some).collect()
    } else {
        greedy
    }
}

/// Each into the bin with the most room: spreads the load.
fn greedily(sizes: &[u64], free: &[u64]) -> Vec<Option<usize>> {
    let mut free = free.to_vec();
    sizes
        .iter()
        .map(|size| {
            let roomy = free
                .iter_mut()
                .enumerate()
                .max_by_key(|(index, room)| (**room, std::cmp::Reverse(*index)));
            let (index, room) = roomy.filter(|(_, room)| **room >= *size)?;
            *room -= size;
            Some(index)
        })
        .collect()
}

struct Exact<'a> {
    sizes: &'a [u64],
    free: Vec<u64>,
    places: Vec<usize>,
    budget: usize,
}

impl Exact<'_> {
    fn place(&mut self, item: usize) -> bool {
        let Some(size) = self.sizes.get(item).copied() else {
            return true;
        };
        let mut tried = Vec::new();
        for bin in 0..self.free.len() {
            let room = self.free.get(bin).copied().unwrap_or(0);
            // Bins with equal room are the same choice.
            if room < size || tried.contains(&room) {
                continue;
            }
            if self.budget == 0 {
                return false;
            }
            self.budget -= 1;
            tried.push(room);
            self.set(bin, room - size);
            self.places.push(bin);
            if self.place(item + 1) {
                return true;
            }
            self.places.pop();
            self.set(bin, room);
        }
        false
    }

    fn set(&mut self, bin: usize, room: u64) {
        if let Some(free) = self.free.get_mut(bin) {
            *free = room;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_where_greed_fails() {
        // Most room first puts 4 into 7 and then 3, 3 do not fit beside it.
        let places = pack(&[4, 3, 3], &[7, 4]);
        assert!(places.iter().all(Option::is_some), "{places:?}");
        assert!(pack(&[4, 4, 3], &[7, 4]).iter().all(Option::is_some));
        assert!(pack(&[5, 5], &[7, 4]).contains(&None));
    }
}
