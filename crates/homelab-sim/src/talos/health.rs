//! `cluster.ClusterService` of one node: the cluster's health as this node
//! sees it, check by check, each waited for until the time is up.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use talos_proto::cluster::cluster_service_server::ClusterService;
use talos_proto::cluster::{ClusterInfo, HealthCheckProgress, HealthCheckRequest};
use tokio::sync::mpsc;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::local::Local;
use crate::world::{Stage, State, TalosNode};

/// The least RAM of a control plane and of a worker.
const CONTROL_PLANE_BYTES: u64 = 1698 << 20;
const WORKER_BYTES: u64 = 874 << 20;

/// The least size of a system disk, with room for EPHEMERAL.
const DISK_BYTES: u64 = 6 << 30;

/// How many messages wait for a slow caller.
const BUFFER: usize = 32;

/// `cluster.ClusterService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Health(Local);

impl Health {
    pub(super) fn new(local: Local) -> Self {
        Health(local)
    }
}

/// One check: what it waits for, and what is missing, if anything is.
struct Check {
    name: &'static str,
    run: fn(&Nodes<'_>) -> Result<(), String>,
}

/// What the checks are about.
struct Nodes<'a> {
    state: &'a State,
    cluster: &'a str,
    control_planes: Vec<&'a TalosNode>,
    workers: Vec<&'a TalosNode>,
}

const CHECKS: [Check; 13] = [
    Check {
        name: "etcd to be healthy",
        run: |all| Nodes::service("etcd", &all.control_planes),
    },
    Check {
        name: "etcd members to be consistent across nodes",
        run: |all| all.etcd(|etcd| etcd.has_quorum().then_some(()).ok_or("no leader".into())),
    },
    Check {
        name: "etcd members to be control plane nodes",
        run: |all| all.members_are_control_planes(),
    },
    Check {
        name: "apid to be ready",
        run: |all| all.each(|node| node.reachable().then_some(()).ok_or("unavailable".into())),
    },
    Check {
        name: "all nodes memory sizes",
        run: |all| all.each(enough_memory),
    },
    Check {
        name: "all nodes disk sizes",
        run: |all| all.each(|node| all.enough_disk(node)),
    },
    Check {
        name: "no diagnostics",
        run: |_| Ok(()),
    },
    Check {
        name: "kubelet to be healthy",
        run: |all| Nodes::service("kubelet", &all.control_planes),
    },
    Check {
        name: "all nodes to finish boot sequence",
        run: |all| all.each(booted),
    },
    Check {
        name: "all k8s nodes to report",
        run: |all| Nodes::service("kubelet", &all.all()),
    },
    Check {
        name: "all control plane static pods to be running",
        run: |all| Nodes::service("kubelet", &all.control_planes),
    },
    Check {
        name: "all control plane components to be ready",
        run: |all| all.etcd(|etcd| etcd.has_quorum().then_some(()).ok_or("no leader".into())),
    },
    Check {
        name: "all k8s nodes to report ready and schedulable",
        run: |all| Nodes::service("kubelet", &all.all()),
    },
];

impl<'a> Nodes<'a> {
    /// The nodes that were named, or all members of the node's cluster.
    fn new(state: &'a State, own: &'a TalosNode, asked: Option<&ClusterInfo>) -> Self {
        let named = |addresses: &[String]| -> Option<BTreeSet<String>> {
            (!addresses.is_empty()).then(|| addresses.iter().cloned().collect())
        };
        let control_planes = asked.and_then(|i| named(&i.control_plane_nodes));
        let workers = asked.and_then(|i| named(&i.worker_nodes));
        let explicit = control_planes.is_some() || workers.is_some();
        let pick = |wanted: Option<BTreeSet<String>>, control_plane: bool| {
            state
                .nodes_of(&own.cluster)
                .filter(move |n| match (&wanted, explicit) {
                    (Some(wanted), _) => wanted.contains(&n.address.to_string()),
                    (None, true) => false,
                    (None, false) => n.control_plane() == control_plane,
                })
                .collect()
        };
        Nodes {
            state,
            cluster: &own.cluster,
            control_planes: pick(control_planes, true),
            workers: pick(workers, false),
        }
    }

    fn all(&self) -> Vec<&'a TalosNode> {
        let all = self.control_planes.iter().chain(&self.workers);
        all.copied().collect()
    }

    /// Runs a check on each node; the first failure counts.
    fn each(&self, check: impl Fn(&TalosNode) -> Result<(), String>) -> Result<(), String> {
        self.all()
            .into_iter()
            .try_for_each(|node| check(node).map_err(|why| format!("{}: {why}", node.address)))
    }

    fn service(id: &str, nodes: &[&TalosNode]) -> Result<(), String> {
        nodes.iter().try_for_each(|node| {
            let service = node.services.iter().find(|s| s.id == id);
            match service {
                Some(s) if s.state == "Running" && s.healthy == Some(true) => Ok(()),
                Some(s) => Err(format!("{}: service is {}", node.address, s.state)),
                None => Err(format!("{}: service is not there", node.address)),
            }
        })
    }

    fn etcd(
        &self,
        check: impl Fn(&crate::world::Etcd) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.state.cluster(self.cluster) {
            Some(cluster) => check(&cluster.etcd),
            None => Err("no cluster".into()),
        }
    }

    fn members_are_control_planes(&self) -> Result<(), String> {
        self.etcd(|etcd| {
            let stranger = etcd
                .members
                .iter()
                .find(|m| !self.control_planes.iter().any(|n| n.hostname == m.name));
            match stranger {
                Some(member) => Err(format!("{} is no control plane node", member.name)),
                None => Ok(()),
            }
        })
    }

    fn enough_disk(&self, node: &TalosNode) -> Result<(), String> {
        let disks = self.state.disks_of(node);
        let system = disks.iter().find(|d| d.name == node.system_disk());
        match system {
            Some(disk) if disk.size_bytes < DISK_BYTES => {
                Err(format!("EPHEMERAL has less than {DISK_BYTES} bytes"))
            }
            _ => Ok(()),
        }
    }
}

fn enough_memory(node: &TalosNode) -> Result<(), String> {
    let least = if node.control_plane() {
        CONTROL_PLANE_BYTES
    } else {
        WORKER_BYTES
    };
    if node.memory_bytes < least {
        return Err(format!(
            "{} bytes of memory, {least} needed",
            node.memory_bytes
        ));
    }
    Ok(())
}

fn booted(node: &TalosNode) -> Result<(), String> {
    match node.stage {
        Stage::Running => Ok(()),
        stage => Err(format!("stage is {}", stage.as_str())),
    }
}

#[async_trait]
impl ClusterService for Health {
    async fn health_check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<BoxStream<HealthCheckProgress>>, Status> {
        if !self.0.node(|_, node| node.control_plane())? {
            return Err(Status::unimplemented(
                "health checks are run by control plane nodes",
            ));
        }
        let request = request.into_inner();
        let wait = request.wait_timeout.unwrap_or_default();
        let wait = Duration::try_from(wait).unwrap_or_default();
        let (sender, receiver) = mpsc::channel(BUFFER);
        let local = self.0.clone();
        tokio::spawn(async move {
            let world = local.shared.world.clone();
            let expired = || Err(Status::deadline_exceeded("context deadline exceeded"));
            let verdict = tokio::select! {
                biased;
                () = sender.closed() => return,
                () = local.shared.stop.cancelled() => return,
                // Without time, nothing is looked at.
                () = std::future::ready(()), if wait.is_zero() => expired(),
                () = world.sleep(wait) => expired(),
                verdict = run(&local, request.cluster_info, &sender) => verdict,
            };
            if let Err(status) = verdict {
                let _ = sender.send(Err(status)).await;
            }
        });
        let progress = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        Ok(Response::new(Box::pin(progress)))
    }
}

type Progress = mpsc::Sender<Result<HealthCheckProgress, Status>>;

/// Waits for one check after the other.
async fn run(local: &Local, asked: Option<ClusterInfo>, to: &Progress) -> Result<(), Status> {
    let mut changes = local.shared.world.subscribe();
    for check in &CHECKS {
        let mut said = String::new();
        loop {
            changes.borrow_and_update();
            let result =
                local.node(|state, own| (check.run)(&Nodes::new(state, own, asked.as_ref())))?;
            let message = match &result {
                Ok(()) => format!("waiting for {}: OK", check.name),
                Err(why) => format!("waiting for {}: {why}", check.name),
            };
            if message != said {
                said.clone_from(&message);
                let progress = HealthCheckProgress {
                    metadata: None,
                    message,
                };
                if to.send(Ok(progress)).await.is_err() {
                    return Ok(());
                }
            }
            if result.is_ok() {
                break;
            }
            let gone = |_| Status::unavailable("the node is down");
            changes.changed().await.map_err(gone)?;
        }
    }
    Ok(())
}
