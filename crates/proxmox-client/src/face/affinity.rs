//! Which guests belong on which nodes: said in rules from release 9.0 on, in
//! groups before. Here it reads the same.

use std::collections::BTreeMap;

use homelab_core::{ErrorKind, Result};
use proxmox_endpoints::{HaRule, HaRuleKind, ListHaGroups, ListHaResources, ListHaRules};
use serde::{Deserialize, Serialize};

use crate::Ha;

/// Guests and the nodes that the HA manager prefers for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NodeAffinity {
    /// The name of the rule, or of the group.
    pub name: String,
    /// The nodes with their priorities; a higher one is preferred.
    pub nodes: BTreeMap<String, u32>,
    /// The guests: `vm:100`, `ct:200`.
    pub resources: Vec<String>,
    /// Whether they run nowhere else.
    pub strict: bool,
    /// Whether it is in force.
    pub enabled: bool,
    /// Notes.
    pub comment: Option<String>,
}

impl Ha {
    /// Which guests belong on which nodes, whatever the release.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn node_affinity(&self) -> Result<Vec<NodeAffinity>> {
        match self.client.send(&ListHaRules::new()).await {
            Ok(rules) => Ok(rules.into_iter().filter_map(from_rule).collect()),
            Err(error) if error.kind() == ErrorKind::Unsupported => self.of_groups().await,
            Err(error) => Err(error),
        }
    }

    async fn of_groups(&self) -> Result<Vec<NodeAffinity>> {
        let groups = self.client.send(&ListHaGroups::new()).await?;
        let resources = self.client.send(&ListHaResources::new()).await?;
        Ok(groups
            .into_iter()
            .map(|group| {
                let name = group.group.unwrap_or_default();
                let members = resources
                    .iter()
                    .filter(|r| r.group.as_deref() == Some(name.as_str()));
                NodeAffinity {
                    nodes: priorities(words(&group.nodes.unwrap_or_default())),
                    resources: members.map(|r| r.service.clone()).collect(),
                    strict: group.restricted.unwrap_or(false),
                    enabled: true,
                    comment: group.comment,
                    name,
                }
            })
            .collect())
    }
}

fn from_rule(rule: HaRule) -> Option<NodeAffinity> {
    if rule.kind != Some(HaRuleKind::NodeAffinity) {
        return None;
    }
    Some(NodeAffinity {
        name: rule.rule?,
        nodes: priorities(rule.nodes),
        resources: rule.resources,
        strict: rule.strict == Some(true),
        enabled: rule.disable != Some(true),
        comment: rule.comment,
    })
}

/// `pve1:2,pve2`: a node without a priority has 0.
fn priorities(nodes: Vec<String>) -> BTreeMap<String, u32> {
    nodes
        .into_iter()
        .map(|node| match node.split_once(':') {
            Some((name, priority)) => (name.to_owned(), priority.parse().unwrap_or(0)),
            None => (node, 0),
        })
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ';', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_priorities() {
        let nodes = priorities(words("pve1:2,pve2"));
        assert_eq!((nodes["pve1"], nodes["pve2"]), (2, 0));
    }
}
