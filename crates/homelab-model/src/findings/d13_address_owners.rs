use super::{Rule, advice};
use crate::finding::{Finding, Severity};
use crate::topology::{Address, Owner, Topology};
use crate::units::list;

pub(super) const RULE: Rule = Rule {
    code: "D13",
    name: "address-owners",
    severity: Severity::Critical,
    title: "An address has more than one owner.",
    explanation: "Two machines that answer ARP for one address take it from each other. The usual \
        case is the VIP that Talos moves between control planes and that is also listed as a \
        load balancer address: Talos answers for it where etcd has elected, and the network \
        plugin must never announce it.",
    source: "Talos: the VIP is held by the winner of an etcd election and announced by gratuitous ARP",
    check,
};

fn check(rule: &Rule, topology: &Topology) -> Vec<Finding> {
    let shared = topology
        .addresses
        .iter()
        .filter(|address| address.owners.len() > 1);
    shared.map(|address| finding(rule, address)).collect()
}

fn finding(rule: &Rule, address: &Address) -> Finding {
    let owners: Vec<String> = address.owners.iter().map(described).collect();
    let vip = address.owners.iter().find(|owner| owner.kind == "vip");
    let balancer = address
        .owners
        .iter()
        .find(|owner| owner.kind == "load-balancer");
    let two = address.owners.len() == 2;
    let (severity, message, fix) = match (vip, balancer) {
        (Some(_), Some(balancer)) if two => (
            Severity::Warning,
            format!(
                "{} is {}: Talos answers ARP for it where etcd has elected a control plane, so the \
                 load balancer must never announce it.",
                address.address,
                list(&owners)
            ),
            format!(
                "Take `{}` ({}) off the load balancer addresses.",
                balancer.name, address.address
            ),
        ),
        _ => (
            Severity::Critical,
            format!(
                "{} has {} owners: {}.",
                address.address,
                owners.len(),
                list(&owners)
            ),
            format!(
                "Give all but one of them another address than {}.",
                address.address
            ),
        ),
    };
    rule.finding(severity, &address.address, message)
        .evidence("owners", owners.join(", "), "")
        .fix(advice(fix))
}

fn described(owner: &Owner) -> String {
    match owner.kind.as_str() {
        "vip" => format!("the VIP of cluster {}", owner.name),
        "load-balancer" => format!("the load balancer address `{}`", owner.name),
        kind => format!("{kind} {}", owner.name),
    }
}
