//! Progress, told step by step.

use homelab_core::Result;

use super::RecipeProgress;
use crate::task::run;
use crate::{ProxmoxClient, Task, WaitOptions};

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

    /// Makes a call that may start a task, waits for that and tells what its log
    /// tells; both again while a lock that passes is in the way.
    pub(super) async fn run<Fut>(
        &mut self,
        step: &str,
        pve: &ProxmoxClient,
        options: &WaitOptions,
        call: impl Fn(ProxmoxClient) -> Fut,
    ) -> Result<()>
    where
        Fut: Future<Output = Result<Option<Task>>>,
    {
        let mut report = |p: crate::TaskProgress| {
            (self.0)(RecipeProgress {
                step: step.to_owned(),
                fraction: p.fraction,
                message: p.message,
            });
        };
        run(pve, options, Some(&mut report), call).await.map(|_| ())
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
