use super::{Rule, moving};
use crate::finding::{Finding, Fix, Severity};
use crate::topology::Topology;
use crate::units::{gib, percent};
use crate::what_if::{Depth, HostMemory, Placement, host_memory, smallest_moves};

pub(super) const RULE: Rule = Rule {
    code: "D5",
    name: "memory-overcommit",
    severity: Severity::Critical,
    title: "A host promises more memory than it has.",
    explanation: "Configured memory of the guests on a host, plus what Proxmox VE and Ceph need (by \
        the assumptions: 2 GiB for the host, 4 GiB for each OSD, 1 GiB for monitor and manager), \
        against the host's RAM. Above 100% the kernel kills a process once the guests use what \
        they were given; above 90% there is no room to restart anything.",
    source: "Ceph: osd_memory_target defaults to 4 GiB; Proxmox VE admin guide, system requirements",
    check,
};

/// From here on, full is near.
const TIGHT_PERCENT: u64 = 90;

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let hosts = host_memory(topology);
    let mut found = Vec::new();
    for memory in &hosts {
        let tight = memory.committed_bytes * 100 > memory.total_bytes * TIGHT_PERCENT;
        let severity = match memory.missing_bytes {
            0 if tight => Severity::Warning,
            0 => continue,
            _ => Severity::Critical,
        };
        let mut finding = rule.finding(severity, &memory.host, message(topology, memory));
        for other in &hosts {
            let used = percent(other.committed_bytes, other.total_bytes);
            finding = finding.evidence(format!("memory of {}", other.host), used, "%");
        }
        let fix = (severity == Severity::Critical)
            .then(|| relieve(topology, memory))
            .flatten();
        found.push(finding.fix(fix));
    }
    found
}

/// Guests that a message names before it only counts.
const NAMED: usize = 6;

fn message(topology: &Topology, memory: &HostMemory) -> String {
    let mut guests: Vec<String> = topology
        .guests_on(&memory.host)
        .filter_map(|guest| Some(format!("{} {}", guest.name, gib(guest.memory_bytes?))))
        .collect();
    if guests.len() > NAMED {
        let more = guests.len() - NAMED;
        guests.truncate(NAMED);
        guests.push(format!("{more} more"));
    }
    let used = percent(memory.committed_bytes, memory.total_bytes);
    let rest = match memory.missing_bytes {
        0 => format!("{} GiB are left", gib(memory.free_bytes)),
        missing => format!("{} GiB are missing", gib(missing)),
    };
    format!(
        "{} promises {} of {} GiB ({used}%): {} plus {} for the host itself; {rest}.",
        memory.host,
        gib(memory.committed_bytes),
        gib(memory.total_bytes),
        guests.join(" + "),
        gib(memory.overhead_bytes),
    )
}

/// The one move that brings the host below what it has.
fn relieve(topology: &Topology, memory: &HostMemory) -> Option<Fix> {
    let placement = Placement::of(topology);
    let host = placement
        .hosts
        .iter()
        .position(|host| host.name == memory.host)?;
    let on_it = |guest: usize| {
        placement
            .guests
            .get(guest)
            .is_some_and(|guest| guest.host == host)
    };
    let steps = smallest_moves(&placement, Depth::One, on_it, |after| after.fits(host))?;
    Some(moving(
        &placement,
        &steps,
        &format!("then {} has memory for what it runs", memory.host),
    ))
}
