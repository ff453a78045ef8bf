//! etcd's first start, and its start from a snapshot.

use std::path::Path;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};
use talos_proto::resource::config::MachineType;

use super::flow::{Flow, FlowOptions, FlowPhase, FlowProgress, passes};
use crate::cosi::types::MachineTypes;
use crate::lifecycle::BootstrapOptions;
use crate::machine::Service;
use crate::node::NodeClient;

/// A service that failed is started again by Talos; one that fails for that long
/// will not make it.
const FAILING: Duration = Duration::from_secs(60);

/// etcd, started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EtcdStarted {
    /// Id of this node's member, 16 hexadecimal digits.
    pub member_id: String,
    /// How many members there are.
    pub members: u32,
    /// Seconds until then.
    pub elapsed_seconds: f64,
}

impl NodeClient {
    /// Starts etcd for the first time and waits until it runs and has a leader:
    /// once in the life of a cluster, on one control-plane node.
    ///
    /// A node that was given its configuration a moment ago is not ready for it;
    /// it is asked again until it is, which does no harm: etcd is bootstrapped once.
    ///
    /// # Errors
    /// As the [module](crate::flows) says; `AlreadyExists` when etcd has data,
    /// `Unsupported` from a worker, `TaskFailed` when etcd does not start.
    ///
    /// # Cancellation
    /// etcd starts all the same, once the node has been told to.
    pub async fn bootstrap_and_wait(
        &self,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<EtcdStarted> {
        let flow = self.flow("Bootstrap", options, on_progress);
        let work = Box::pin(async {
            self.bootstrap_patiently(&flow, BootstrapOptions::default())
                .await?;
            self.etcd_runs(&flow).await
        });
        flow.finish(work).await
    }

    /// Brings etcd back from a snapshot, after every control plane has lost it:
    /// uploads the file, starts etcd from it and waits until it runs and has a leader.
    ///
    /// The snapshot is verified before anything is sent. `raw_copy` is for a copy
    /// of `member/snap/db`, which cannot be. All control planes must have empty
    /// etcd data (a reset of `EPHEMERAL`, not graceful, with a reboot); the others
    /// join by themselves.
    ///
    /// # Errors
    /// As [`bootstrap_and_wait`](NodeClient::bootstrap_and_wait); `Corrupt` for a
    /// snapshot that is cut or damaged, `AlreadyExists` when etcd runs.
    ///
    /// # Cancellation
    /// An upload that is cut is thrown away; later, etcd starts all the same.
    pub async fn recover_and_wait(
        &self,
        snapshot: impl AsRef<Path>,
        raw_copy: bool,
        options: FlowOptions,
        on_progress: impl FnMut(FlowProgress),
    ) -> Result<EtcdStarted> {
        let flow = self.flow("Recover", options, on_progress);
        let snapshot = snapshot.as_ref();
        let work = Box::pin(async {
            loop {
                let etcd = self.etcd_service().await;
                let seen = etcd.and_then(|etcd| match etcd.as_ref().map(|s| s.state.as_str()) {
                    Some("Preparing") => Ok(Ok(())),
                    Some("Running") => Err(running()),
                    Some(state) => Ok(Err(format!("etcd is {state}, not yet Preparing"))),
                    None => Ok(Err("the node has no service etcd yet".to_owned())),
                });
                if let Some(()) = flow.seen(FlowPhase::Preparing, seen)? {
                    break;
                }
                flow.pause().await;
            }
            loop {
                flow.report(FlowPhase::Acting, "uploading the snapshot");
                let sent = match self.etcd_recover(snapshot, raw_copy).await {
                    Err(e) if !cut(&e) => return Err(e),
                    sent => sent.map(Ok),
                };
                if flow.seen(FlowPhase::Acting, sent)?.is_some() {
                    break;
                }
                flow.pause().await;
            }
            let mut bootstrap = BootstrapOptions::default().recover();
            if raw_copy {
                bootstrap = bootstrap.recover_raw_copy();
            }
            self.bootstrap_patiently(&flow, bootstrap).await?;
            self.etcd_runs(&flow).await
        });
        flow.finish(work).await
    }

    /// Orders the bootstrap until the node is ready for it.
    async fn bootstrap_patiently<F: FnMut(FlowProgress)>(
        &self,
        flow: &Flow<F>,
        options: BootstrapOptions,
    ) -> Result<()> {
        let mut doubt = false;
        loop {
            let seen = match flow.order(self.bootstrap(options)).await {
                Ok(()) => Ok(Ok(())),
                // The order before, whose answer got lost, was taken.
                Err(e) if e.kind() == ErrorKind::AlreadyExists && doubt => Ok(Ok(())),
                // A node whose machine type is not known yet says so too.
                Err(e) if e.kind() == ErrorKind::Unsupported => match self.is_worker().await {
                    Ok(false) => Ok(Err("the node does not know its type yet".to_owned())),
                    Ok(true) | Err(_) => Err(e),
                },
                Err(e) if passes(&e) && e.kind() != ErrorKind::NotFound => {
                    doubt |= e.was_sent() == Sent::Maybe;
                    Ok(Err(format!("not ready for it: {}", e.message())))
                }
                Err(e) => Err(e),
            };
            if let Some(()) = flow.seen(FlowPhase::Preparing, seen)? {
                break;
            }
            flow.pause().await;
        }
        flow.report(FlowPhase::Ordered, "the node has taken the order");
        Ok(())
    }

    async fn is_worker(&self) -> Result<bool> {
        match self.get::<MachineTypes>("machine-type").await {
            Ok(resource) => Ok(resource.spec.0.machine_type == MachineType::Worker as i32),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    async fn etcd_service(&self) -> Result<Option<Service>> {
        Ok(self.services().await?.into_iter().find(|s| s.id == "etcd"))
    }

    /// Waits until etcd runs here and has a leader.
    async fn etcd_runs<F: FnMut(FlowProgress)>(&self, flow: &Flow<F>) -> Result<EtcdStarted> {
        let mut failing = None;
        let (member_id, members) = loop {
            let seen = self.etcd_seen(flow, &mut failing).await;
            if let Some(found) = flow.seen(FlowPhase::Starting, seen)? {
                break found;
            }
            flow.pause().await;
        };
        Ok(EtcdStarted {
            member_id,
            members: u32::try_from(members).unwrap_or(u32::MAX),
            elapsed_seconds: flow.elapsed().as_secs_f64(),
        })
    }

    /// This node's member and how many there are, or what is missing.
    async fn etcd_seen<F: FnMut(FlowProgress)>(
        &self,
        flow: &Flow<F>,
        failing: &mut Option<Duration>,
    ) -> Result<std::result::Result<(String, usize), String>> {
        let Some(etcd) = self.etcd_service().await? else {
            return Ok(Err("the node has no service etcd yet".to_owned()));
        };
        let words = etcd.events.last().map(|e| e.message.clone());
        let words = words.unwrap_or_default();
        if etcd.state == "Failed" {
            let since = *failing.get_or_insert(flow.elapsed());
            if flow.elapsed().saturating_sub(since) >= FAILING {
                let message = format!("etcd failed: {words}");
                return Err(Error::new(ErrorKind::TaskFailed, message));
            }
        } else {
            *failing = None;
        }
        if etcd.state != "Running" || etcd.healthy != Some(true) {
            return Ok(Err(format!("etcd is {}: {words}", etcd.state)));
        }
        let status = self.etcd_status().await?;
        if status.leader_id.is_none() {
            return Ok(Err("etcd has no leader yet".to_owned()));
        }
        let members = self.etcd_members().await?.len();
        Ok(Ok((status.member_id, members)))
    }
}

/// Whether an upload did not get through. The node throws half of one away, and
/// takes it from the beginning again.
fn cut(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::FailedPrecondition
    )
}

fn running() -> Error {
    let message = "etcd runs on this node; a recovery would replace it. Reset EPHEMERAL of all control planes first";
    // It passes for a moment only on a node that is about to be reset.
    Error::new(ErrorKind::AlreadyExists, message).sent(Sent::No)
}
