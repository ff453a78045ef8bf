//! What runs on a node: processes and containers, and what is mounted.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::{
    ContainerInfo, ContainersRequest, MountStat, ProcessInfo, Stat, StatsRequest,
};

use crate::node::NodeClient;
use crate::streams::ContainerNamespace;

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Number of the process that started it.
    pub parent_pid: i32,
    /// `R` runs, `S` sleeps, `D` waits for I/O, `Z` is dead.
    pub state: String,
    /// How many threads it has.
    pub threads: i32,
    /// Processor time since it started, in seconds.
    pub cpu_seconds: f64,
    /// Address space.
    pub virtual_memory_bytes: u64,
    /// Memory that it holds.
    pub resident_memory_bytes: u64,
    /// Name of its program.
    pub command: String,
    /// Path of its program.
    pub executable: String,
    /// Its arguments, joined by spaces.
    pub args: String,
    /// Security label (since Talos v1.8).
    pub label: String,
}

impl From<ProcessInfo> for Process {
    fn from(info: ProcessInfo) -> Self {
        Process {
            pid: info.pid,
            parent_pid: info.ppid,
            state: info.state,
            threads: info.threads,
            cpu_seconds: info.cpu_time,
            virtual_memory_bytes: info.virtual_memory,
            resident_memory_bytes: info.resident_memory,
            command: info.command,
            executable: info.executable,
            args: info.args,
            label: info.label,
        }
    }
}

/// A container, or the sandbox of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Container {
    /// Id, as `logs`, `restart` and the like take it.
    pub id: String,
    /// `system` or `k8s.io`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pod it belongs to, as `namespace/name`; empty for Talos' own.
    pub pod: String,
    /// The image it was made from.
    pub image: String,
    /// Number of its process; absent when it does not run.
    pub pid: Option<u32>,
    /// `RUNNING`, `CONTAINER_EXITED`, … in the runtime's words.
    pub status: String,
    /// Kubernetes' id of the pod (since Talos v1.9).
    pub uid: String,
    /// The runtime's own id (since Talos v1.9).
    pub internal_id: String,
    /// Path of its network namespace.
    pub network_namespace: String,
}

impl From<ContainerInfo> for Container {
    fn from(info: ContainerInfo) -> Self {
        Container {
            id: info.id,
            namespace: info.namespace,
            name: info.name,
            pod: info.pod_id,
            image: info.image,
            pid: (info.pid != 0).then_some(info.pid),
            status: info.status,
            uid: info.uid,
            internal_id: info.internal_id,
            network_namespace: info.network_namespace,
        }
    }
}

/// What a container uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ContainerStats {
    /// Id of the container.
    pub id: String,
    /// `system` or `k8s.io`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pod it belongs to.
    pub pod: String,
    /// Memory it holds.
    pub memory_bytes: u64,
    /// Processor time since it started, in nanoseconds.
    pub cpu_nanoseconds: u64,
}

impl From<Stat> for ContainerStats {
    fn from(stat: Stat) -> Self {
        ContainerStats {
            id: stat.id,
            namespace: stat.namespace,
            name: stat.name,
            pod: stat.pod_id,
            memory_bytes: stat.memory_usage,
            cpu_nanoseconds: stat.cpu_usage,
        }
    }
}

/// A mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Mount {
    /// What is mounted: a device or a kind of file system.
    pub source: String,
    /// Where.
    pub target: String,
    /// Size.
    pub size_bytes: u64,
    /// Room that is left.
    pub available_bytes: u64,
}

impl From<MountStat> for Mount {
    fn from(stat: MountStat) -> Self {
        Mount {
            source: stat.filesystem,
            target: stat.mounted_on,
            size_bytes: stat.size,
            available_bytes: stat.available,
        }
    }
}

impl NodeClient {
    /// The processes of the node, those in containers among them.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn processes(&self) -> Result<Vec<Process>> {
        let m = self
            .ask("Processes", (), |raw, request| async move {
                raw.machine().processes(request).await
            })
            .await?;
        Ok(m.processes.into_iter().map(Process::from).collect())
    }

    /// The containers of Talos or of Kubernetes. Their ids are what
    /// [`logs`](NodeClient::logs) takes.
    ///
    /// # Errors
    /// `Unavailable` while containerd does not run, as early in a boot.
    pub async fn containers(&self, namespace: ContainerNamespace) -> Result<Vec<Container>> {
        let request = ContainersRequest {
            namespace: namespace.name().to_owned(),
            driver: namespace.driver().into(),
        };
        let m = self
            .ask("Containers", request, |raw, request| async move {
                raw.machine().containers(request).await
            })
            .await?;
        Ok(m.containers.into_iter().map(Container::from).collect())
    }

    /// What the containers of Talos or of Kubernetes use: memory in bytes, processor
    /// time in nanoseconds.
    ///
    /// # Errors
    /// As [`containers`](NodeClient::containers).
    pub async fn container_stats(
        &self,
        namespace: ContainerNamespace,
    ) -> Result<Vec<ContainerStats>> {
        let request = StatsRequest {
            namespace: namespace.name().to_owned(),
            driver: namespace.driver().into(),
        };
        let m = self
            .ask("Stats", request, |raw, request| async move {
                raw.machine().stats(request).await
            })
            .await?;
        Ok(m.stats.into_iter().map(ContainerStats::from).collect())
    }

    /// The mounted file systems, with sizes in bytes.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn mounts(&self) -> Result<Vec<Mount>> {
        let m = self
            .ask("Mounts", (), |raw, request| async move {
                raw.machine().mounts(request).await
            })
            .await?;
        Ok(m.stats.into_iter().map(Mount::from).collect())
    }
}
