//! Counters of the kernel.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::CpuStat;

use crate::node::NodeClient;
use crate::timestamp::rfc3339_seconds;

/// Counters of a node's kernel since boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SystemStat {
    /// When the node booted, RFC 3339.
    pub boot_time: String,
    /// How many processors it has.
    pub cpu_count: u32,
    /// Time of all processors together.
    pub cpu_total: CpuTime,
    /// Time of each processor.
    pub cpus: Vec<CpuTime>,
    /// Context switches since boot.
    pub context_switches: u64,
    /// Processes created since boot.
    pub processes_created: u64,
    /// Processes that run now.
    pub processes_running: u64,
    /// Processes that wait for I/O now.
    pub processes_blocked: u64,
}

/// Where processor time went since boot, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CpuTime {
    /// In programs.
    pub user_seconds: f64,
    /// In programs with low priority.
    pub nice_seconds: f64,
    /// In the kernel.
    pub system_seconds: f64,
    /// Idle.
    pub idle_seconds: f64,
    /// Idle with I/O pending.
    pub iowait_seconds: f64,
    /// In interrupts, hard and soft.
    pub irq_seconds: f64,
    /// Taken by the host for other guests.
    pub steal_seconds: f64,
}

impl From<CpuStat> for CpuTime {
    fn from(stat: CpuStat) -> Self {
        CpuTime {
            user_seconds: stat.user,
            nice_seconds: stat.nice,
            system_seconds: stat.system,
            idle_seconds: stat.idle,
            iowait_seconds: stat.iowait,
            irq_seconds: stat.irq + stat.soft_irq,
            steal_seconds: stat.steal,
        }
    }
}

impl NodeClient {
    /// Counters of the node's kernel since it booted, and when that was.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn system_stat(&self) -> Result<SystemStat> {
        let m = self
            .ask("SystemStat", (), |raw, request| async move {
                raw.machine().system_stat(request).await
            })
            .await?;
        Ok(SystemStat {
            boot_time: rfc3339_seconds(m.boot_time),
            cpu_count: u32::try_from(m.cpu.len()).unwrap_or(u32::MAX),
            cpu_total: m.cpu_total.unwrap_or_default().into(),
            cpus: m.cpu.into_iter().map(CpuTime::from).collect(),
            context_switches: m.context_switches,
            processes_created: m.process_created,
            processes_running: m.process_running,
            processes_blocked: m.process_blocked,
        })
    }
}
