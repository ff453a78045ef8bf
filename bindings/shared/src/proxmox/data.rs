//! Files into the storages of a node and out of them, backups.

use std::path::PathBuf;

use homelab_core::{ExposeSecret, Result};
use proxmox_client::{
    BackupOptions, CidataIso, DownloadOptions, FetchOptions, JournalQuery, Node, RestoreOptions,
    TaskProgress, UploadOptions, UploadProgress, VolumeTask, WaitOptions,
};
use serde::{Deserialize, Serialize};

use super::place::{Place, loss};
use super::{inside, screen};
use crate::args::seconds;
use crate::handle::no_method;
use crate::reply::{data, done};
use crate::{Args, Reply, Stream};

/// How far a file has come on its way into a storage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TransferProgress {
    /// `send` while this machine sends, `store` while the node works on it.
    step: String,
    /// Bytes sent so far.
    sent_bytes: Option<u64>,
    /// How many there are.
    total_bytes: Option<u64>,
    /// How much of the step is done, from 0 to 1, when it tells.
    fraction: Option<f64>,
    /// The latest line of the task's log.
    message: String,
}

/// A volume that is there now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct StoredVolume {
    /// Its name: `local:iso/talos.iso`.
    volume: String,
    /// The task that made it.
    upid: String,
    /// What the task warned of.
    warnings: Vec<String>,
}

impl From<UploadProgress> for TransferProgress {
    fn from(p: UploadProgress) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let share = |part: u64, whole: u64| part as f64 / whole as f64;
        TransferProgress {
            step: "send".into(),
            sent_bytes: Some(p.sent_bytes),
            total_bytes: Some(p.total_bytes),
            fraction: (p.total_bytes > 0).then(|| share(p.sent_bytes, p.total_bytes)),
            message: String::new(),
        }
    }
}

impl From<TaskProgress> for TransferProgress {
    fn from(p: TaskProgress) -> Self {
        TransferProgress {
            step: "store".into(),
            fraction: p.fraction,
            message: p.message,
            ..TransferProgress::default()
        }
    }
}

async fn stored(
    made: VolumeTask,
    waiting: WaitOptions,
    report: impl Fn(TransferProgress) + Send + Sync,
) -> Result<StoredVolume> {
    let outcome = made.wait_with(waiting, |p| report(p.into())).await?;
    Ok(StoredVolume {
        volume: made.volume().to_owned(),
        upid: outcome.upid.to_string(),
        warnings: outcome.warnings,
    })
}

/// What `ProxmoxClient.write_cidata_iso` does.
pub(crate) fn write_cidata_iso(args: &mut Args) -> Result<Reply> {
    let path: PathBuf = args.take("path")?;
    let (id, user_data): (String, String) = (args.take("instance_id")?, args.take("user_data")?);
    let mut disc = CidataIso::new(id, user_data);
    if let Some(name) = args.take::<Option<String>>("hostname")? {
        disc = disc.hostname(name);
    }
    if let Some(yaml) = args.take::<Option<String>>("network_config")? {
        disc = disc.network_config(yaml);
    }
    disc.write(path)?;
    Ok(done())
}

/// Methods of `ProxmoxNode` that are about files, backups and its shell.
pub(crate) async fn node(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    let node = place.node();
    match method {
        "upload" => upload(node, args),
        "download_url" => download_url(node, args),
        "url_metadata" => data(&node.url_metadata(&args.take::<String>("url")?).await?),
        "shell" => Ok(inside::opened(node.shell().await?)),
        "spice_viewer_file" => data(node.spice_viewer_file().await?.expose_secret()),
        "vnc_shell" => Ok(screen::opened(node.vnc_shell().await?)),
        "download_task_log" => {
            let upid: proxmox_client::Upid = args.take::<String>("upid")?.parse()?;
            let (to, options) = (args.take::<PathBuf>("to")?, downloading(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.download_task_log(&upid, to, options, |p| report.progress(p))
                    .await
            })))
        }
        "download_journal" => {
            let to: PathBuf = args.take("to")?;
            let mut query = JournalQuery::default();
            query.since = args.take("since_unix")?;
            query.until = args.take("until_unix")?;
            query.last_entries = args.take("last_entries")?;
            query.unit = args.take("unit")?;
            let options = downloading(args)?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.download_journal(&query, to, options, |p| report.progress(p))
                    .await
            })))
        }
        "backup_entries" => {
            let (storage, volume): (String, String) = (args.take("storage")?, args.take("volume")?);
            let path: Option<String> = args.take("path")?;
            let path = path.as_deref().unwrap_or("/");
            data(&node.backup_entries(&storage, &volume, path).await?)
        }
        "download_from_backup" => {
            let (storage, volume): (String, String) = (args.take("storage")?, args.take("volume")?);
            let (path, to): (String, PathBuf) = (args.take("path")?, args.take("to")?);
            let tar: bool = args.take_or_default("tar")?;
            let options = downloading(args)?;
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.download_from_backup(&storage, &volume, &path, tar, to, options, |p| {
                    report.progress(p);
                })
                .await
            })))
        }
        "backup" => backup(node, args),
        "restore_qemu" => restore(node, args, true),
        "restore_lxc" => restore(node, args, false),
        _ => Err(no_method("ProxmoxNode", method)),
    }
}

fn downloading(args: &mut Args) -> Result<DownloadOptions> {
    let mut options = DownloadOptions::default();
    if let Some(limit) = seconds(args, "stall_timeout_seconds")? {
        options = options.stall_timeout(limit);
    }
    Ok(options)
}

pub(crate) fn waiting(args: &mut Args) -> Result<WaitOptions> {
    let mut options = WaitOptions::default();
    if let Some(limit) = seconds(args, "timeout_seconds")? {
        options = options.timeout(limit);
    }
    Ok(options)
}

fn upload(node: Node, args: &mut Args) -> Result<Reply> {
    let storage: String = args.take("storage")?;
    let path: PathBuf = args.take("path")?;
    let mut options = UploadOptions::default();
    options.content = args.take("content")?;
    options.file_name = args.take("file_name")?;
    if let Some(sum) = args.take::<Option<String>>("checksum")? {
        options = options.checksum(sum.parse()?);
    }
    options.verify = args.take_or_default("verify")?;
    if let Some(word) = args.take::<Option<String>>("overwrite")? {
        options = options.overwrite(loss("overwrite", &word)?);
    }
    if let Some(limit) = seconds(args, "stall_timeout_seconds")? {
        options = options.stall_timeout(limit);
    }
    let waiting = waiting(args)?;
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        let made = node
            .upload(&storage, path, options, |p| {
                report.progress(TransferProgress::from(p));
            })
            .await?;
        stored(made, waiting, |p| report.progress(p)).await
    })))
}

fn download_url(node: Node, args: &mut Args) -> Result<Reply> {
    let storage: String = args.take("storage")?;
    let url: String = args.take("url")?;
    let mut options = FetchOptions::default();
    options.content = args.take("content")?;
    options.file_name = args.take("file_name")?;
    options.compression = args.take("compression")?;
    if let Some(sum) = args.take::<Option<String>>("checksum")? {
        options = options.checksum(sum.parse()?);
    }
    let waiting = waiting(args)?;
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        let made = node.download_url(&storage, &url, &options).await?;
        stored(made, waiting, |p| report.progress(p)).await
    })))
}

fn backup(node: Node, args: &mut Args) -> Result<Reply> {
    let vmids: Vec<u32> = args.take("vmids")?;
    let mut options = BackupOptions::default();
    options.storage = args.take("storage")?;
    options.mode = args.take_or_default("mode")?;
    options.compression = args.take_or_default("compression")?;
    options.protected = args.take_or_default("protected")?;
    options.notes_template = args.take("notes_template")?;
    if let Some(keep) = args.take::<Option<String>>("prune")? {
        let word: Option<String> = args.take("data_loss")?;
        let loss = loss("data_loss", word.as_deref().unwrap_or_default())?;
        options = options.prune(keep, loss);
    }
    options.bandwidth_kib = args.take("bandwidth_kib")?;
    let waiting = waiting(args)?;
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        match node.backup(&vmids, &options).await? {
            Some(task) => {
                let outcome = task.wait_with(waiting, |p: TaskProgress| report.progress(p));
                outcome.await.map(Some)
            }
            None => Ok(None),
        }
    })))
}

fn restore(node: Node, args: &mut Args, qemu: bool) -> Result<Reply> {
    let vmid: u32 = args.take("vmid")?;
    let archive: String = args.take("archive")?;
    let mut options = RestoreOptions::default();
    options.storage = args.take("storage")?;
    if let Some(word) = args.take::<Option<String>>("replace")? {
        options = options.replace(loss("replace", &word)?);
    }
    options.unique = args.take_or_default("unique")?;
    options.start = args.take_or_default("start")?;
    options.live = args.take_or_default("live")?;
    options.pool = args.take("pool")?;
    options.bandwidth_kib = args.take("bandwidth_kib")?;
    let waiting = waiting(args)?;
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        let task = if qemu {
            node.restore_qemu(vmid, &archive, &options).await?
        } else {
            node.restore_lxc(vmid, &archive, &options).await?
        };
        task.wait_with(waiting, |p: TaskProgress| report.progress(p))
            .await
    })))
}
