//! The smallest set of moves that reaches a goal.

use super::placement::{Placement, Step};
use crate::finding::Move;
use crate::topology::Topology;

/// How far to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// One move of any guest.
    One,
    /// One move, then pairs, then triples, each with at least one guest for
    /// which `must` holds first. The third move is tried for such guests only.
    Three,
}

/// The fewest moves after which `goal` holds, every host that takes a guest
/// has memory for what is on it, and no cluster's etcd survives fewer host
/// losses than before.
///
/// Among equally few: the least loaded of the hosts that are touched, then the
/// least memory moved, then not an etcd leader, then the last in the list, so
/// that `cp-1` stays where it is.
///
/// `must` names guests of which each set of moves has at least one. It has to
/// be true for every guest without which the goal cannot be reached; it only
/// saves time.
pub(crate) fn smallest_moves(
    placement: &Placement,
    depth: Depth,
    must: impl Fn(usize) -> bool,
    goal: impl Fn(&Placement) -> bool,
) -> Option<Vec<Step>> {
    let mut search = Search {
        now: placement.clone(),
        before: placement.tolerances(),
        goal: &goal,
        best: None,
        origin: placement,
    };
    let all = steps(placement, |_| true);
    let first: Vec<Step> = all.iter().copied().filter(|step| must(step.0)).collect();
    search.extend(&mut Vec::new(), &[&first], false);
    if search.best.is_none() && depth == Depth::Three {
        search.extend(&mut Vec::new(), &[&first, &all], false);
    }
    if search.best.is_none() && depth == Depth::Three {
        search.extend(&mut Vec::new(), &[&first, &first, &first], true);
    }
    search.best.map(|(_, steps)| steps)
}

/// Every single move that could be made.
fn steps(placement: &Placement, which: impl Fn(usize) -> bool) -> Vec<Step> {
    let usable = |host: &usize| {
        let host = placement.hosts.get(*host);
        host.is_some_and(|host| host.usable && host.capacity.is_some())
    };
    let guests = placement.guests.iter().enumerate();
    guests
        .filter(|(index, guest)| guest.movable && which(*index))
        .flat_map(|(index, guest)| {
            let hosts = (0..placement.hosts.len()).filter(usable);
            hosts
                .filter(move |host| *host != guest.host)
                .map(move |host| (index, host))
        })
        .collect()
}

/// How good a set of moves is; less is better.
type Score = (u64, u64, usize, std::cmp::Reverse<Vec<usize>>);

struct Search<'a, G> {
    now: Placement,
    origin: &'a Placement,
    before: Vec<usize>,
    goal: &'a G,
    best: Option<(Score, Vec<Step>)>,
}

impl<G: Fn(&Placement) -> bool> Search<'_, G> {
    /// Tries every choice of one step from each list on top of `chosen`;
    /// `sorted` when the lists are equal and one order of each set is enough.
    fn extend(&mut self, chosen: &mut Vec<Step>, lists: &[&Vec<Step>], sorted: bool) {
        let Some((list, rest)) = lists.split_first() else {
            self.judge(chosen);
            return;
        };
        for step in *list {
            let again = chosen.iter().any(|(guest, _)| *guest == step.0);
            let seen = sorted && chosen.last().is_some_and(|last| last.0 > step.0);
            if again || seen {
                continue;
            }
            let Some(from) = self.now.apply(*step) else {
                continue;
            };
            chosen.push(*step);
            self.extend(chosen, rest, sorted);
            chosen.pop();
            self.now.apply((step.0, from));
        }
    }

    fn judge(&mut self, chosen: &[Step]) {
        let fits = chosen.iter().all(|(_, to)| self.now.fits(*to));
        if !fits || !(self.goal)(&self.now) {
            return;
        }
        let after = self.now.tolerances();
        if after
            .iter()
            .zip(&self.before)
            .any(|(after, before)| after < before)
        {
            return;
        }
        let score = self.score(chosen);
        if self.best.as_ref().is_none_or(|(best, _)| score < *best) {
            self.best = Some((score, chosen.to_vec()));
        }
    }

    fn score(&self, chosen: &[Step]) -> Score {
        let from = |step: &Step| self.origin.guests.get(step.0).map(|guest| guest.host);
        let touched = chosen
            .iter()
            .flat_map(|step| [Some(step.1), from(step)])
            .flatten();
        let guests = || {
            chosen
                .iter()
                .filter_map(|step| self.origin.guests.get(step.0))
        };
        let mut order: Vec<usize> = chosen.iter().map(|step| step.0).collect();
        order.sort_unstable();
        (
            touched.map(|host| self.now.load(host)).max().unwrap_or(0),
            guests().map(|guest| guest.memory).sum(),
            guests().filter(|guest| guest.leader).count(),
            std::cmp::Reverse(order),
        )
    }
}

impl Placement {
    /// A step in names.
    pub(crate) fn named(&self, step: Step) -> Option<Move> {
        let guest = self.guests.get(step.0)?;
        Some(Move {
            guest: guest.name.clone(),
            from: self.hosts.get(guest.host)?.name.clone(),
            to: self.hosts.get(step.1)?.name.clone(),
            memory_bytes: guest.memory,
        })
    }

    /// This placement after some steps.
    pub(crate) fn after(&self, steps: &[Step]) -> Placement {
        let mut after = self.clone();
        for step in steps {
            after.apply(*step);
        }
        after
    }
}

/// The topology after guests have moved, with their nodes and etcd members.
/// Moves of unknown guests change nothing.
pub fn move_guests(topology: &Topology, moves: &[Move]) -> Topology {
    let mut after = topology.clone();
    for step in moves {
        let Some(guest) = after
            .guests
            .iter_mut()
            .find(|guest| guest.name == step.guest)
        else {
            continue;
        };
        guest.host = Some(step.to.clone());
        let node = guest.node.clone();
        for node in after
            .nodes
            .iter_mut()
            .filter(|n| Some(&n.name) == node.as_ref())
        {
            node.host = Some(step.to.clone());
        }
        for member in after
            .members
            .iter_mut()
            .filter(|m| m.node.is_some() && m.node == node)
        {
            member.host = Some(step.to.clone());
        }
    }
    after
}
