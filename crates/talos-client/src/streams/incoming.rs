//! The archive of a tree of files, as it comes in: `copy.rs` unpacks it,
//! `archive.rs` keeps it.

use bytes::Bytes;
use homelab_core::{Error, Result};
use serde::{Deserialize, Serialize};
use talos_proto::common::Data;
use talos_proto::machine::CopyRequest;

use super::frames::Frames;
use crate::node::NodeClient;

pub(super) const OPERATION: &str = "Copy";

/// Bytes between two reports of progress.
const REPORT_EVERY: u64 = 256 << 10;

/// How far a copy is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CopyProgress {
    /// Bytes of the compressed archive that have come.
    pub bytes: u64,
}

/// An archive that a node sends.
pub(super) struct Incoming {
    path: String,
    chunks: Frames<Data>,
    /// How many bytes were told of.
    reported: u64,
}

impl NodeClient {
    /// Asks for the archive of what is at `path`.
    pub(super) async fn incoming(&self, path: &str) -> Result<Incoming> {
        let request = CopyRequest {
            root_path: path.to_owned(),
        };
        let chunks = self
            .download(OPERATION, request, |raw, request| async move {
                raw.machine().copy(request).await
            })
            .await?;
        Ok(Incoming {
            path: path.to_owned(),
            chunks,
            reported: 0,
        })
    }
}

impl Incoming {
    /// The next piece, with a word on progress now and then and at the end.
    pub(super) async fn next(
        &mut self,
        on_progress: &mut impl FnMut(CopyProgress),
    ) -> Result<Option<Bytes>> {
        let next = self.chunks.chunk().await;
        let bytes = self.bytes();
        if !matches!(next, Ok(Some(_))) || bytes - self.reported >= REPORT_EVERY {
            self.reported = bytes;
            on_progress(CopyProgress { bytes });
        }
        next
    }

    /// How many bytes have come.
    pub(super) fn bytes(&self) -> u64 {
        self.chunks.bytes()
    }

    /// What became of it, from what was made of the archive and how the stream
    /// ended; `what` says what there is when it is not all.
    pub(super) fn outcome<T>(
        self,
        made: Result<T>,
        failure: Option<Error>,
        what: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        match (made, failure) {
            (made, None) => made,
            // The node reports what it could not read behind the whole archive.
            (Ok(made), Some(error)) => Err(Error::partial(
                format!(
                    "the node could not read everything; {}: {}",
                    what(&made),
                    error.message()
                ),
                vec![(self.path, error)],
            )),
            // What came over the wire explains what was made of it.
            (Err(_), Some(error)) => Err(error),
        }
    }
}
