//! Packets, to a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use homelab_core::{AtomicFile, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{BpfInstruction as RawInstruction, PacketCaptureRequest};

use super::filter::{BpfInstruction, check};
use super::pcap::Packets;
use crate::node::NodeClient;

const OPERATION: &str = "PacketCapture";

/// What to capture and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaptureOptions {
    /// The network interface: `eth0`.
    pub interface: String,
    /// When to stop.
    pub duration: Duration,
    /// Packets that are meant for others too.
    pub promiscuous: bool,
    /// Longest part of a packet that is kept; the node's own default when absent.
    pub snap_len: Option<u32>,
    /// Which packets, as [`BpfInstruction::parse_filter`] reads it; all when empty.
    pub filter: Vec<BpfInstruction>,
    /// Stop after this many packets.
    pub max_packets: Option<u64>,
    /// Stop when the file has about this size.
    pub max_bytes: Option<u64>,
}

impl CaptureOptions {
    /// All packets of an interface, for that long.
    pub fn new(interface: impl Into<String>, duration: Duration) -> Self {
        CaptureOptions {
            interface: interface.into(),
            duration,
            promiscuous: false,
            snap_len: None,
            filter: Vec::new(),
            max_packets: None,
            max_bytes: None,
        }
    }

    /// Packets that are meant for others too.
    #[must_use]
    pub fn promiscuous(mut self) -> Self {
        self.promiscuous = true;
        self
    }

    /// Longest part of a packet that is kept.
    #[must_use]
    pub fn snap_len(mut self, bytes: u32) -> Self {
        self.snap_len = Some(bytes);
        self
    }

    /// Only packets that the filter lets through. It has at most 4096 instructions,
    /// jumps only to others of them, and its last returns.
    #[must_use]
    pub fn filter(mut self, instructions: impl IntoIterator<Item = BpfInstruction>) -> Self {
        self.filter = instructions.into_iter().collect();
        self
    }

    /// Stop after this many packets.
    #[must_use]
    pub fn max_packets(mut self, packets: u64) -> Self {
        self.max_packets = Some(packets);
        self
    }

    /// Stop when the file has about this size.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}

/// A finished capture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PacketCapture {
    /// The file, which `tcpdump -r` and Wireshark read.
    pub path: PathBuf,
    /// How many packets it holds.
    pub packets: u64,
    /// Size of the file.
    pub size_bytes: u64,
    /// Kind of the link: 1 with Ethernet headers, 101 without, as in a tunnel.
    pub link_type: u32,
}

/// How far a capture is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CaptureProgress {
    /// Packets so far.
    pub packets: u64,
    /// Size of the file so far.
    pub bytes: u64,
}

impl NodeClient {
    /// Captures packets of a network interface to the file `to`, until the time
    /// is over or there are enough. Only whole packets are in the file, which
    /// appears at the end.
    ///
    /// # Errors
    /// - `NotFound` for an unknown interface, `InvalidArgument` for one of another kind.
    /// - `InvalidArgument` for a filter that no kernel takes, before anything is sent.
    /// - `Unavailable` when the node goes away before the time is over.
    /// - `NotFound` or `Io` when `to` cannot be written.
    ///
    /// After every error, nothing is left on the disk.
    ///
    /// # Cancellation
    /// Dropping the future stops the node and leaves nothing.
    pub async fn packet_capture(
        &self,
        to: impl AsRef<Path>,
        options: CaptureOptions,
        on_progress: impl FnMut(CaptureProgress) + Send,
    ) -> Result<PacketCapture> {
        self.capture(to.as_ref(), options, on_progress)
            .await
            .map_err(|e| e.operation(OPERATION).target(self.target()))
    }

    async fn capture(
        &self,
        to: &Path,
        options: CaptureOptions,
        mut on_progress: impl FnMut(CaptureProgress) + Send,
    ) -> Result<PacketCapture> {
        check(&options.filter)?;
        let mut file = AtomicFile::create(to)?;
        let request = PacketCaptureRequest {
            interface: options.interface,
            promiscuous: options.promiscuous,
            snap_len: options.snap_len.unwrap_or_default(),
            bpf_filter: options
                .filter
                .into_iter()
                .map(|i| RawInstruction {
                    op: i.op,
                    jt: i.jt,
                    jf: i.jf,
                    k: i.k,
                })
                .collect(),
        };
        let mut chunks = self.follow(OPERATION, request, |raw, request| async move {
            raw.machine().packet_capture(request).await
        });
        let mut packets = Packets::default();
        let mut bytes = 0_u64;
        let enough = |packets: u64, bytes: u64| {
            options.max_packets.is_some_and(|max| packets >= max)
                || options.max_bytes.is_some_and(|max| bytes >= max)
        };
        let over = tokio::time::sleep(options.duration);
        tokio::pin!(over);
        loop {
            let chunk = tokio::select! {
                biased;
                () = &mut over => break,
                chunk = chunks.chunk() => match chunk? {
                    Some(chunk) => chunk,
                    None => return Err(chunks.ended_early()),
                },
            };
            let whole = packets.push(&chunk)?;
            if whole.is_empty() {
                continue;
            }
            file.write_all(&whole)
                .map_err(|e| Error::io("write", to, e))?;
            bytes += whole.len() as u64;
            on_progress(CaptureProgress {
                packets: packets.packets(),
                bytes,
            });
            if enough(packets.packets(), bytes) {
                break;
            }
        }
        if !packets.started() {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!("no capture began within {:?}", options.duration),
            ));
        }
        Ok(PacketCapture {
            path: file.commit()?,
            packets: packets.packets(),
            size_bytes: bytes,
            link_type: packets.link_type(),
        })
    }
}
