//! The checks of etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use homelab_core::Result;

use super::cluster::Cluster;
use super::report::Verdict;
use crate::machine::EtcdMember;

/// Every control plane knows the same members.
pub(super) async fn agreement(cluster: &Cluster) -> Result<Verdict> {
    let asked = cluster.ask_control_planes().etcd_members().await;
    let mut views: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (node, members) in asked.answers() {
        views
            .entry(view(members))
            .or_default()
            .push(node.to_owned());
    }
    let silent = Verdict::of_nodes(asked, |_| None)?;
    if silent != Verdict::Passed || views.len() <= 1 {
        return Ok(silent);
    }
    let views: Vec<_> = views
        .iter()
        .map(|(view, nodes)| format!("{}: {}", nodes.join(", "), view.join(", ")))
        .collect();
    let message = format!(
        "control planes know different members: {}",
        views.join("; ")
    );
    Ok(Verdict::Failed(message))
}

/// What must be the same everywhere.
fn view(members: &[EtcdMember]) -> Vec<String> {
    let mut view: Vec<_> = members
        .iter()
        .map(|m| {
            let learner = if m.learner { " (learner)" } else { "" };
            format!("{} {}{learner}", m.id, m.hostname)
        })
        .collect();
    view.sort();
    view
}

/// Every member is reached at an address of a control plane.
pub(super) async fn members(cluster: &Cluster) -> Result<Verdict> {
    let known: BTreeSet<IpAddr> = cluster
        .control_planes
        .iter()
        .flat_map(|m| &m.addresses)
        .filter_map(|address| address.parse().ok())
        .collect();
    Verdict::of_nodes(
        cluster.ask_control_planes().etcd_members().await,
        |members| {
            let strangers: Vec<_> = members.iter().filter(|m| !reached(m, &known)).collect();
            let names: Vec<_> = strangers.iter().map(|m| m.hostname.as_str()).collect();
            (!names.is_empty())
                .then(|| format!("members that are no control plane: {}", names.join(", ")))
        },
    )
}

fn reached(member: &EtcdMember, known: &BTreeSet<IpAddr>) -> bool {
    let address = |url: &String| {
        let uri: http::Uri = url.parse().ok()?;
        let host = uri.host()?.trim_matches(['[', ']']);
        host.parse::<IpAddr>().ok()
    };
    // A name is none that could be compared.
    let addresses: Vec<_> = member.peer_urls.iter().filter_map(address).collect();
    addresses.is_empty() || addresses.iter().any(|a| known.contains(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_learners_do() {
        let member = |id: &str, learner| EtcdMember {
            id: id.into(),
            learner,
            ..EtcdMember::default()
        };
        let (a, b) = (member("1", false), member("2", false));
        assert_eq!(view(&[a.clone(), b.clone()]), view(&[b, a.clone()]));
        assert_ne!(view(&[a]), view(&[member("1", true)]));
    }

    #[test]
    fn peers_are_compared_by_address() {
        let known = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()].into();
        let member = |url: &str| EtcdMember {
            peer_urls: vec![url.into()],
            ..EtcdMember::default()
        };
        assert!(reached(&member("https://10.0.0.1:2380"), &known));
        assert!(reached(&member("https://[fd00::1]:2380"), &known));
        assert!(!reached(&member("https://10.0.0.9:2380"), &known));
    }
}
