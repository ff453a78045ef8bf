//! Every scenario, in Rust.

use std::collections::BTreeSet;

macro_rules! scenarios {
    ($($test:ident => $file:literal,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                homelab_conformance::run::scenario($file).await;
            }
        )+

        /// Each scenario is claimed above.
        #[test]
        fn none_is_forgotten() {
            let claimed: BTreeSet<String> = [$($file),+].map(str::to_owned).into();
            let folder = homelab_conformance::root().join("scenarios");
            let there: BTreeSet<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|e| e.unwrap().path())
                .filter(|p| p.extension().is_some_and(|e| e == "json"))
                .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            assert_eq!(claimed, there);
            assert!(there.len() >= 14);
        }
    };
}

scenarios! {
    call_cancelled => "call-cancelled",
    closed => "closed",
    dead_host => "dead-host",
    dead_proxmox_endpoint => "dead-proxmox-endpoint",
    dead_talos_endpoint => "dead-talos-endpoint",
    duplicate_address => "duplicate-address",
    etcd_snapshot => "etcd-snapshot",
    expired_client_certificate => "expired-client-certificate",
    expired_server_certificate => "expired-server-certificate",
    guest_stopped => "guest-stopped",
    healthy_lab => "healthy-lab",
    html_answer => "html-answer",
    inventory_alone => "inventory-alone",
    malformed_credentials => "malformed-credentials",
    malformed_inventory => "malformed-inventory",
    malformed_talosconfig => "malformed-talosconfig",
    missing_inventory => "missing-inventory",
    partial_per_node => "partial-per-node",
    proxmox_access => "proxmox-access",
    proxmox_cluster_objects => "proxmox-cluster-objects",
    proxmox_containers => "proxmox-containers",
    proxmox_files => "proxmox-files",
    proxmox_guest_data => "proxmox-guest-data",
    proxmox_guest_life => "proxmox-guest-life",
    proxmox_locks_and_moves => "proxmox-locks-and-moves",
    proxmox_login => "proxmox-login",
    proxmox_node => "proxmox-node",
    proxmox_reads => "proxmox-reads",
    reader_may_not => "reader-may-not",
    reset_connection => "reset-connection",
    silent_host => "silent-host",
    simulator_clock => "simulator-clock",
    simulator_events => "simulator-events",
    simulator_fault_kinds => "simulator-fault-kinds",
    simulator_faults => "simulator-faults",
    simulator_machines => "simulator-machines",
    simulator_saved => "simulator-saved",
    snapshot_damaged => "snapshot-damaged",
    snapshot_truncated => "snapshot-truncated",
    stalled_host => "stalled-host",
    stream_cancelled => "stream-cancelled",
    stream_closed => "stream-closed",
    talos_configuration => "talos-configuration",
    talos_etcd_recovery => "talos-etcd-recovery",
    talos_files => "talos-files",
    talos_flows => "talos-flows",
    talos_images => "talos-images",
    talos_machine => "talos-machine",
    talos_maintenance => "talos-maintenance",
    talos_reads => "talos-reads",
    talos_reset => "talos-reset",
    talos_resources => "talos-resources",
    talos_targets => "talos-targets",
    talos_upgrade_new => "talos-upgrade-new",
    talos_upgrade_old => "talos-upgrade-old",
    talos_watches => "talos-watches",
    talosconfig_missing_context => "talosconfig-missing-context",
    task_failed => "task-failed",
    task_waited => "task-waited",
    unknown_key => "unknown-key",
    watch_left_early => "watch-left-early",
    wrong_fingerprint => "wrong-fingerprint",
    wrong_token => "wrong-token",
    wrong_value => "wrong-value",
}
