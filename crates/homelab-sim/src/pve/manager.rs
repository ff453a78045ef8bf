//! The HA manager at work: looks at the world whenever it changes, and acts
//! when something is due.

use homelab_core::Clock as _;

use super::api::lifecycle;
use super::call::Call;
use super::config_keys::write;
use super::{PveCluster, accounts};
use crate::world::ha::HaPace;

/// How long a guest that the manager shuts down is waited for.
const SHUTDOWN_SECONDS: u64 = 60;

impl PveCluster {
    /// How fast the manager is.
    pub(super) fn pace(&self) -> HaPace {
        HaPace {
            round: self.0.options.ha_delay,
            fencing: self.0.options.fencing_delay,
        }
    }

    /// Lets the manager work until the simulation ends.
    pub(super) fn start_manager(&self) {
        let (world, pace) = (self.world().clone(), self.pace());
        let cluster = self.clone();
        self.world().spawn(async move {
            let mut changes = world.subscribe();
            loop {
                changes.borrow_and_update();
                let now = world.clock().elapsed();
                let (plan, same) = world.read(|state| {
                    let plan = state.ha_plan(pace, now);
                    let same = plan == state.ha.services;
                    (plan, same)
                });
                let due = plan.values().map(|service| service.at).min();
                if !same {
                    world.change(|state| state.ha.services = plan);
                    continue;
                }
                let Some(due) = due else {
                    if changes.changed().await.is_err() {
                        return;
                    }
                    continue;
                };
                let wait = due.saturating_sub(now);
                if wait.is_zero() {
                    let pressed = world.change(|state| {
                        // A cold start: what waited for it comes true.
                        for vmid in state.ha_starting() {
                            write::apply_pending(state, vmid);
                        }
                        state.ha_act(pace)
                    });
                    for vmid in pressed {
                        cluster.shut_down(vmid);
                    }
                    continue;
                }
                tokio::select! {
                    biased;
                    changed = changes.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                    () = world.sleep(wait) => {}
                }
            }
        });
    }

    /// Presses the power button of a guest, as the manager of its host does:
    /// what runs on after a minute loses power.
    fn shut_down(&self, vmid: u32) {
        let found = self.world().read(|state| {
            let guest = state.guest(vmid)?;
            Some((guest.host.clone(), guest.kind))
        });
        let Some((host, kind)) = found else {
            return;
        };
        let params = [
            ("node", host.clone().into()),
            ("vmid", vmid.into()),
            ("timeout", SHUTDOWN_SECONDS.into()),
            ("forceStop", 1.into()),
        ];
        let params = params
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let call = Call::inside(self, &host, accounts::ROOT, params);
        lifecycle::switch_off(&call, kind);
    }
}
