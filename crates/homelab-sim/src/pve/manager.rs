//! The HA manager at work: looks at the world whenever it changes, and acts
//! when something is due.

use homelab_core::Clock as _;

use super::PveCluster;
use super::config_keys::write;
use crate::world::ha::HaPace;

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
                    world.change(|state| {
                        // A cold start: what waited for it comes true.
                        for vmid in state.ha_starting() {
                            write::apply_pending(state, vmid);
                        }
                        state.ha_act(pace);
                    });
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
}
