//! The firewall of one guest. What it says takes effect where the cluster's
//! firewall is on and the interface has `firewall=1`.

use proxmox_endpoints::{
    CreateLxcFirewallRule, CreateQemuFirewallRule, DeleteLxcFirewallRule, DeleteQemuFirewallRule,
    GetLxcFirewallOptions, GetQemuFirewallOptions, ListLxcFirewallRules, ListQemuFirewallRules,
    SecurityGroupRuleKind, UpdateLxcFirewallOptions, UpdateLxcFirewallRule,
    UpdateQemuFirewallOptions, UpdateQemuFirewallRule,
};

use crate::{Lxc, Pending, Qemu};

impl Qemu {
    /// Its firewall's settings.
    pub fn firewall_options(&self) -> Pending<GetQemuFirewallOptions> {
        Pending::new(
            &self.client,
            GetQemuFirewallOptions::new(&self.node, self.vmid),
        )
    }

    /// Changes its firewall's settings.
    pub fn update_firewall_options(&self) -> Pending<UpdateQemuFirewallOptions> {
        Pending::new(
            &self.client,
            UpdateQemuFirewallOptions::new(&self.node, self.vmid),
        )
    }

    /// Its firewall's rules, in order.
    pub fn firewall_rules(&self) -> Pending<ListQemuFirewallRules> {
        Pending::new(
            &self.client,
            ListQemuFirewallRules::new(&self.node, self.vmid),
        )
    }

    /// Adds a rule at the top; it is off unless `enable` is 1. `kind` is `in`, `out`, `forward`
    /// or `group`.
    pub fn create_firewall_rule(
        &self,
        action: impl Into<String>,
        kind: SecurityGroupRuleKind,
    ) -> Pending<CreateQemuFirewallRule> {
        Pending::new(
            &self.client,
            CreateQemuFirewallRule::new(&self.node, self.vmid, action, kind),
        )
    }

    /// Changes the rule at a position. Give `digest`: positions shift when somebody else
    /// inserts one.
    pub fn update_firewall_rule(&self, pos: u64) -> Pending<UpdateQemuFirewallRule> {
        Pending::new(
            &self.client,
            UpdateQemuFirewallRule::new(&self.node, self.vmid, pos),
        )
    }

    /// Deletes the rule at a position. Give `digest`, as for a change.
    pub fn delete_firewall_rule(&self, pos: u64) -> Pending<DeleteQemuFirewallRule> {
        Pending::new(
            &self.client,
            DeleteQemuFirewallRule::new(&self.node, self.vmid, pos),
        )
    }
}

impl Lxc {
    /// Its firewall's settings.
    pub fn firewall_options(&self) -> Pending<GetLxcFirewallOptions> {
        Pending::new(
            &self.client,
            GetLxcFirewallOptions::new(&self.node, self.vmid),
        )
    }

    /// Changes its firewall's settings.
    pub fn update_firewall_options(&self) -> Pending<UpdateLxcFirewallOptions> {
        Pending::new(
            &self.client,
            UpdateLxcFirewallOptions::new(&self.node, self.vmid),
        )
    }

    /// Its firewall's rules, in order.
    pub fn firewall_rules(&self) -> Pending<ListLxcFirewallRules> {
        Pending::new(
            &self.client,
            ListLxcFirewallRules::new(&self.node, self.vmid),
        )
    }

    /// Adds a rule at the top; it is off unless `enable` is 1.
    pub fn create_firewall_rule(
        &self,
        action: impl Into<String>,
        kind: SecurityGroupRuleKind,
    ) -> Pending<CreateLxcFirewallRule> {
        Pending::new(
            &self.client,
            CreateLxcFirewallRule::new(&self.node, self.vmid, action, kind),
        )
    }

    /// Changes the rule at a position. Give `digest`: positions shift.
    pub fn update_firewall_rule(&self, pos: u64) -> Pending<UpdateLxcFirewallRule> {
        Pending::new(
            &self.client,
            UpdateLxcFirewallRule::new(&self.node, self.vmid, pos),
        )
    }

    /// Deletes the rule at a position. Give `digest`, as for a change.
    pub fn delete_firewall_rule(&self, pos: u64) -> Pending<DeleteLxcFirewallRule> {
        Pending::new(
            &self.client,
            DeleteLxcFirewallRule::new(&self.node, self.vmid, pos),
        )
    }
}
