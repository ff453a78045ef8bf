//! The calls of the PVE API, one file per subject. Each file ends in the table
//! of its routes.

#![allow(clippy::unnecessary_wraps, reason = "calls share one signature")]

mod access;
mod acl;
pub(super) mod agent;
mod agent_files;
mod agent_network;
pub(super) mod backup_jobs;
mod backup_selection;
mod backup_task;
pub(super) mod backups;
mod bulk;
mod bulk_act;
mod bulk_task;
mod button;
mod ceph;
mod ceph_config;
mod certificates;
mod cluster;
mod cluster_log;
mod config;
mod consoles;
mod containers;
mod content;
mod content_made;
mod copies;
mod create;
mod destroy;
mod disk_moves;
mod fetch;
mod files;
pub(super) mod firewall;
mod firewall_sets;
mod groups;
mod guests;
mod ha;
mod ha_config;
mod ha_rules;
mod host_info;
pub(super) mod host_network;
mod host_power;
pub(super) mod lifecycle;
mod load;
mod load_history;
mod migrate;
mod nodes;
mod pools;
mod prune;
mod resources;
mod restore;
pub(super) mod sdn;
mod snapshots;
mod storage;
mod storage_config;
mod tasks;
mod templates;
mod tokens;
mod users;

use super::router::Route;

/// All calls.
pub(super) fn routes() -> impl Iterator<Item = &'static Route> {
    [
        access::ROUTES,
        acl::ROUTES,
        agent::ROUTES,
        agent_files::ROUTES,
        backup_jobs::ROUTES,
        backups::ROUTES,
        bulk::ROUTES,
        ceph::ROUTES,
        ceph_config::ROUTES,
        certificates::ROUTES,
        cluster::ROUTES,
        cluster_log::ROUTES,
        config::ROUTES,
        consoles::ROUTES,
        containers::ROUTES,
        content::ROUTES,
        copies::ROUTES,
        create::ROUTES,
        destroy::ROUTES,
        disk_moves::ROUTES,
        files::ROUTES,
        guests::ROUTES,
        groups::ROUTES,
        ha::ROUTES,
        ha_config::ROUTES,
        ha_rules::ROUTES,
        host_info::ROUTES,
        host_network::ROUTES,
        host_power::ROUTES,
        load_history::ROUTES,
        lifecycle::ROUTES,
        migrate::ROUTES,
        nodes::ROUTES,
        pools::ROUTES,
        prune::ROUTES,
        resources::ROUTES,
        snapshots::ROUTES,
        storage::ROUTES,
        storage_config::ROUTES,
        tasks::ROUTES,
        templates::ROUTES,
        tokens::ROUTES,
        users::ROUTES,
    ]
    .into_iter()
    .flatten()
}
