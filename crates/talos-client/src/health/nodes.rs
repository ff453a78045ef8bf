//! The checks that Talos' API answers, beside etcd's.

use homelab_core::{ErrorKind, Result};

use super::cluster::Cluster;
use super::report::Verdict;
use crate::cosi::MachineStage;
use crate::cosi::types::{Diagnostics, StaticPodStatuses, VolumeStatuses};
use crate::machine::Service;
use crate::nodes::NodesClient;

const MIB: u64 = 1 << 20;

/// Less than that, and Talos does not promise to run.
const CONTROL_PLANE_MEMORY: u64 = 1698 * MIB;
const WORKER_MEMORY: u64 = 874 * MIB;

/// Smallest disk that Talos promises to run on.
const SMALLEST_DISK: u64 = 6144 * MIB;
/// What of it is not EPHEMERAL: EFI with the boot images, META, STATE, and the
/// partition table with its alignment. Talos made the first 1000 MiB smaller
/// before v1.11; a node keeps its partitions when it is upgraded, so its release
/// does not tell, and the larger figure holds for both.
const SYSTEM_PARTITIONS: u64 = (2101 + 1 + 100 + 10) * MIB;

/// Static pods of every control plane.
const STATIC_PODS: [&str; 3] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

/// Every node answers.
pub(super) async fn api(cluster: &Cluster) -> Result<Verdict> {
    Verdict::of_nodes(cluster.ask_all().version().await, |_| None)
}

/// A service runs and is healthy on every control plane.
pub(super) async fn service(cluster: &Cluster, id: &str) -> Result<Verdict> {
    let asked = cluster.ask_control_planes().services().await;
    Verdict::of_nodes(asked, |services| service_missing(services, id))
}

fn service_missing(services: &[Service], id: &str) -> Option<String> {
    let Some(service) = services.iter().find(|s| s.id == id) else {
        return Some(format!("there is no service {id}"));
    };
    if service.state != "Running" {
        return Some(format!("{id} is {}", service.state));
    }
    match service.healthy {
        Some(true) => None,
        Some(false) => Some(format!("{id} is not healthy: {}", service.health_message)),
        None => Some(format!("{id} has not been checked yet")),
    }
}

/// Every node has the memory that it needs; one in a container has its host's.
pub(super) async fn memory(cluster: &Cluster) -> Result<Verdict> {
    let workers = cluster
        .talos
        .nodes(cluster.workers.iter().map(|m| &m.address));
    let verdicts = [
        memory_of(&cluster.ask_control_planes(), CONTROL_PLANE_MEMORY).await?,
        memory_of(&workers, WORKER_MEMORY).await?,
    ];
    Ok(joined(verdicts))
}

async fn memory_of(nodes: &NodesClient, minimum: u64) -> Result<Verdict> {
    let asked = nodes
        .each(|node| async move {
            let container = node.version().await?.mode == "container";
            Ok((container, node.memory().await?.total_bytes))
        })
        .await;
    Verdict::of_nodes(asked, |(container, total)| {
        (!container && *total < minimum).then(|| {
            format!(
                "has {} MiB of memory, at least {} are needed",
                total / MIB,
                minimum / MIB
            )
        })
    })
}

/// Every node's EPHEMERAL volume is large enough.
pub(super) async fn disk(cluster: &Cluster) -> Result<Verdict> {
    let asked = cluster
        .ask_all()
        .each(|node| async move {
            match node.get::<VolumeStatuses>("EPHEMERAL").await {
                Ok(volume) => Ok(Some(volume.spec.0.size)),
                // Releases before v1.8, containers.
                Err(e) if unknown(e.kind()) => Ok(None),
                Err(e) => Err(e),
            }
        })
        .await;
    if asked.answers().count() > 0 && asked.answers().all(|(_, size)| size.is_none()) {
        return Ok(Verdict::Skipped("no node knows its volumes".into()));
    }
    let minimum = SMALLEST_DISK - SYSTEM_PARTITIONS;
    Verdict::of_nodes(asked, |size| {
        size.filter(|size| *size < minimum).map(|size| {
            format!(
                "EPHEMERAL has {} MiB, at least {} are needed",
                size / MIB,
                minimum / MIB
            )
        })
    })
}

/// No node reports a problem with itself.
pub(super) async fn diagnostics(cluster: &Cluster) -> Result<Verdict> {
    let asked = cluster
        .ask_all()
        .each(|node| async move {
            match node.list::<Diagnostics>().await {
                Ok(found) => Ok(found
                    .into_iter()
                    .map(|d| format!("{}: {}", d.metadata.id, d.spec.0.message))
                    .collect()),
                Err(e) if unknown(e.kind()) => Ok(Vec::new()),
                Err(e) => Err(e),
            }
        })
        .await;
    Verdict::of_nodes(asked, |found: &Vec<String>| {
        (!found.is_empty()).then(|| found.join(", "))
    })
}

/// Every node has come to the end of its boot.
pub(super) async fn boot(cluster: &Cluster) -> Result<Verdict> {
    let asked = cluster
        .ask_all()
        .each(|node| async move { node.machine_status().await })
        .await;
    Verdict::of_nodes(asked, |status| {
        (status.stage != MachineStage::Running)
            .then(|| format!("is {:?}", status.stage).to_lowercase())
    })
}

/// Every control plane runs its static pods.
pub(super) async fn static_pods(cluster: &Cluster) -> Result<Verdict> {
    let asked = cluster
        .ask_control_planes()
        .each(|node| async move {
            match node.list::<StaticPodStatuses>().await {
                Ok(pods) => Ok(Some(pods.into_iter().map(|p| p.metadata.id).collect())),
                Err(e) if unknown(e.kind()) => Ok(None),
                Err(e) => Err(e),
            }
        })
        .await;
    Verdict::of_nodes(asked, |pods: &Option<Vec<String>>| {
        let pods = pods.as_deref().unwrap_or_default();
        let missing: Vec<_> = STATIC_PODS
            .into_iter()
            .filter(|name| !pods.iter().any(|id| is_pod(id, name)))
            .collect();
        (!missing.is_empty()).then(|| format!("does not run {}", missing.join(", ")))
    })
}

/// `kube-system/kube-apiserver-cp-1` is a pod of `kube-apiserver`.
fn is_pod(id: &str, name: &str) -> bool {
    let pod = id.rsplit('/').next().unwrap_or(id);
    pod.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('-'))
}

/// How a node answers for a type that it does not know.
fn unknown(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::NotFound)
}

fn joined(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let missing = verdicts.into_iter().filter_map(|verdict| match verdict {
        Verdict::Failed(why) => Some(why),
        Verdict::Passed | Verdict::Skipped(_) => None,
    });
    Verdict::from_missing(&missing.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_must_run_and_be_healthy() {
        let service = |state: &str, healthy| Service {
            id: "etcd".into(),
            state: state.into(),
            healthy,
            ..Service::default()
        };
        assert_eq!(
            service_missing(&[service("Running", Some(true))], "etcd"),
            None
        );
        for services in [
            vec![],
            vec![service("Running", None)],
            vec![service("Running", Some(false))],
            vec![service("Starting", Some(true))],
        ] {
            assert!(service_missing(&services, "etcd").is_some());
        }
    }

    #[test]
    fn pods_are_known_by_their_prefix() {
        assert!(is_pod("kube-system/kube-apiserver-cp-1", "kube-apiserver"));
        assert!(!is_pod(
            "kube-system/kube-apiserverless-cp-1",
            "kube-apiserver"
        ));
        assert!(!is_pod("kube-system/kube-proxy-x", "kube-apiserver"));
    }
}
