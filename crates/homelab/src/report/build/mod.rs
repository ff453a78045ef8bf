//! From the topology to the [`View`] that the writers arrange.

mod machines;
mod shared;

use homelab_model::{Finding, RULES, Severity, Topology};

use super::losses::{self, HostLoss};
use super::view::{AddressView, Badge, Level, Numbered, View};

pub(crate) fn view(topology: &Topology, findings: &[Finding]) -> View {
    let mut numbered: Vec<Numbered> = findings
        .iter()
        .map(|finding| Numbered {
            number: 0,
            fix_as: None,
            title: title(finding),
            level: match finding.severity {
                Severity::Critical => Level::Critical,
                Severity::Warning => Level::Warning,
                Severity::Info => Level::Info,
            },
            finding: finding.clone(),
        })
        .collect();
    // Worst first, and what is broken now before what would break; then the rules' own order.
    numbered.sort_by_key(|n| (std::cmp::Reverse(n.level), !n.finding.code.starts_with('O')));
    let mut fixes: Vec<String> = Vec::new();
    for (i, n) in numbered.iter_mut().enumerate() {
        n.number = i + 1;
        let fix = n
            .finding
            .fix
            .as_ref()
            .map(|f| f.summary.clone())
            .unwrap_or_default();
        n.fix_as = fixes
            .iter()
            .position(|f| *f == fix && !fix.is_empty())
            .map(|p| p + 1);
        fixes.push(fix);
    }

    let losses = losses::all(topology);
    let builder = Builder {
        topology,
        findings: &numbered,
        losses: &losses,
    };
    let hosts = topology.hosts.iter().map(|h| builder.host(h)).collect();
    let unplaced = topology
        .guests
        .iter()
        .filter(|g| {
            !topology
                .hosts
                .iter()
                .any(|h| Some(h.name.as_str()) == g.host.as_deref())
        })
        .map(|g| builder.guest(g, None))
        .chain(
            topology
                .nodes
                .iter()
                .filter(|n| n.guest.is_none() && n.host.is_none())
                .map(|n| builder.lone_node(n)),
        )
        .collect();
    let mut addresses: Vec<AddressView> = topology
        .addresses
        .iter()
        .filter_map(|a| builder.address(a))
        .collect();
    let order = |a: &AddressView| {
        (
            a.address.parse::<std::net::IpAddr>().ok(),
            a.address.clone(),
        )
    };
    addresses.sort_by_key(order);
    let mut view = View {
        name: topology.name.clone(),
        observed_at: topology.observed_at.clone(),
        hosts,
        unplaced,
        pools: builder.pools(),
        networks: topology.subnet.iter().cloned().collect(),
        addresses,
        clusters: topology
            .clusters
            .iter()
            .map(|c| builder.cluster(c))
            .collect(),
        quorum: topology.quorum.clone(),
        joins: topology.joins.clone(),
        mismatches: topology.mismatches.clone(),
        failures: topology.failures.clone(),
        findings: Vec::new(),
        losses: Vec::new(),
    };
    view.findings = numbered;
    view.losses = losses;
    view
}

struct Builder<'a> {
    topology: &'a Topology,
    findings: &'a [Numbered],
    losses: &'a [HostLoss],
}

impl Builder<'_> {
    /// Marks of the findings about any of `names`, or whose fix moves one of them.
    fn badges(&self, names: &[&str]) -> Vec<Badge> {
        let moved = |f: &Finding| {
            f.fix
                .iter()
                .flat_map(|fix| &fix.moves)
                .any(|m| names.contains(&m.guest.as_str()))
        };
        self.findings
            .iter()
            .filter(|n| {
                names.contains(&n.finding.subject.as_str())
                    || (n.fix_as.is_none() && moved(&n.finding))
            })
            .map(|n| Badge {
                number: n.number,
                level: n.level,
            })
            .collect()
    }

    fn observed(&self) -> bool {
        self.topology.observed_at.is_some()
    }
}

/// What the rule looks for, in a sentence; its name for a rule that is not known here.
fn title(finding: &Finding) -> String {
    RULES
        .iter()
        .find(|rule| rule.code == finding.code && rule.name == finding.name)
        .map_or_else(
            || finding.name.clone(),
            |rule| rule.title.trim_end_matches('.').to_owned(),
        )
}
