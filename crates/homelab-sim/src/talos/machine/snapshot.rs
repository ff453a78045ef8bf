//! `EtcdSnapshot`: an etcd database and the SHA-256 of it, in frames of 1 KiB.
//!
//! A real node can end this stream with status OK and data missing; so can
//! this one, when asked to.

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use talos_proto::common::Data;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::etcd;
use crate::faults::{Fault, Faults};
use crate::talos::bbolt::{self, Database};
use crate::world::{State, TalosNode};

/// Bytes in a frame. Frame boundaries carry no meaning.
const FRAME: usize = 1024;

/// What happens to the snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    /// Half of it, and status OK.
    Truncated,
    /// All of it, but its checksum is another one's.
    Corrupt,
    /// Half of it, and an error.
    Cut,
}

impl Damage {
    pub(super) fn of(faults: &Faults, node: &str) -> Self {
        if faults.has(node, Fault::TruncateSnapshot) {
            Damage::Truncated
        } else if faults.has(node, Fault::CorruptSnapshot) {
            Damage::Corrupt
        } else if faults.has(node, Fault::CutSnapshot) {
            Damage::Cut
        } else {
            Damage::None
        }
    }
}

/// The database of the node's own member.
pub(super) fn database(state: &State, node: &TalosNode) -> Result<Database, Status> {
    let (etcd, _) = etcd::local(state, node)?;
    Ok(bbolt::etcd_database(state, node, etcd))
}

/// The stream of frames.
pub(super) fn stream(database: Database, damage: Damage) -> BoxStream<Data> {
    let half = database.size() / 2;
    let sender = Sender {
        database,
        at: 0,
        hash: Sha256::new(),
        damage,
        stop: match damage {
            Damage::Truncated | Damage::Cut => Some(half),
            _ => None,
        },
        done: false,
    };
    Box::pin(stream::unfold(sender, |mut sender| async move {
        let frame = sender.frame()?;
        Some((frame, sender))
    }))
}

struct Sender {
    database: Database,
    at: u64,
    hash: Sha256,
    damage: Damage,
    stop: Option<u64>,
    done: bool,
}

impl Sender {
    fn frame(&mut self) -> Option<Result<Data, Status>> {
        if self.done {
            return None;
        }
        if self.stop.is_some_and(|stop| self.at >= stop) {
            self.done = true;
            return (self.damage == Damage::Cut)
                .then(|| Err(Status::unknown("error reading snapshot: unexpected EOF")));
        }
        let chunk = self.database.read(self.at, FRAME);
        if chunk.is_empty() {
            self.done = true;
            let mut sum: Vec<u8> = std::mem::take(&mut self.hash).finalize().to_vec();
            if self.damage == Damage::Corrupt
                && let Some(byte) = sum.first_mut()
            {
                *byte ^= 0xff;
            }
            return Some(Ok(data(sum.into())));
        }
        self.at += chunk.len() as u64;
        self.hash.update(&chunk);
        Some(Ok(data(chunk)))
    }
}

fn data(bytes: Bytes) -> Data {
    Data {
        metadata: None,
        bytes,
    }
}
