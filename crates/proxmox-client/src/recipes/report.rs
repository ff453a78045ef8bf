//! Progress, told step by step.

use homelab_core::Result;

use super::RecipeProgress;
use crate::task::ByHand;
use crate::{ProxmoxClient, TaskProgress, WaitOptions};

/// Tells of progress.
pub(super) struct Reporter<'a>(pub(super) &'a mut (dyn FnMut(RecipeProgress) + Send));

impl Reporter<'_> {
    pub(super) fn step(&mut self, step: &str) {
        (self.0)(RecipeProgress {
            step: step.to_owned(),
            fraction: None,
            message: String::new(),
        });
    }

    /// Tells what a step's task tells.
    pub(super) fn task(&mut self, step: &str) -> impl FnMut(TaskProgress) + Send {
        move |p| {
            (self.0)(RecipeProgress {
                step: step.to_owned(),
                fraction: p.fraction,
                message: p.message,
            });
        }
    }

    /// Makes a call that may start a task, waits for that and tells what its log
    /// tells; both again while a lock that passes is in the way.
    pub(super) async fn run(
        &mut self,
        step: &str,
        pve: &ProxmoxClient,
        options: &WaitOptions,
        call: ByHand,
    ) -> Result<()> {
        pve.run(call, options, Some(&mut self.task(step))).await
    }
}
