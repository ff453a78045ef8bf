//! What goes wrong on demand, and what it leaves in the counters.

use std::time::{Duration, Instant};

use homelab_sim::{Down, Fault, SimOptions};
use tonic::Code;

use crate::lab;

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_dead_host_takes_its_nodes_along_and_brings_them_back() {
    let sim = lab::start().await;
    let mut open = lab::machine(&sim, "cp-1");
    open.version(()).await.unwrap();
    sim.host_down("pve1", Down::Refuse).unwrap();
    assert!(
        open.version(()).await.is_err(),
        "the open connection is reset"
    );
    assert!(lab::machine(&sim, "cp-2").version(()).await.is_err());
    assert!(lab::machine(&sim, "cp-3").version(()).await.is_ok());
    sim.host_up("pve1").unwrap();
    lab::eventually("cp-1 answers", || {
        sim.world().read(|s| s.node("cp-1").unwrap().reachable())
    })
    .await;
    assert!(lab::machine(&sim, "cp-1").version(()).await.is_ok());
}

#[tokio::test]
async fn a_black_hole_never_answers() {
    let sim = lab::start().await;
    let mut open = lab::machine(&sim, "cp-1");
    open.version(()).await.unwrap();
    sim.host_down("pve1", Down::Blackhole).unwrap();
    assert!(tokio::time::timeout(SHORT, open.version(())).await.is_err());
    let mut new = lab::machine(&sim, "cp-1");
    assert!(tokio::time::timeout(SHORT, new.version(())).await.is_err());
    sim.fault("cp-3", Fault::Stall).unwrap();
    let mut stalled = lab::machine(&sim, "cp-3");
    assert!(
        tokio::time::timeout(SHORT, stalled.version(()))
            .await
            .is_err()
    );
    sim.clear_faults();
    stalled.version(()).await.unwrap();
}

#[tokio::test]
async fn reset_html_and_latency() {
    let sim = lab::start().await;
    sim.fault("cp-1", Fault::Reset).unwrap();
    let mut client = lab::machine(&sim, "cp-1");
    let status = client.version(()).await.unwrap_err();
    assert!(
        matches!(
            status.code(),
            Code::Unknown | Code::Unavailable | Code::Internal
        ),
        "{status:?}"
    );
    sim.clear_faults();
    sim.fault("cp-1", Fault::Html).unwrap();
    assert!(client.version(()).await.is_err());
    sim.clear_faults();
    client.version(()).await.unwrap();
    sim.fault("cp-1", Fault::Latency(120)).unwrap();
    let before = Instant::now();
    client.version(()).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(120));
    assert!(sim.fault("cp-9", Fault::Stall).is_err());
}

#[tokio::test]
async fn the_same_seed_makes_the_same_lab() {
    let look = |seed: u64| async move {
        let sim = lab::start_with(SimOptions::default().seed(seed)).await;
        sim.world().read(|s| {
            let guest = s.guest(101).unwrap();
            let id = s.cluster("home").unwrap().etcd.members[0].id;
            (guest.nics[0].mac.clone(), guest.smbios_uuid.clone(), id)
        })
    };
    assert_eq!(look(5).await, look(5).await);
    assert_ne!(look(5).await, look(6).await);
}

#[tokio::test]
async fn the_environment_is_complete_and_private() {
    let sim = lab::start().await;
    let env = sim.env();
    let urls: Vec<_> = env["HOMELAB_PROXMOX_ENDPOINTS"].split(',').collect();
    assert_eq!(
        urls,
        [
            sim.proxmox_endpoint("pve1").unwrap(),
            sim.proxmox_endpoint("pve2").unwrap()
        ]
    );
    assert!(env["HOMELAB_PROXMOX_TOKEN"].contains('='));
    assert_eq!(env["HOMELAB_TALOS_CONTEXT"], "home");
    let ca = std::fs::read_to_string(&env["HOMELAB_PROXMOX_CA"]).unwrap();
    assert_eq!(ca, sim.proxmox_ca_pem());
    let config = std::fs::read_to_string(&env["TALOSCONFIG"]).unwrap();
    assert!(config.contains(&sim.talos_endpoint("cp-1").unwrap()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&env["TALOSCONFIG"])
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
    let folder = sim.files().to_owned();
    assert!(sim.listeners().values().all(|a| a.ip().is_loopback()));
    sim.stop().await;
    assert!(!folder.exists());
}
