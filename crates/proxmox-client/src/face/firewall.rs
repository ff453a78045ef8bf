//! `pve.cluster().firewall()`: the firewall of the whole cluster.

use proxmox_endpoints::{
    CreateClusterFirewallAlias, CreateClusterFirewallIpSet, CreateClusterFirewallIpSetEntry,
    CreateClusterFirewallRule, CreateSecurityGroup, DeleteClusterFirewallAlias,
    DeleteClusterFirewallIpSet, DeleteClusterFirewallIpSetEntry, DeleteClusterFirewallRule,
    DeleteSecurityGroup, GetClusterFirewallOptions, ListClusterFirewallAliases,
    ListClusterFirewallIpSetEntries, ListClusterFirewallIpSets, ListClusterFirewallRefs,
    ListClusterFirewallRules, ListFirewallMacros, ListSecurityGroupRules, ListSecurityGroups,
    SecurityGroupRuleKind, UpdateClusterFirewallOptions, UpdateClusterFirewallRule,
};

use crate::{Pending, ProxmoxClient};

/// The firewall of the whole cluster.
#[derive(Clone, Debug)]
pub struct Firewall {
    client: ProxmoxClient,
}

impl Firewall {
    pub(crate) fn new(client: ProxmoxClient) -> Self {
        Firewall { client }
    }

    /// Its settings; it is off unless `enable` is 1.
    pub fn options(&self) -> Pending<GetClusterFirewallOptions> {
        Pending::new(&self.client, GetClusterFirewallOptions::new())
    }

    /// Changes its settings. Whoever turns it on without a rule for the API locks himself out.
    pub fn update_options(&self) -> Pending<UpdateClusterFirewallOptions> {
        Pending::new(&self.client, UpdateClusterFirewallOptions::new())
    }

    /// Its rules, in order.
    pub fn rules(&self) -> Pending<ListClusterFirewallRules> {
        Pending::new(&self.client, ListClusterFirewallRules::new())
    }

    /// Adds a rule at the top; it is off unless `enable` is 1. `kind` is `in`, `out`, `forward`
    /// or `group`.
    pub fn create_rule(
        &self,
        action: impl Into<String>,
        kind: SecurityGroupRuleKind,
    ) -> Pending<CreateClusterFirewallRule> {
        Pending::new(&self.client, CreateClusterFirewallRule::new(action, kind))
    }

    /// Changes the rule at a position. Give `digest`: positions shift when somebody else
    /// inserts one.
    pub fn update_rule(&self, pos: u64) -> Pending<UpdateClusterFirewallRule> {
        Pending::new(&self.client, UpdateClusterFirewallRule::new(pos))
    }

    /// Deletes the rule at a position. Give `digest`, as for a change.
    pub fn delete_rule(&self, pos: u64) -> Pending<DeleteClusterFirewallRule> {
        Pending::new(&self.client, DeleteClusterFirewallRule::new(pos))
    }

    /// The groups of rules.
    pub fn groups(&self) -> Pending<ListSecurityGroups> {
        Pending::new(&self.client, ListSecurityGroups::new())
    }

    /// The rules of a group.
    pub fn group_rules(&self, group: impl Into<String>) -> Pending<ListSecurityGroupRules> {
        Pending::new(&self.client, ListSecurityGroupRules::new(group))
    }

    /// Makes a group of rules.
    pub fn create_group(&self, group: impl Into<String>) -> Pending<CreateSecurityGroup> {
        Pending::new(&self.client, CreateSecurityGroup::new(group))
    }

    /// Deletes an empty group.
    pub fn delete_group(&self, group: impl Into<String>) -> Pending<DeleteSecurityGroup> {
        Pending::new(&self.client, DeleteSecurityGroup::new(group))
    }

    /// The names of addresses and networks.
    pub fn aliases(&self) -> Pending<ListClusterFirewallAliases> {
        Pending::new(&self.client, ListClusterFirewallAliases::new())
    }

    /// Names an address or network.
    pub fn create_alias(
        &self,
        cidr: impl Into<String>,
        name: impl Into<String>,
    ) -> Pending<CreateClusterFirewallAlias> {
        Pending::new(&self.client, CreateClusterFirewallAlias::new(cidr, name))
    }

    /// Forgets a name.
    pub fn delete_alias(&self, name: impl Into<String>) -> Pending<DeleteClusterFirewallAlias> {
        Pending::new(&self.client, DeleteClusterFirewallAlias::new(name))
    }

    /// The sets of addresses.
    pub fn ip_sets(&self) -> Pending<ListClusterFirewallIpSets> {
        Pending::new(&self.client, ListClusterFirewallIpSets::new())
    }

    /// The addresses in a set.
    pub fn ip_set(&self, name: impl Into<String>) -> Pending<ListClusterFirewallIpSetEntries> {
        Pending::new(&self.client, ListClusterFirewallIpSetEntries::new(name))
    }

    /// Makes a set of addresses.
    pub fn create_ip_set(&self, name: impl Into<String>) -> Pending<CreateClusterFirewallIpSet> {
        Pending::new(&self.client, CreateClusterFirewallIpSet::new(name))
    }

    /// Adds an address or network to a set.
    pub fn add_to_ip_set(
        &self,
        name: impl Into<String>,
        cidr: impl Into<String>,
    ) -> Pending<CreateClusterFirewallIpSetEntry> {
        Pending::new(
            &self.client,
            CreateClusterFirewallIpSetEntry::new(name, cidr),
        )
    }

    /// Takes one out.
    pub fn remove_from_ip_set(
        &self,
        name: impl Into<String>,
        cidr: impl Into<String>,
    ) -> Pending<DeleteClusterFirewallIpSetEntry> {
        Pending::new(
            &self.client,
            DeleteClusterFirewallIpSetEntry::new(name, cidr),
        )
    }

    /// Deletes a set.
    pub fn delete_ip_set(&self, name: impl Into<String>) -> Pending<DeleteClusterFirewallIpSet> {
        Pending::new(&self.client, DeleteClusterFirewallIpSet::new(name))
    }

    /// The ready-made rules: `SSH`, `Ping`, …
    pub fn macros(&self) -> Pending<ListFirewallMacros> {
        Pending::new(&self.client, ListFirewallMacros::new())
    }

    /// The names and sets that rules can refer to.
    pub fn refs(&self) -> Pending<ListClusterFirewallRefs> {
        Pending::new(&self.client, ListClusterFirewallRefs::new())
    }
}
