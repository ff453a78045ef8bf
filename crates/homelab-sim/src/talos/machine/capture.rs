//! `PacketCapture`: nanoseconds, little endian, until it is cancelled. Packets are
//! TCP to the Talos API and DNS over UDP in turn, and a filter is obeyed.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use talos_proto::common::Data;
use talos_proto::machine as pb;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::{bpf, bytes};
use crate::shared::Shared;

/// Between two packets.
const PERIOD: Duration = Duration::from_millis(5);

/// Length of every packet: long enough that frames cut packets.
const LENGTH: u32 = 700;

pub(super) fn capture(
    shared: &Shared,
    request: &pb::PacketCaptureRequest,
) -> Result<BoxStream<Data>, Status> {
    if !matches!(request.interface.as_str(), "eth0" | "lo") {
        return Err(Status::not_found(format!(
            "route ip+net: no such network interface {:?}",
            request.interface
        )));
    }
    if !request.bpf_filter.is_empty() {
        for n in 0..2 {
            bpf::passes(&request.bpf_filter, &payload(n)).map_err(Status::invalid_argument)?;
        }
    }
    let length = match request.snap_len {
        0 => LENGTH,
        most => LENGTH.min(most),
    };
    let world = shared.world.clone();
    let filter = request.bpf_filter.clone();
    let packets = stream::unfold(0_u32, move |n| {
        let (world, filter) = (world.clone(), filter.clone());
        async move {
            world.sleep(PERIOD).await;
            let seen = payload(n);
            let passes = filter.is_empty() || bpf::passes(&filter, &seen).ok()?;
            let mut packet = Vec::new();
            if passes {
                for number in [n, n, length, LENGTH] {
                    packet.extend(number.to_le_bytes());
                }
                packet.extend(seen.get(..length as usize).unwrap_or(&seen));
            }
            Some((packet, n + 1))
        }
    })
    .filter(|packet| std::future::ready(!packet.is_empty()));
    let header = [0xA1B2_3C4D_u32, 2 | 4 << 16, 0, 0, 65_535, 1];
    let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    // Frames end in the middle of packets.
    let data = stream::iter([header]).chain(packets).flat_map(|data| {
        let (first, second) = data.split_at(data.len() / 3);
        stream::iter([bytes::frame(first.to_vec()), bytes::frame(second.to_vec())])
    });
    Ok(Box::pin(data.map(Ok)))
}

/// Ethernet, IPv4, and TCP or UDP in turn, as far as filters look at them.
fn payload(n: u32) -> Vec<u8> {
    let (protocol, port) = if n.is_multiple_of(2) {
        (6, 50_000_u16)
    } else {
        (17, 53)
    };
    let mut packet = vec![0x45; LENGTH as usize];
    let mut put = |at: usize, bytes: &[u8]| {
        for (byte, new) in packet.iter_mut().skip(at).zip(bytes) {
            *byte = *new;
        }
    };
    put(12, &[0x08, 0x00]);
    // No fragment.
    put(20, &[0, 0]);
    put(23, &[protocol]);
    put(34, &40_000_u16.to_be_bytes());
    put(36, &port.to_be_bytes());
    packet
}
