use super::{Rule, advice, d04_smallest_fix};
use crate::finding::{Finding, Fix, Severity};
use crate::topology::Topology;
use crate::units::{count, either};
use crate::what_if::{ClusterVoters, EtcdTolerance, etcd_tolerance, placements_that_survive};

pub(super) const RULE: Rule = Rule {
    code: "D1",
    name: "etcd-host-tolerance",
    severity: Severity::Critical,
    title: "Losing one host takes the quorum of etcd with it.",
    explanation: "Etcd needs more than half of its members. When one host holds so many that the \
        rest is no quorum, that host is a single point of failure, however many control planes \
        there are. By the pigeonhole principle three members on two hosts always are in this \
        place. The rule counts, of all ways to put the members on the hosts they use, how many \
        survive the loss of any one host.",
    source: "etcd: quorum is ⌊n/2⌋+1 voting members (etcd FAQ, Raft)",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let clusters = topology.clusters.iter();
    clusters
        .filter_map(|cluster| cluster_finding(rule, topology, &cluster.name))
        .collect()
}

fn cluster_finding(rule: &Rule, topology: &Topology, cluster: &str) -> Option<Finding> {
    let tolerance = etcd_tolerance(topology, cluster)?;
    if tolerance.host_tolerance > 0 {
        return None;
    }
    let voters = ClusterVoters::of(topology, cluster)?;
    let hosts = voters.by_host.len();
    let (surviving, all) = placements_that_survive(voters.voters, hosts);
    let fatal = either(&tolerance.fatal_hosts);
    let worst = tolerance.fatal_hosts.first()?;
    let left = voters.voters - voters.by_host.get(worst).copied().unwrap_or(0);
    let on = if hosts == 1 {
        "one host".to_owned()
    } else {
        count(hosts, "host")
    };
    let message = format!(
        "{} on {on}: losing {fatal} leaves {left} of {} etcd members, and {} are needed. \
         {surviving} of {all} placements on {on} survive the loss of any one host.",
        count(voters.voters, "control plane"),
        voters.voters,
        tolerance.quorum,
    );
    let mut finding = rule
        .finding(Severity::Critical, cluster, message)
        .evidence("etcd members", voters.voters, "")
        .evidence("quorum", tolerance.quorum, "");
    for host in voters.by_host.keys() {
        finding = finding.evidence(
            format!("members on {host}"),
            members_on(topology, cluster, host),
            "",
        );
    }
    let finding = finding
        .evidence("node tolerance", tolerance.node_tolerance, "")
        .evidence("host tolerance", tolerance.host_tolerance, "")
        .evidence(
            "placements that survive",
            format!("{surviving} of {all}"),
            "",
        );
    let wider = voters.voters.min(topology.hosts.len());
    let finding = if wider > hosts {
        let (surviving, all) = placements_that_survive(voters.voters, wider);
        let name = format!("placements on {wider} hosts that survive");
        finding.evidence(name, format!("{surviving} of {all}"), "")
    } else {
        finding
    };
    Some(finding.fix(mend(topology, cluster, &tolerance)))
}

fn members_on(topology: &Topology, cluster: &str, host: &str) -> String {
    let members = topology
        .voters_of(cluster)
        .filter(|m| m.host.as_deref() == Some(host));
    members
        .map(|m| m.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Moving guests if that is enough, else what is missing.
fn mend(topology: &Topology, cluster: &str, tolerance: &EtcdTolerance) -> Option<Fix> {
    if tolerance.voters < 3 {
        let more = 3 - tolerance.voters;
        let what = count(more as usize, "more control plane");
        return Some(advice(format!(
            "Add {what}, each on a host of its own: three are the fewest that survive one loss."
        )));
    }
    if topology.hosts.len() < 3 {
        return Some(advice(
            "Add a third host: members on two hosts never survive the loss of either.",
        ));
    }
    d04_smallest_fix::search(topology, cluster)
}
