//! A node's own system: services, network, names, time, logs, packages.

use proxmox_endpoints::{
    CreateNetwork, CreateNodeFirewallRule, DeleteNetwork, GetAptChangelog, GetAptRepositories,
    GetDns, GetHostsFile, GetJournal, GetNetwork, GetNodeConfig, GetNodeFirewallOptions,
    GetNodeReport, GetNodeTime, GetServiceState, GetSubscription, GetSyslog, ListAptUpdates,
    ListAptVersions, ListNetworks, ListNodeFirewallRules, ListNodeSdnZones, ListServices,
    NetworkTypeKind, ReloadNetwork, ReloadService, RestartService, RevertNetworkChanges,
    SecurityGroupRuleKind, ServiceIndexService, SetNodeTimezone, StartService, StopService,
    UpdateAptDatabase, UpdateDns, UpdateHostsFile, UpdateNetwork, UpdateNodeConfig,
    UpdateNodeFirewallOptions,
};

use crate::{Node, Pending, PendingTask};

impl Node {
    /// The services that make up Proxmox VE, with their states.
    pub fn services(&self) -> Pending<ListServices> {
        Pending::new(&self.client, ListServices::new(&self.name))
    }

    /// One service's state.
    pub fn service(&self, service: ServiceIndexService) -> Pending<GetServiceState> {
        Pending::new(&self.client, GetServiceState::new(&self.name, service))
    }

    /// Starts a service.
    pub fn start_service(&self, service: ServiceIndexService) -> PendingTask<StartService> {
        PendingTask::task(&self.client, StartService::new(&self.name, service))
    }

    /// Stops a service.
    pub fn stop_service(&self, service: ServiceIndexService) -> PendingTask<StopService> {
        PendingTask::task(&self.client, StopService::new(&self.name, service))
    }

    /// Restarts a service, whatever it takes.
    pub fn restart_service(&self, service: ServiceIndexService) -> PendingTask<RestartService> {
        PendingTask::task(&self.client, RestartService::new(&self.name, service))
    }

    /// Reloads a service, or restarts it where it cannot.
    pub fn reload_service(&self, service: ServiceIndexService) -> PendingTask<ReloadService> {
        PendingTask::task(&self.client, ReloadService::new(&self.name, service))
    }

    /// Its network interfaces, with changes that are not applied yet.
    pub fn networks(&self) -> Pending<ListNetworks> {
        Pending::new(&self.client, ListNetworks::new(&self.name))
    }

    /// One network interface.
    pub fn network(&self, iface: impl Into<String>) -> Pending<GetNetwork> {
        Pending::new(&self.client, GetNetwork::new(&self.name, iface))
    }

    /// Plans a network interface; `kind` is `bridge`, `bond`, `vlan`, … Applied by
    /// [`reload_network`](Self::reload_network).
    pub fn create_network(
        &self,
        iface: impl Into<String>,
        kind: NetworkTypeKind,
    ) -> Pending<CreateNetwork> {
        Pending::new(&self.client, CreateNetwork::new(&self.name, iface, kind))
    }

    /// Plans a change. It replaces the interface's whole configuration: what is not given is
    /// dropped.
    pub fn update_network(
        &self,
        iface: impl Into<String>,
        kind: NetworkTypeKind,
    ) -> Pending<UpdateNetwork> {
        Pending::new(&self.client, UpdateNetwork::new(&self.name, iface, kind))
    }

    /// Plans the deletion of an interface.
    pub fn delete_network(&self, iface: impl Into<String>) -> Pending<DeleteNetwork> {
        Pending::new(&self.client, DeleteNetwork::new(&self.name, iface))
    }

    /// Applies what is planned.
    pub fn reload_network(&self) -> PendingTask<ReloadNetwork> {
        PendingTask::task(&self.client, ReloadNetwork::new(&self.name))
    }

    /// Forgets what is planned.
    pub fn revert_network(&self) -> Pending<RevertNetworkChanges> {
        Pending::new(&self.client, RevertNetworkChanges::new(&self.name))
    }

    /// Its DNS servers and search domain.
    pub fn dns(&self) -> Pending<GetDns> {
        Pending::new(&self.client, GetDns::new(&self.name))
    }

    /// Changes its DNS servers and search domain.
    pub fn update_dns(&self, search: impl Into<String>) -> Pending<UpdateDns> {
        Pending::new(&self.client, UpdateDns::new(&self.name, search))
    }

    /// Its time and time zone.
    pub fn time(&self) -> Pending<GetNodeTime> {
        Pending::new(&self.client, GetNodeTime::new(&self.name))
    }

    /// Changes its time zone.
    pub fn set_timezone(&self, timezone: impl Into<String>) -> Pending<SetNodeTimezone> {
        Pending::new(&self.client, SetNodeTimezone::new(&self.name, timezone))
    }

    /// Its `/etc/hosts`, with a digest.
    pub fn hosts(&self) -> Pending<GetHostsFile> {
        Pending::new(&self.client, GetHostsFile::new(&self.name))
    }

    /// Replaces its `/etc/hosts`. Give `digest`.
    pub fn update_hosts(&self, data: impl Into<String>) -> Pending<UpdateHostsFile> {
        Pending::new(&self.client, UpdateHostsFile::new(&self.name, data))
    }

    /// Its own settings: description, wake-on-LAN, start delay, ACME domains.
    pub fn config(&self) -> Pending<GetNodeConfig> {
        Pending::new(&self.client, GetNodeConfig::new(&self.name))
    }

    /// Changes its own settings.
    pub fn update_config(&self) -> Pending<UpdateNodeConfig> {
        Pending::new(&self.client, UpdateNodeConfig::new(&self.name))
    }

    /// Lines of its syslog.
    pub fn syslog(&self) -> Pending<GetSyslog> {
        Pending::new(&self.client, GetSyslog::new(&self.name))
    }

    /// Lines of its journal.
    pub fn journal(&self) -> Pending<GetJournal> {
        Pending::new(&self.client, GetJournal::new(&self.name))
    }

    /// The report that support asks for: all of its configuration as one text.
    pub fn report(&self) -> Pending<GetNodeReport> {
        Pending::new(&self.client, GetNodeReport::new(&self.name))
    }

    /// Its subscription.
    pub fn subscription(&self) -> Pending<GetSubscription> {
        Pending::new(&self.client, GetSubscription::new(&self.name))
    }

    /// The packages that could be upgraded, as of the last refresh.
    pub fn apt_updates(&self) -> Pending<ListAptUpdates> {
        Pending::new(&self.client, ListAptUpdates::new(&self.name))
    }

    /// Refreshes the list of packages.
    pub fn refresh_apt(&self) -> PendingTask<UpdateAptDatabase> {
        PendingTask::task(&self.client, UpdateAptDatabase::new(&self.name))
    }

    /// The packages that make up Proxmox VE, with their versions.
    pub fn apt_versions(&self) -> Pending<ListAptVersions> {
        Pending::new(&self.client, ListAptVersions::new(&self.name))
    }

    /// Its package repositories.
    pub fn apt_repositories(&self) -> Pending<GetAptRepositories> {
        Pending::new(&self.client, GetAptRepositories::new(&self.name))
    }

    /// A package's changelog.
    pub fn apt_changelog(&self, name: impl Into<String>) -> Pending<GetAptChangelog> {
        Pending::new(&self.client, GetAptChangelog::new(&self.name, name))
    }

    /// The SDN zones on it, with their states.
    pub fn sdn_zones(&self) -> Pending<ListNodeSdnZones> {
        Pending::new(&self.client, ListNodeSdnZones::new(&self.name))
    }

    /// Its firewall's settings.
    pub fn firewall_options(&self) -> Pending<GetNodeFirewallOptions> {
        Pending::new(&self.client, GetNodeFirewallOptions::new(&self.name))
    }

    /// Changes its firewall's settings.
    pub fn update_firewall_options(&self) -> Pending<UpdateNodeFirewallOptions> {
        Pending::new(&self.client, UpdateNodeFirewallOptions::new(&self.name))
    }

    /// Its firewall's rules, in order.
    pub fn firewall_rules(&self) -> Pending<ListNodeFirewallRules> {
        Pending::new(&self.client, ListNodeFirewallRules::new(&self.name))
    }

    /// Adds a rule at the top; it is off unless `enable` is 1.
    pub fn create_firewall_rule(
        &self,
        action: impl Into<String>,
        kind: SecurityGroupRuleKind,
    ) -> Pending<CreateNodeFirewallRule> {
        Pending::new(
            &self.client,
            CreateNodeFirewallRule::new(&self.name, action, kind),
        )
    }
}
