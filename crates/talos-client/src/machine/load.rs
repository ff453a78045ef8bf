//! How busy a node is: load, processors, disks, network.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::{CpuFreqStats, CpuInfo, DiskStat, NetDev};

use crate::node::NodeClient;

/// Processes that ran or wanted to, on average.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LoadAverage {
    /// Over the last minute.
    pub one_minute: f64,
    /// Over the last five minutes.
    pub five_minutes: f64,
    /// Over the last fifteen minutes.
    pub fifteen_minutes: f64,
}

/// A logical processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Processor {
    /// Its number.
    pub number: u32,
    /// Who made it: `GenuineIntel`, `AuthenticAMD`.
    pub vendor: String,
    /// Its model, in the maker's words.
    pub model: String,
    /// Clock at this moment.
    pub mhz: f64,
    /// The socket it is in.
    pub socket: String,
    /// The core of the socket that it belongs to.
    pub core: String,
    /// Cores of the socket.
    pub cores: u32,
    /// Logical processors of the socket.
    pub siblings: u32,
    /// Cache, in the kernel's words: `512 KB`.
    pub cache: String,
    /// Version of its microcode.
    pub microcode: String,
    /// What it can do: `vmx`, `aes`, …
    pub flags: Vec<String>,
    /// Known faults: `spectre_v2`, …
    pub bugs: Vec<String>,
}

impl From<CpuInfo> for Processor {
    fn from(info: CpuInfo) -> Self {
        Processor {
            number: info.processor,
            vendor: info.vendor_id,
            model: info.model_name,
            mhz: info.cpu_mhz,
            socket: info.physical_id,
            core: info.core_id,
            cores: info.cpu_cores,
            siblings: info.siblings,
            cache: info.cache_size,
            microcode: info.microcode,
            flags: info.flags,
            bugs: info.bugs,
        }
    }
}

/// The clock of a logical processor. All zero where the kernel has no control over it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CpuFrequency {
    /// At this moment, in hertz.
    pub current_hz: u64,
    /// Lowest, in hertz.
    pub minimum_hz: u64,
    /// Highest, in hertz.
    pub maximum_hz: u64,
    /// How it is chosen: `performance`, `powersave`, …
    pub governor: String,
}

impl From<CpuFreqStats> for CpuFrequency {
    fn from(stats: CpuFreqStats) -> Self {
        // The kernel counts in kHz.
        let hz = |khz: u64| khz.saturating_mul(1000);
        CpuFrequency {
            current_hz: hz(stats.current_frequency),
            minimum_hz: hz(stats.minimum_frequency),
            maximum_hz: hz(stats.maximum_frequency),
            governor: stats.governor,
        }
    }
}

/// Counters of all block devices since boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskStats {
    /// All together.
    pub total: DiskCounters,
    /// Each device and partition.
    pub devices: Vec<DiskCounters>,
}

/// Counters of a block device since boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskCounters {
    /// Its name: `sda`, `sda1`.
    pub name: String,
    /// Reads that were done.
    pub reads: u64,
    /// What they brought.
    pub read_bytes: u64,
    /// How long they took together, in milliseconds.
    pub read_time_ms: u64,
    /// Writes that were done.
    pub writes: u64,
    /// What they held.
    pub written_bytes: u64,
    /// How long they took together, in milliseconds.
    pub write_time_ms: u64,
    /// Requests at this moment.
    pub in_progress: u64,
    /// How long there was at least one request, in milliseconds.
    pub busy_time_ms: u64,
    /// What was given back to the device.
    pub discarded_bytes: u64,
}

impl From<DiskStat> for DiskCounters {
    fn from(stat: DiskStat) -> Self {
        // Sectors of the kernel's statistics have 512 bytes, whatever the disk's have.
        let bytes = |sectors: u64| sectors.saturating_mul(512);
        DiskCounters {
            name: stat.name,
            reads: stat.read_completed,
            read_bytes: bytes(stat.read_sectors),
            read_time_ms: stat.read_time_ms,
            writes: stat.write_completed,
            written_bytes: bytes(stat.write_sectors),
            write_time_ms: stat.write_time_ms,
            in_progress: stat.io_in_progress,
            busy_time_ms: stat.io_time_ms,
            discarded_bytes: bytes(stat.discard_sectors),
        }
    }
}

/// Counters of all network interfaces since boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NetworkStats {
    /// All together.
    pub total: NetworkCounters,
    /// Each interface.
    pub devices: Vec<NetworkCounters>,
}

/// Counters of a network interface since boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NetworkCounters {
    /// Its name: `eth0`.
    pub name: String,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Packets that came.
    pub received_packets: u64,
    /// Damaged packets that came.
    pub receive_errors: u64,
    /// Packets that came and were dropped.
    pub receive_dropped: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
    /// Packets that went.
    pub sent_packets: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Packets that were dropped instead of sent.
    pub send_dropped: u64,
}

impl From<NetDev> for NetworkCounters {
    fn from(device: NetDev) -> Self {
        NetworkCounters {
            name: device.name,
            received_bytes: device.rx_bytes,
            received_packets: device.rx_packets,
            receive_errors: device.rx_errors,
            receive_dropped: device.rx_dropped,
            sent_bytes: device.tx_bytes,
            sent_packets: device.tx_packets,
            send_errors: device.tx_errors,
            send_dropped: device.tx_dropped,
        }
    }
}

impl NodeClient {
    /// How many processes ran or wanted to, on average.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn load_average(&self) -> Result<LoadAverage> {
        let m = self
            .ask("LoadAvg", (), |raw, request| async move {
                raw.machine().load_avg(request).await
            })
            .await?;
        Ok(LoadAverage {
            one_minute: m.load1,
            five_minutes: m.load5,
            fifteen_minutes: m.load15,
        })
    }

    /// The logical processors of the node, from `/proc/cpuinfo`.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn processors(&self) -> Result<Vec<Processor>> {
        let m = self
            .ask("CPUInfo", (), |raw, request| async move {
                raw.machine().cpu_info(request).await
            })
            .await?;
        Ok(m.cpu_info.into_iter().map(Processor::from).collect())
    }

    /// The clocks of the processors: now, and between which limits. In a guest there is
    /// mostly none to see. Since Talos v1.9.
    ///
    /// # Errors
    /// `Unsupported` before v1.9.
    pub async fn cpu_frequencies(&self) -> Result<Vec<CpuFrequency>> {
        let m = self
            .ask("CPUFreqStats", (), |raw, request| async move {
                raw.machine().cpu_freq_stats(request).await
            })
            .await?;
        Ok(m.cpu_freq_stats
            .into_iter()
            .map(CpuFrequency::from)
            .collect())
    }

    /// Counters of the block devices since boot, in all and for each.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn disk_stats(&self) -> Result<DiskStats> {
        let m = self
            .ask("DiskStats", (), |raw, request| async move {
                raw.machine().disk_stats(request).await
            })
            .await?;
        Ok(DiskStats {
            total: m.total.unwrap_or_default().into(),
            devices: m.devices.into_iter().map(DiskCounters::from).collect(),
        })
    }

    /// Counters of the network interfaces since boot, in all and for each.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn network_stats(&self) -> Result<NetworkStats> {
        let m = self
            .ask("NetworkDeviceStats", (), |raw, request| async move {
                raw.machine().network_device_stats(request).await
            })
            .await?;
        Ok(NetworkStats {
            total: m.total.unwrap_or_default().into(),
            devices: m.devices.into_iter().map(NetworkCounters::from).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_bytes_and_hertz() {
        let disk = DiskCounters::from(DiskStat {
            read_sectors: 3,
            write_sectors: u64::MAX,
            ..DiskStat::default()
        });
        assert_eq!((disk.read_bytes, disk.written_bytes), (1536, u64::MAX));
        let clock = CpuFrequency::from(CpuFreqStats {
            current_frequency: 2_400_000,
            ..CpuFreqStats::default()
        });
        assert_eq!(clock.current_hz, 2_400_000_000);
    }
}
