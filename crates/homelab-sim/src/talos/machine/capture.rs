//! `PacketCapture`: nanoseconds, little endian, until it is cancelled.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use talos_proto::common::Data;
use talos_proto::machine as pb;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::bytes;
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
    let length = match request.snap_len {
        0 => LENGTH,
        most => LENGTH.min(most),
    };
    let world = shared.world.clone();
    let packets = stream::unfold(0_u32, move |n| {
        let world = world.clone();
        async move {
            world.sleep(PERIOD).await;
            let mut packet = Vec::new();
            for number in [n, n, length, LENGTH] {
                packet.extend(number.to_le_bytes());
            }
            packet.resize(packet.len() + length as usize, 0x45);
            Some((packet, n + 1))
        }
    });
    let header = [0xA1B2_3C4D_u32, 2 | 4 << 16, 0, 0, 65_535, 1];
    let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    // Frames end in the middle of packets.
    let data = stream::iter([header]).chain(packets).flat_map(|data| {
        let (first, second) = data.split_at(data.len() / 3);
        stream::iter([bytes::frame(first.to_vec()), bytes::frame(second.to_vec())])
    });
    Ok(Box::pin(data.map(Ok)))
}
