//! Progress, told step by step.

use homelab_core::Result;

use super::RecipeProgress;
use crate::{Task, WaitOptions};

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

    /// Waits for a task and tells what its log tells.
    pub(super) async fn wait(
        &mut self,
        step: &str,
        task: &Task,
        options: WaitOptions,
    ) -> Result<()> {
        let report = |p: crate::TaskProgress| {
            (self.0)(RecipeProgress {
                step: step.to_owned(),
                fraction: p.fraction,
                message: p.message,
            });
        };
        task.wait_with(options, report).await.map(|_| ())
    }
}
