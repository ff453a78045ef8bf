//! Images from a file.

use std::path::Path;
use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use homelab_core::{Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};
use talos_proto::machine::ImageServiceImportRequest;
use talos_proto::machine::image_service_import_request::Request;
use tokio::sync::oneshot;

use super::ImageNamespace;
use crate::node::NodeClient;
use crate::snapshot::chunks;

const OPERATION: &str = "ImageService.Import";

/// Slowest upload that is waited for.
const BYTES_A_SECOND: u64 = 1 << 20;

/// How often progress is looked at.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ImportProgress {
    /// How many bytes have been handed to the connection.
    pub bytes: u64,
    /// How many there are.
    pub total_bytes: u64,
}

impl NodeClient {
    /// Brings an image from a file to the node, without a registry, and gives back
    /// its name. The file is an archive of one image, as `docker save` or
    /// `crane export --format=oci` write them. Since Talos v1.13.
    ///
    /// # Errors
    /// `NotFound` or `Io` when the file cannot be read; `InvalidArgument` for an
    /// empty one, before anything is sent; `Unsupported` before v1.13.
    ///
    /// # Cancellation
    /// The node throws away what it has got.
    pub async fn import_image(
        &self,
        from: impl AsRef<Path>,
        namespace: ImageNamespace,
        mut on_progress: impl FnMut(ImportProgress),
    ) -> Result<String> {
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let from = from.as_ref();
        let unreadable = |e| named(Error::io("read", from, e));
        let file = tokio::fs::File::open(from).await.map_err(unreadable)?;
        let size = file.metadata().await.map_err(unreadable)?.len();
        if size == 0 {
            let message = format!("{} is empty", from.display());
            return Err(named(Error::new(ErrorKind::InvalidArgument, message)));
        }
        let limit =
            self.shared.options.request_timeout + Duration::from_secs(size / BYTES_A_SECOND);
        let (failed, mut failure) = oneshot::channel();
        let done = Arc::new(AtomicU64::new(0));
        let counter = done.clone();
        let start = ImageServiceImportRequest {
            request: Some(Request::Containerd(namespace.instance())),
        };
        let data = chunks(file, size, failed).map(move |data| {
            counter.fetch_add(data.bytes.len() as u64, Ordering::Relaxed);
            ImageServiceImportRequest {
                request: Some(Request::ImageChunk(data)),
            }
        });
        let upload = stream::once(async { start }).chain(data);
        let upload = self.act(OPERATION, Some(limit), upload, |raw, request| async move {
            raw.images().import(request).await
        });
        tokio::pin!(upload);
        let mut reported = 0;
        loop {
            let result = tokio::select! {
                // A stream that ends would be taken for a whole one.
                biased;
                Ok(e) = &mut failure => return Err(unreadable(e).sent(Sent::Maybe)),
                answer = &mut upload => Some(answer),
                () = tokio::time::sleep(REPORT_EVERY) => None,
            };
            let bytes = done.load(Ordering::Relaxed);
            if bytes != reported {
                reported = bytes;
                on_progress(ImportProgress {
                    bytes,
                    total_bytes: size,
                });
            }
            if let Some(answer) = result {
                return Ok(answer?.name);
            }
        }
    }
}
