//! How much room files take.

use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use homelab_core::{Error, Result};
use serde::{Deserialize, Serialize};
use talos_proto::machine::{DiskUsageInfo, DiskUsageRequest};

use super::files::{absolute, level};
use crate::node::NodeClient;

/// How much room a file, or all files below a folder, take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DiskUsage {
    /// Its whole path.
    pub path: String,
    /// Its path below the folder that was asked for.
    pub relative_path: String,
    /// Room it takes, with everything below it.
    pub size_bytes: u64,
    /// Why the node could not look at it.
    pub error: Option<String>,
}

impl From<DiskUsageInfo> for DiskUsage {
    fn from(info: DiskUsageInfo) -> Self {
        DiskUsage {
            path: info.name,
            relative_path: info.relative_name,
            size_bytes: u64::try_from(info.size).unwrap_or(0),
            error: (!info.error.is_empty()).then_some(info.error),
        }
    }
}

/// What to report. Folders only and all the way down, unless said otherwise.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DiskUsageOptions {
    /// How many levels to report; sizes count everything below all the same.
    pub depth: Option<u32>,
    /// Files too, not folders alone.
    pub files: bool,
    /// Only what takes at least this much.
    pub at_least_bytes: Option<u64>,
    /// Only what takes at most this much; not together with `at_least_bytes`, which wins.
    pub at_most_bytes: Option<u64>,
}

impl DiskUsageOptions {
    /// Report this many levels.
    #[must_use]
    pub fn depth(mut self, levels: u32) -> Self {
        self.depth = Some(levels);
        self
    }

    /// Report files too.
    #[must_use]
    pub fn files(mut self) -> Self {
        self.files = true;
        self
    }

    /// Only what takes at least this much.
    #[must_use]
    pub fn at_least(mut self, bytes: u64) -> Self {
        self.at_least_bytes = Some(bytes);
        self
    }

    /// Only what takes at most this much.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.at_most_bytes = Some(bytes);
        self
    }

    fn request(&self, path: String) -> DiskUsageRequest {
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        DiskUsageRequest {
            recursion_depth: level(self.depth),
            all: self.files,
            // Below zero it is the largest size.
            threshold: match (self.at_least_bytes, self.at_most_bytes) {
                (Some(bytes), _) => size(bytes),
                (None, Some(bytes)) => -size(bytes),
                (None, None) => 0,
            },
            paths: vec![path],
        }
    }
}

impl NodeClient {
    /// How much room folders take: what is below a folder comes before it.
    ///
    /// Each path is a call of its own, because Talos stops after the first path
    /// that it could walk.
    ///
    /// # Errors
    /// `InvalidArgument` for a relative path, before anything is sent.
    pub fn disk_usage(
        &self,
        paths: &[&str],
        options: DiskUsageOptions,
    ) -> Result<impl Stream<Item = Result<DiskUsage>> + Send + Unpin + use<>> {
        for path in paths {
            absolute(path).map_err(|e: Error| e.operation("DiskUsage").target(self.target()))?;
        }
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let node = self.clone();
        let walks = stream::iter(paths).then(move |path| {
            let (node, request) = (node.clone(), options.request(path));
            async move {
                let frames = node
                    .download("DiskUsage", request, |raw, request| async move {
                        raw.machine().disk_usage(request).await
                    })
                    .await?;
                Ok::<_, Error>(frames.items(DiskUsage::from))
            }
        });
        Ok(Box::pin(walks.try_flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_has_a_direction() {
        let wire = |options: DiskUsageOptions| options.request("/var".into());
        let request = wire(DiskUsageOptions::default().at_most(10).files());
        assert_eq!((request.threshold, request.all), (-10, true));
        assert_eq!(wire(DiskUsageOptions::default().at_least(10)).threshold, 10);
        assert_eq!(wire(DiskUsageOptions::default()).threshold, 0);
    }
}
