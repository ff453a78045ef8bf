use super::Rule;
use crate::finding::{Finding, Severity};
use crate::topology::{Host, Topology};
use crate::units::{count, gib, list, percent};
use crate::what_if::{Restart, host_memory, restart};

pub(super) const RULE: Rule = Rule {
    code: "D6",
    name: "spare-capacity",
    severity: Severity::Warning,
    title: "After the loss of a host its guests do not fit on the others, or only on one of them.",
    explanation: "For each host the rule packs its guests into the free memory of the others (N+1), \
        by exact search. Where they do not fit, nothing restarts them. Where they fit only \
        thanks to one particular host, that host is the whole reserve: worth knowing above all \
        when the cluster does not use it otherwise.",
    source: "bin packing of configured memory; overhead as in D5",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let running = |host: &&Host| {
        host.online != Some(false) && topology.guests_on(&host.name).next().is_some()
    };
    let mut found = Vec::new();
    let mut losses = Vec::new();
    for host in topology.hosts.iter().filter(running) {
        let after = restart(topology, &[&host.name], &[]);
        if after.needed_bytes == 0 {
            continue;
        }
        if after.fits {
            losses.push((host, after));
        } else {
            found.push(does_not_fit(rule, host, &after));
        }
    }
    let reserve = topology
        .hosts
        .iter()
        .filter_map(|host| rests_on(rule, topology, host, &losses));
    found.extend(reserve);
    found
}

fn does_not_fit(rule: &Rule, host: &Host, after: &Restart) -> Finding {
    let message = format!(
        "Losing {} leaves {} GiB of guests to restart and {} GiB free elsewhere: no room for {}.",
        host.name,
        gib(after.needed_bytes),
        gib(after.free_bytes),
        list(&after.left_out)
    );
    rule.finding(Severity::Warning, &host.name, message)
        .evidence("to restart", gib(after.needed_bytes), "GiB")
        .evidence("free elsewhere", gib(after.free_bytes), "GiB")
        .evidence("left out", after.left_out.join(", "), "")
}

/// The finding about `spare` when some losses fit only thanks to it.
fn rests_on(
    rule: &Rule,
    topology: &Topology,
    spare: &Host,
    losses: &[(&Host, Restart)],
) -> Option<Finding> {
    // With two hosts either is the other's reserve by construction.
    if topology.hosts.len() < 3 {
        return None;
    }
    let only: Vec<(&Host, &Restart, Restart)> = losses
        .iter()
        .filter(|(lost, _)| lost.name != spare.name)
        .map(|(lost, with)| {
            (
                *lost,
                with,
                restart(topology, &[&lost.name], &[&spare.name]),
            )
        })
        .filter(|(_, _, without)| !without.fits)
        .collect();
    // The loss that needs the most room tells the story; the others are named.
    let (lost, with, without) = only.iter().max_by_key(|(_, with, _)| with.needed_bytes)?;
    let memory = host_memory(topology);
    let own = memory.iter().find(|m| m.host == spare.name)?;
    let all: u64 = memory.iter().map(|m| m.total_bytes).sum();
    let nodes = topology
        .nodes
        .iter()
        .filter(|n| n.host.as_deref() == Some(&spare.name))
        .count();
    let sizes: Vec<String> = with.moves.iter().map(|m| gib(m.memory_bytes)).collect();
    let names: Vec<&str> = only.iter().map(|(lost, ..)| lost.name.as_str()).collect();
    let share = percent(own.total_bytes, all);
    let message = format!(
        "Losing {} means restarting {} GiB elsewhere, which fits only with {} ({} GiB free); without \
         it {} GiB are free. {share}% of all memory ({} of {} GiB) is on {}, which runs {}.",
        lost.name,
        sizes.join(" + "),
        spare.name,
        gib(own.free_bytes),
        gib(without.free_bytes),
        gib(own.total_bytes),
        gib(all),
        spare.name,
        if nodes == 0 {
            "no Talos node".to_owned()
        } else {
            count(nodes, "Talos node")
        },
    );
    Some(
        rule.finding(
            if nodes == 0 {
                Severity::Warning
            } else {
                Severity::Info
            },
            &spare.name,
            message,
        )
        .evidence("losses that need it", names.join(", "), "")
        .evidence(
            format!("to restart after {}", lost.name),
            gib(with.needed_bytes),
            "GiB",
        )
        .evidence(
            format!("free on {}", spare.name),
            gib(own.free_bytes),
            "GiB",
        )
        .evidence(
            format!("free without {}", spare.name),
            gib(without.free_bytes),
            "GiB",
        )
        .evidence("share of all memory", share, "%")
        .evidence(format!("Talos nodes on {}", spare.name), nodes, ""),
    )
}
