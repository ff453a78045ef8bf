//! Everything that has to be kept of a running lab, gathered for
//! [`state_dir`](crate::state_dir).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use homelab_core::{Clock, Result};

use crate::pki::PvePki;
use crate::pve::PveCluster;
use crate::shared::Shared;
use crate::state_dir::{self, Saved};
use crate::talos::Nodes;

/// How often a lab with a folder of its own is written, if it changed.
const EVERY: Duration = Duration::from_secs(2);

/// What a lab is made of, as far as it is kept; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    pub(crate) shared: Shared,
    pub(crate) pve: PveCluster,
    pub(crate) pve_pki: PvePki,
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    pub(crate) nodes: Nodes,
}

impl Keeper {
    /// Writes the lab into a folder, which is made if there is none.
    ///
    /// # Errors
    /// `Io` when it cannot be written.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .map_err(|e| homelab_core::Error::io("create", folder, e))?;
        state_dir::save(folder, &self.gather())
    }

    fn gather(&self) -> Saved {
        let world = &self.shared.world;
        let (state, now, elapsed, log) = world.read(|state| {
            let clock = world.clock();
            let log = world.log().last();
            (state.clone(), clock.now(), clock.elapsed(), log)
        });
        let mut listeners = self.nodes.all();
        listeners.extend(self.hosts.clone());
        let ports = listeners.into_iter().map(|(n, a)| (n, a.port())).collect();
        Saved {
            log,
            now,
            elapsed,
            ports,
            proxmox_ca: self.pve_pki.pair(),
            hosts: self.pve.pairs(),
            accounts: self.pve.accounts().clone(),
            world: state,
        }
    }

    /// Writes the lab whenever it changed, until the simulation stops.
    pub(crate) async fn keep(self, folder: PathBuf) {
        let mut written = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.shared.stop.cancelled() => return,
            }
            let revision = self.shared.world.revision();
            if written == Some(revision) {
                continue;
            }
            let (keeper, folder) = (self.clone(), folder.clone());
            // A folder that cannot be written to is told at the end; the lab
            // goes on.
            let saved = tokio::task::spawn_blocking(move || keeper.save(&folder)).await;
            if matches!(saved, Ok(Ok(()))) {
                written = Some(revision);
            }
        }
    }
}
