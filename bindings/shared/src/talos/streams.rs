//! Talos: what a node sends bit by bit, and files that are its.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use homelab_core::{Error, ErrorKind, ExposeSecret, Result};
use talos_client::machine_config::MachineConfig;
use talos_client::{
    ApplyMode, ApplyOptions, BpfInstruction, CaptureOptions, CopyOptions, DiskUsageOptions,
    DmesgOptions, KubeconfigMergeOptions, ListOptions, LogOptions, NodeClient, Snapshot,
    TalosConfig,
};

use super::resources::watch_dynamic;
use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply, Stream};

/// A file of text that is read at once is not longer than this, unless asked for.
const TEXT_LIMIT: usize = 16 << 20;

pub(crate) fn parse_filter(args: &mut Args) -> Result<Reply> {
    data(&BpfInstruction::parse_filter(
        &args.take::<String>("text")?,
    )?)
}

pub(crate) async fn verify_snapshot(args: &mut Args) -> Result<Reply> {
    let path: PathBuf = args.take("path")?;
    let checked = tokio::task::spawn_blocking(move || Snapshot::verify(path)).await;
    data(&checked.map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))??)
}

pub(crate) async fn node(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "logs" => {
            let id: String = args.take("id")?;
            let mut options = LogOptions::default();
            if args.take::<Option<bool>>("kubernetes")?.unwrap_or_default() {
                options = options.kubernetes();
            }
            options.tail = args.take("tail")?;
            options.follow = args.take::<Option<bool>>("follow")?.unwrap_or_default();
            Ok(Reply::Stream(Stream::new(node.logs(&id, options))))
        }
        "logs_containers" => data(&node.logs_containers().await?),
        "dmesg" => {
            let mut options = DmesgOptions::default();
            options.follow = args.take::<Option<bool>>("follow")?.unwrap_or_default();
            options.new_only = args.take::<Option<bool>>("new_only")?.unwrap_or_default();
            Ok(Reply::Stream(Stream::new(node.dmesg(options))))
        }
        "list_files" => list_files(node, args),
        "disk_usage" => {
            let paths: Vec<String> = args.take("paths")?;
            let mut options = DiskUsageOptions::default();
            options.depth = args.take("depth")?;
            options.files = args.take::<Option<bool>>("files")?.unwrap_or_default();
            options.at_least_bytes = args.take("at_least_bytes")?;
            options.at_most_bytes = args.take("at_most_bytes")?;
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            Ok(Reply::Stream(Stream::new(
                node.disk_usage(&paths, options)?,
            )))
        }
        "read_text" => {
            let path: String = args.take("path")?;
            let limit = args
                .take::<Option<usize>>("limit_bytes")?
                .unwrap_or(TEXT_LIMIT);
            let bytes = node.read_file(&path, limit).await?;
            data(&String::from_utf8_lossy(&bytes))
        }
        "read_to_file" => {
            let (path, to): (String, PathBuf) = (args.take("path")?, args.take("to")?);
            data(&node.read_to_file(&path, to).await?)
        }
        "copy_files" => {
            let (path, to): (String, PathBuf) = (args.take("path")?, args.take("to")?);
            let mut options = CopyOptions::default();
            if let Some(bytes) = args.take("max_bytes")? {
                options = options.max_bytes(bytes);
            }
            options.symlinks = args.take::<Option<bool>>("symlinks")?.unwrap_or(true);
            let node = node.clone();
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.copy_files(&path, &to, options, |p| report.progress(p))
                    .await
            })))
        }
        "copy_archive" => {
            let (path, to): (String, PathBuf) = (args.take("path")?, args.take("to")?);
            let node = node.clone();
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.copy_archive(&path, &to, |p| report.progress(p)).await
            })))
        }
        "packet_capture" => packet_capture(node, args),
        "kubeconfig" => data(node.kubeconfig().await?.expose_secret()),
        "kubeconfig_to_file" => {
            node.kubeconfig_to_file(args.take::<PathBuf>("to")?).await?;
            Ok(done())
        }
        "kubeconfig_merge" => {
            let into: PathBuf = args.take("into")?;
            let mut options = KubeconfigMergeOptions::default();
            options.context_name = args.take("context_name")?;
            options.replace = args.take::<Option<bool>>("replace")?.unwrap_or_default();
            options.select = args.take::<Option<bool>>("select")?.unwrap_or(true);
            data(&node.kubeconfig_merge(into, &options).await?)
        }
        "watch_dynamic" => watch_dynamic(node, args),
        "machine_config" => {
            let config = Arc::new(node.machine_config().await?);
            Ok(Handle::new(Object::MachineConfig(config)).into())
        }
        "plan_configuration" => {
            let config = MachineConfig::parse("configuration", &args.take::<String>("text")?)?;
            let mut options = ApplyOptions::default();
            if let Some(mode) = args.take::<Option<ApplyMode>>("mode")? {
                options = options.mode(mode);
            }
            data(&node.plan_configuration(&config, options).await?)
        }
        "issue_talosconfig" => issue_talosconfig(node, args).await,
        _ => Err(no_method("TalosNode", method)),
    }
}

fn list_files(node: &NodeClient, args: &mut Args) -> Result<Reply> {
    let path: String = args.take("path")?;
    let mut options = ListOptions::default();
    options.recurse = args.take::<Option<bool>>("recurse")?.unwrap_or_default();
    if let Some(depth) = args.take("depth")? {
        options = options.depth(depth);
    }
    if let Some(kinds) = args.take("kinds")? {
        options.kinds = kinds;
    }
    options.xattrs = args.take::<Option<bool>>("xattrs")?.unwrap_or_default();
    let node = node.clone();
    let files = async move { node.list_files(&path, options).await };
    Ok(Reply::Stream(Stream::new(
        stream::once(files).try_flatten(),
    )))
}

fn packet_capture(node: &NodeClient, args: &mut Args) -> Result<Reply> {
    let (interface, to): (String, PathBuf) = (args.take("link")?, args.take("to")?);
    let duration = seconds(args, "duration_seconds")?.unwrap_or(Duration::from_secs(60));
    let mut options = CaptureOptions::new(interface, duration);
    options.promiscuous = args
        .take::<Option<bool>>("promiscuous")?
        .unwrap_or_default();
    options.snap_len = args.take("snap_len")?;
    options.filter = args.take_or_default("filter")?;
    options.max_packets = args.take("max_packets")?;
    options.max_bytes = args.take("max_bytes")?;
    let node = node.clone();
    Ok(Reply::Stream(Stream::with_progress(|report| async move {
        node.packet_capture(&to, options, |p| report.progress(p))
            .await
    })))
}

async fn issue_talosconfig(node: &NodeClient, args: &mut Args) -> Result<Reply> {
    let name: String = args.take("context")?;
    let roles: Vec<String> = args.take("roles")?;
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let lifetime = seconds(args, "lifetime_seconds")?.unwrap_or(Duration::from_secs(8760 * 3600));
    let endpoints: Option<Vec<String>> = args.take("endpoints")?;
    let issued = node.generate_client_configuration(&roles, lifetime).await?;
    let mut config = TalosConfig::default();
    config.insert(issued.context(&name, endpoints.unwrap_or_default()));
    config.select(&name)?;
    Ok(Handle::new(Object::TalosConfig(Arc::new(config))).into())
}
