use proptest::prelude::*;

use super::placement::Step;
use super::*;
use crate::inventory::Inventory;
use crate::inventory::tests::ragas_with;
use crate::topology::Topology;

fn ragas() -> Topology {
    Topology::from_inventory(&ragas_with(&[]).unwrap())
}

#[test]
fn losing_pve1_ends_the_cluster() {
    let loss = lose_hosts(&ragas(), &["pve1"]);
    assert_eq!(loss.guests_down, ["talos-cp-1", "talos-cp-2"]);
    let cluster = &loss.clusters[0];
    assert_eq!(
        (cluster.members_left, cluster.quorum, cluster.has_quorum),
        (1, 2, false)
    );
    assert_eq!((cluster.workers, cluster.workers_left), (1, 1));
    assert_eq!((loss.pve.votes_left, loss.pve.has_quorum), (3, true));
    let pool = &loss.pools[0];
    assert_eq!(pool.copies_left, Some(2));
    assert!(pool.io_continues && pool.degraded && !pool.can_heal);
    assert!(loss.restart.fits);
}

#[test]
fn two_hosts_stop_the_disks() {
    let loss = lose_hosts(&ragas(), &["pve1", "pve3", "nowhere"]);
    assert_eq!(loss.hosts, ["pve1", "pve3"]);
    assert!(!loss.pools[0].io_continues);
    assert!(!loss.pve.has_quorum);
}

#[test]
fn offline_hosts_are_lost_already() {
    let mut lab = ragas();
    lab.hosts[1].online = Some(false);
    let loss = lose_hosts(&lab, &[]);
    assert_eq!(loss.hosts, ["pve2"]);
    assert_eq!(loss.clusters[0].workers_left, 0);
}

#[test]
fn unknown_placement_gives_no_answer() {
    let lab = ragas_with(&[("homelab.yaml", "host: pve1, vmid: 101", "vmid: 101")]).unwrap();
    assert_eq!(
        etcd_tolerance(&Topology::from_inventory(&lab), "kubernetes"),
        None
    );
}

/// All placements, one by one.
fn count_by_hand(members: usize, hosts: usize) -> (u128, u128) {
    let all = hosts.pow(u32::try_from(members).unwrap());
    let survives = |code: &usize| {
        let mut counts = vec![0; hosts];
        (0..members).fold(*code, |rest, _| {
            counts[rest % hosts] += 1;
            rest / hosts
        });
        counts
            .iter()
            .all(|count| members - count >= quorum_of(members))
    };
    ((0..all).filter(survives).count() as u128, all as u128)
}

#[test]
fn placements_are_counted_right() {
    assert_eq!(placements_that_survive(3, 2), (0, 8));
    assert_eq!(placements_that_survive(3, 3), (6, 27));
    for members in 1..=6 {
        for hosts in 1..=4 {
            assert_eq!(
                placements_that_survive(members, hosts),
                count_by_hand(members, hosts),
                "{members} on {hosts}"
            );
        }
    }
}

/// The probability by summing over all sets of hosts that are up.
fn unavailability_by_hand(counts: &[usize], p: f64) -> f64 {
    let voters: usize = counts.iter().sum();
    (0..1u32 << counts.len())
        .map(|up| {
            let is_up = |n: usize| up >> n & 1 == 1;
            let alive: usize = (0..counts.len())
                .filter(|n| is_up(*n))
                .map(|n| counts[n])
                .sum();
            let probability: f64 = (0..counts.len())
                .map(|n| if is_up(n) { 1.0 - p } else { p })
                .product();
            if alive < quorum_of(voters) {
                probability
            } else {
                0.0
            }
        })
        .sum()
}

prop_compose! {
    /// Hosts with `(memory, online)`, guests with `(host, memory, votes)`.
    fn small_lab()(hosts in 2usize..5)(
        memory in prop::collection::vec(4u64..20, hosts),
        guests in prop::collection::vec((0..hosts, 1u64..6, any::<bool>()), 1..6),
    ) -> Placement {
        let hosts = memory.iter().enumerate().map(|(n, gb)| format!("  - {{name: h{n}, memory: {gb}GB}}\n"));
        let nodes = guests.iter().enumerate().map(|(n, (host, gb, votes))| {
            let role = if *votes { "control-plane" } else { "worker" };
            format!("      - {{name: g{n}, role: {role}, host: h{host}, memory: {gb}GB}}\n")
        });
        let text = format!(
            "name: x\nassumptions: {{host_memory: 0GB}}\nhosts:\n{}clusters:\n  - name: c\n    nodes:\n{}",
            hosts.collect::<String>(),
            nodes.collect::<String>(),
        );
        let none = |p: &str| Err(homelab_core::Error::new(homelab_core::ErrorKind::NotFound, p));
        Placement::of(&Topology::from_inventory(&Inventory::parse("x", &text, &none).unwrap()))
    }
}

/// The fewest moves of at most `depth` that reach host tolerance 1, by trying every placement.
fn fewest_by_hand(placement: &Placement, depth: usize) -> Option<usize> {
    let (hosts, guests) = (placement.hosts.len(), placement.guests.len());
    (0..hosts.pow(u32::try_from(guests).unwrap()))
        .filter_map(|code| {
            let mut rest = code;
            let steps: Vec<Step> = (0..guests)
                .map(|guest| {
                    let host = rest % hosts;
                    rest /= hosts;
                    (guest, host)
                })
                .filter(|(guest, host)| placement.guests[*guest].host != *host)
                .collect();
            let after = placement.after(&steps);
            let fits = steps.iter().all(|(_, to)| after.fits(*to));
            (steps.len() <= depth && fits && after.tolerance(0) >= 1).then_some(steps.len())
        })
        .min()
}

proptest! {
    #[test]
    fn the_search_finds_the_fewest_moves(placement in small_lab()) {
        prop_assume!(placement.tolerance(0) == 0);
        let votes = |guest: usize| placement.guests[guest].votes_in == Some(0);
        let found = smallest_moves(&placement, Depth::Three, votes, |after| after.tolerance(0) >= 1);
        // Pairs may move any guest, so up to two moves the answers must agree exactly.
        let by_hand = fewest_by_hand(&placement, 2);
        if let Some(steps) = &found {
            let after = placement.after(steps);
            prop_assert!(after.tolerance(0) >= 1);
            prop_assert!(steps.iter().all(|(_, to)| after.fits(*to)));
        }
        match found.map(|steps| steps.len()) {
            Some(moves) if moves <= 2 => prop_assert_eq!(by_hand, Some(moves)),
            _ => prop_assert_eq!(by_hand, None),
        }
    }

    #[test]
    fn unavailability_is_exact(counts in prop::collection::vec(1usize..4, 1..6), p in 0.0f64..0.9) {
        let exact = unavailability(&counts, p);
        prop_assert!((exact - unavailability_by_hand(&counts, p)).abs() < 1e-9);
    }
}
