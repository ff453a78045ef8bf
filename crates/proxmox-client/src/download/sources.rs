//! What can be downloaded.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, Result};
use proxmox_endpoints::params::{Params, Rule, segment};
use proxmox_endpoints::{Method, Upid, tolerant};
use serde::{Deserialize, Serialize};

use super::{DownloadOptions, DownloadProgress, Downloaded};
use crate::Node;

const TASK_LOG: &str = "GET /nodes/{node}/tasks/{upid}/log";
const JOURNAL: &str = "GET /nodes/{node}/journal";
const RESTORE_LIST: &str = "GET /nodes/{node}/storage/{storage}/file-restore/list";
const RESTORE: &str = "GET /nodes/{node}/storage/{storage}/file-restore/download";

/// Which part of a node's journal. Everything is optional; without anything it
/// is the whole journal.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JournalQuery {
    /// From this second on (Unix time).
    pub since: Option<u64>,
    /// Up to this second (Unix time).
    pub until: Option<u64>,
    /// The last so many entries.
    pub last_entries: Option<u32>,
    /// Only this systemd unit (after 9.2).
    pub unit: Option<String>,
}

impl JournalQuery {
    /// From this second on (Unix time).
    #[must_use]
    pub fn since(mut self, second: u64) -> Self {
        self.since = Some(second);
        self
    }

    /// Up to this second (Unix time).
    #[must_use]
    pub fn until(mut self, second: u64) -> Self {
        self.until = Some(second);
        self
    }

    /// The last so many entries.
    #[must_use]
    pub fn last_entries(mut self, entries: u32) -> Self {
        self.last_entries = Some(entries);
        self
    }

    /// Only this systemd unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    fn params(&self) -> Params {
        let mut params = Params::new();
        let numbers = [("since", self.since), ("until", self.until)];
        for (name, number) in numbers {
            if let Some(number) = number {
                params.push(name, number.to_string());
            }
        }
        if let Some(entries) = self.last_entries {
            params.push("lastentries", entries.to_string());
        }
        if let Some(unit) = &self.unit {
            params.push("unit", unit.as_str());
        }
        params
    }
}

/// A file or folder inside a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct BackupEntry {
    /// Its path inside the backup.
    pub path: String,
    /// Its name.
    pub name: String,
    /// `f` file, `d` folder, `v` disk, `l` link, …: the server's letter.
    pub kind: String,
    /// Whether there is nothing below it.
    pub leaf: bool,
    /// Its size, of files.
    pub size_bytes: Option<u64>,
    /// When it was changed last, in seconds since 1970.
    pub modified_unix: Option<i64>,
}

#[derive(Deserialize)]
struct WireEntry {
    filepath: String,
    #[serde(default)]
    text: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "tolerant::opt")]
    leaf: Option<bool>,
    #[serde(default, deserialize_with = "tolerant::opt")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::opt")]
    mtime: Option<i64>,
}

impl Node {
    /// Downloads the whole log of a task of this node. Since 7.4.
    ///
    /// # Errors
    /// Those of a download: `NotFound` for the folder of `to`, `Io`,
    /// `Protocol` when the answer breaks off, `Timeout` when it stalls;
    /// otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    ///
    /// # Cancellation
    /// Leaves no file.
    pub async fn download_task_log(
        &self,
        upid: &Upid,
        to: impl AsRef<Path>,
        options: DownloadOptions,
        on_progress: impl FnMut(DownloadProgress) + Send,
    ) -> Result<Downloaded> {
        let path = format!("{}/tasks/{}/log", self.base(TASK_LOG)?, segment(upid));
        let params: Params = [("download", "1")].into_iter().collect();
        self.client()
            .download(TASK_LOG, &path, &params, to.as_ref(), options, on_progress)
            .await
    }

    /// Downloads a part of the node's journal: JSON with a line of text for
    /// each entry in `data`.
    ///
    /// # Errors
    /// As [`download_task_log`](Node::download_task_log).
    pub async fn download_journal(
        &self,
        query: &JournalQuery,
        to: impl AsRef<Path>,
        options: DownloadOptions,
        on_progress: impl FnMut(DownloadProgress) + Send,
    ) -> Result<Downloaded> {
        let path = format!("{}/journal", self.base(JOURNAL)?);
        self.client()
            .download(
                JOURNAL,
                &path,
                &query.params(),
                to.as_ref(),
                options,
                on_progress,
            )
            .await
    }

    /// What is below `path` in a backup on a Proxmox Backup Server storage;
    /// `/` is its top. A virtual machine's backup is started in a small helper
    /// for it, which takes some seconds.
    ///
    /// # Errors
    /// See [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn backup_entries(
        &self,
        storage: &str,
        volume: &str,
        path: &str,
    ) -> Result<Vec<BackupEntry>> {
        let place = format!("{}/list", self.file_restore(RESTORE_LIST, storage)?);
        let params = restore_params(volume, path);
        let wire: Option<Vec<WireEntry>> = self
            .client()
            .call(RESTORE_LIST, Method::Get, &place, &params)
            .await?;
        let entry = |wire: WireEntry| BackupEntry {
            path: decoded(&wire.filepath),
            name: wire.text,
            kind: wire.kind,
            leaf: wire.leaf.unwrap_or(false),
            size_bytes: wire.size,
            modified_unix: wire.mtime,
        };
        Ok(wire.unwrap_or_default().into_iter().map(entry).collect())
    }

    /// Downloads a file out of a backup on a Proxmox Backup Server storage; a
    /// folder comes as a ZIP archive, or as `.tar.zst` with `tar` (8.1 and later).
    ///
    /// # Errors
    /// As [`download_task_log`](Node::download_task_log).
    #[allow(
        clippy::too_many_arguments,
        reason = "each names one thing of the call"
    )]
    pub async fn download_from_backup(
        &self,
        storage: &str,
        volume: &str,
        path: &str,
        tar: bool,
        to: impl AsRef<Path>,
        options: DownloadOptions,
        on_progress: impl FnMut(DownloadProgress) + Send,
    ) -> Result<Downloaded> {
        let place = format!("{}/download", self.file_restore(RESTORE, storage)?);
        let mut params = restore_params(volume, path);
        if tar {
            params.push("tar", "1");
        }
        self.client()
            .download(RESTORE, &place, &params, to.as_ref(), options, on_progress)
            .await
    }

    fn file_restore(&self, operation: &'static str, storage: &str) -> Result<String> {
        let storage = storage.to_owned();
        Params::check_path("storage", &storage, Rule::Id)
            .map_err(|e: Error| e.operation(operation))?;
        let base = self.base(operation)?;
        Ok(format!("{base}/storage/{}/file-restore", segment(&storage)))
    }
}

/// Paths travel in base64, apart from the top.
fn restore_params(volume: &str, path: &str) -> Params {
    let path = match path {
        "" | "/" => "/".to_owned(),
        path => STANDARD.encode(path),
    };
    let mut params = Params::new();
    params.push("volume", volume);
    params.push("filepath", path);
    params
}

fn decoded(path: &str) -> String {
    STANDARD
        .decode(path)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| path.to_owned())
}
