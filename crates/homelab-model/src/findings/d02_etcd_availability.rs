use super::Rule;
use crate::finding::{Finding, Severity};
use crate::topology::Topology;
use crate::units::{count, either};
use crate::what_if::{ClusterVoters, etcd_tolerance, unavailability};

pub(super) const RULE: Rule = Rule {
    code: "D2",
    name: "etcd-availability",
    severity: Severity::Warning,
    title: "Etcd is down more often than its members could make it.",
    explanation: "With each host down with the same small probability, independent of the others, \
        the rule computes the exact probability that etcd has no quorum: as the members are \
        placed, and as they could be on the hosts of the lab. When one host holds a quorum \
        alone, etcd is up exactly when that host is, like a single node. The probability comes \
        from the assumption `host_outage_probability`.",
    source: "sum over all combinations of hosts that are up; quorum as in D1",
    check,
};

/// Below this factor the difference is not worth a word.
const WORTH: f64 = 1.5;

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, &cluster.name))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &str) -> Option<Finding> {
    let voters = ClusterVoters::of(topology, cluster)?;
    let outage = topology.assumptions.host_outage_probability;
    let hosts = voters.voters.min(topology.hosts.len());
    let now = unavailability(&voters.counts(), outage);
    let spread = unavailability(&evenly(voters.voters, hosts), outage);
    let ratio = now / spread;
    if !ratio.is_finite() || ratio < WORTH {
        return None;
    }
    let fatal = etcd_tolerance(topology, cluster)?.fatal_hosts;
    let up = match fatal.as_slice() {
        [] => "etcd could be up more often:".to_owned(),
        [one] => format!("etcd is up exactly when {one} is up, as if it were one node:"),
        several => format!("etcd is down when {} is:", either(several)),
    };
    let times = times(ratio);
    let outage_text = format!("{}%", trimmed(outage * 100.0));
    let message = format!(
        "{up} at {outage_text} outage per host it is available {:.3}% of the time, against \
         {:.3}% with its members on {}: {times} times the unavailability.",
        (1.0 - now) * 100.0,
        (1.0 - spread) * 100.0,
        count(hosts, "host"),
    );
    let fix = super::d04_smallest_fix::search(topology, cluster).filter(|_| !fatal.is_empty());
    Some(
        rule.finding(Severity::Warning, cluster, message)
            .evidence("assumed outage of one host", trimmed(outage * 100.0), "%")
            .evidence(
                "availability as placed",
                format!("{:.3}", (1.0 - now) * 100.0),
                "%",
            )
            .evidence(
                format!("availability on {}", count(hosts, "host")),
                format!("{:.3}", (1.0 - spread) * 100.0),
                "%",
            )
            .evidence("times the unavailability", times, "")
            .fix(fix),
    )
}

/// Members on hosts, as even as it goes.
fn evenly(members: usize, hosts: usize) -> Vec<usize> {
    (0..hosts)
        .map(|host| members / hosts + usize::from(host < members % hosts))
        .collect()
}

fn times(ratio: f64) -> String {
    if ratio < 100.0 {
        format!("{ratio:.1}")
    } else {
        format!("{ratio:.0}")
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
