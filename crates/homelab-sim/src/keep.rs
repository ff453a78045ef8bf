//! Everything that has to be kept of a running lab, gathered for
//! [`state_dir`](crate::state_dir).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homelab_core::{Clock, Result};

use crate::log::Draft;
use crate::pki::PvePki;
use crate::pve::PveCluster;
use crate::shared::Shared;
use crate::state_dir::{self, Saved};
use crate::talos::Nodes;

/// How often a lab with a folder of its own is written, if it changed.
const EVERY: Duration = Duration::from_secs(2);

/// Whom entries of the log concern that are about the lab as a whole.
pub(crate) const LAB: &str = "lab";

/// What a lab is made of, as far as it is kept; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    pub(crate) shared: Shared,
    pub(crate) pve: PveCluster,
    pub(crate) pve_pki: PvePki,
    pub(crate) hosts: BTreeMap<String, SocketAddr>,
    pub(crate) nodes: Nodes,
    pub(crate) health: Health,
}

/// How the writing of a kept lab goes; a handle that is cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Why the last attempt to write failed; nothing when it did not.
    pub(crate) fn error(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Remembers how an attempt went; whether that is news.
    fn set(&self, error: Option<String>) -> bool {
        let mut last = self.lock();
        let news = *last != error;
        *last = error;
        news
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    /// Writes a lab into the folder that it is kept in. The lab goes on when
    /// that fails; the log and the control endpoint tell.
    ///
    /// # Errors
    /// `Io` when it cannot be written.
    pub(crate) fn save_kept(&self, folder: &Path) -> Result<()> {
        let saved = self.save(folder);
        if self
            .health
            .set(saved.as_ref().err().map(ToString::to_string))
        {
            let world = &self.shared.world;
            let draft = match &saved {
                Ok(()) => Draft::new(LAB, "state.saved"),
                Err(error) => Draft::new(LAB, "state.failed").with("error", error),
            };
            world.log().write(world.now(), draft);
        }
        saved
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
            let saved = tokio::task::spawn_blocking(move || keeper.save_kept(&folder)).await;
            if matches!(saved, Ok(Ok(()))) {
                written = Some(revision);
            }
        }
    }
}
