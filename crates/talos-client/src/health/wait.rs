//! Looking once, and until all is well.

use homelab_core::Result;

use super::cluster::{Cluster, HealthOptions};
use super::report::{CheckName, CheckOutcome, HealthReport, Verdict};
use super::{etcd, nodes};
use crate::client::TalosClient;
use crate::flows::{Flow, FlowPhase, FlowProgress};

impl TalosClient {
    /// Makes every check once and says what is not well, with the nodes it is
    /// about. Checks that could not be made count as failed.
    ///
    /// ```no_run
    /// # async fn example(talos: talos_client::TalosClient) -> homelab_core::Result<()> {
    /// use talos_client::HealthOptions;
    ///
    /// let report = talos.check_health(&HealthOptions::default()).await?;
    /// for check in &report.checks {
    ///     println!("{}: {:?} {}", check.name, check.outcome, check.message);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When nobody can be asked which nodes there are.
    pub async fn check_health(&self, options: &HealthOptions) -> Result<HealthReport> {
        let cluster = Cluster::find(self, options).await?;
        let mut checks = Vec::new();
        for name in CheckName::ALL {
            let verdict = match look(&cluster, options, *name).await {
                Ok(verdict) => verdict,
                Err(e) => Verdict::Failed(e.to_string()),
            };
            checks.push(verdict.into_check(*name));
        }
        Ok(report(&cluster, checks))
    }

    /// Makes the checks in their order, each again and again until it passes, and
    /// reports which one is waited for and why.
    ///
    /// # Errors
    /// - `Timeout` when not all is well in time: it names the check and what is missing.
    /// - The kind of what went wrong when nobody can look: `PermissionDenied`, `Untrusted`.
    ///
    /// # Cancellation
    /// Nothing is changed by looking.
    pub async fn wait_for_health(
        &self,
        options: &HealthOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<HealthReport> {
        let shared = self.endpoint().shared;
        let flow = Flow::new(
            shared.options.clock.clone(),
            "Health",
            &shared.info.name,
            options.flow(),
            on_progress,
        );
        let work = Box::pin(async {
            let cluster = loop {
                let found = Cluster::find(self, options).await.map(Ok);
                if let Some(cluster) = flow.seen(FlowPhase::Preparing, found)? {
                    break cluster;
                }
                flow.pause().await;
            };
            let mut checks = Vec::new();
            for name in CheckName::ALL {
                flow.report(FlowPhase::Checking, name.as_str());
                let verdict = loop {
                    let seen = look(&cluster, options, *name).await;
                    let seen = seen.map(|verdict| match verdict {
                        Verdict::Failed(why) => Err(format!("{name}: {why}")),
                        verdict => Ok(verdict),
                    });
                    if let Some(verdict) = flow.seen(FlowPhase::Checking, seen)? {
                        break verdict;
                    }
                    flow.pause().await;
                };
                checks.push(verdict.into_check(*name));
            }
            Ok(report(&cluster, checks))
        });
        flow.finish(work).await
    }
}

async fn look(cluster: &Cluster, options: &HealthOptions, name: CheckName) -> Result<Verdict> {
    match name {
        CheckName::EtcdService => nodes::service(cluster, "etcd").await,
        CheckName::EtcdAgreement => etcd::agreement(cluster).await,
        CheckName::EtcdMembers => etcd::members(cluster).await,
        CheckName::Api => nodes::api(cluster).await,
        CheckName::Memory => nodes::memory(cluster).await,
        CheckName::Disk => nodes::disk(cluster).await,
        CheckName::Diagnostics => nodes::diagnostics(cluster).await,
        CheckName::Kubelet => nodes::service(cluster, "kubelet").await,
        CheckName::Boot => nodes::boot(cluster).await,
        CheckName::StaticPods => nodes::static_pods(cluster).await,
        CheckName::KubernetesNodes
        | CheckName::ControlPlanePods
        | CheckName::KubernetesReady
        | CheckName::KubeProxy
        | CheckName::CoreDns
        | CheckName::Schedulable => kubernetes(cluster, options, name).await,
    }
}

#[cfg(feature = "kubernetes")]
async fn kubernetes(
    cluster: &Cluster,
    options: &HealthOptions,
    name: CheckName,
) -> Result<Verdict> {
    if options.skip_kubernetes {
        return Ok(Verdict::Skipped("not asked for".into()));
    }
    super::kubernetes::look(cluster, options, name).await
}

#[cfg(not(feature = "kubernetes"))]
#[expect(clippy::unused_async, reason = "it is, with the feature kubernetes")]
async fn kubernetes(_: &Cluster, options: &HealthOptions, _: CheckName) -> Result<Verdict> {
    let why = if options.skip_kubernetes {
        "not asked for"
    } else {
        "built without the feature kubernetes"
    };
    Ok(Verdict::Skipped(why.into()))
}

fn report(cluster: &Cluster, checks: Vec<super::HealthCheck>) -> HealthReport {
    let addresses =
        |machines: &[super::cluster::Machine]| machines.iter().map(|m| m.address.clone()).collect();
    HealthReport {
        healthy: checks.iter().all(|c| c.outcome != CheckOutcome::Failed),
        checks,
        control_planes: addresses(&cluster.control_planes),
        workers: addresses(&cluster.workers),
    }
}
