//! The lab: read, connect, observe, report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use homelab::report::{self, Subject, TextOptions};
use homelab::{ClusterHandle, ConnectOptions, Credentials, Lab, LiveLab, Seen};
use homelab_core::{Error, ErrorKind, Result};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Handle, Reply, Stream};

pub(crate) fn from_file(args: &mut Args) -> Result<Reply> {
    let lab = Lab::from_file(args.take::<PathBuf>("path")?)?;
    Ok(Handle::new(Object::Lab(Arc::new(lab))).into())
}

pub(crate) fn parse(args: &mut Args) -> Result<Reply> {
    let (file, text): (String, String) = (args.take("file_name")?, args.take("text")?);
    let lab = Lab::parse(&file, &text)?;
    Ok(Handle::new(Object::Lab(Arc::new(lab))).into())
}

pub(crate) async fn lab(lab: &Lab, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(lab.name()),
        "inventory" => data(lab.inventory()),
        "warnings" => data(lab.warnings()),
        "topology" => data(lab.topology()),
        "findings" => data(lab.findings()),
        "report" => report(lab.into(), args),
        "connect" => {
            let credentials = match args.take::<Option<BTreeMap<String, String>>>("credentials")? {
                Some(vars) => Credentials::from_vars(|name| vars.get(name).cloned())?,
                None => Credentials::from_env()?,
            };
            let mut options = ConnectOptions::default();
            if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
                options = options.connect_timeout(limit);
            }
            if let Some(limit) = seconds(args, "request_timeout_seconds")? {
                options = options.request_timeout(limit);
            }
            let live = lab.clone().connect_with(credentials, options).await?;
            Ok(Handle::new(Object::LiveLab(live)).into())
        }
        _ => Err(no_method("Lab", method)),
    }
}

pub(crate) async fn live(live: &LiveLab, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "observe" => {
            let seen = live.observe().await?;
            Ok(Handle::new(Object::Seen(Arc::new(seen))).into())
        }
        "cluster" => {
            let cluster = live.cluster(&args.take::<String>("name")?)?;
            Ok(Handle::new(Object::ClusterHandle(cluster)).into())
        }
        "proxmox" => match live.proxmox() {
            Some(pve) => Ok(Handle::new(Object::ProxmoxClient(pve.clone())).into()),
            None => Err(without("Proxmox VE")),
        },
        "talos" => match live.talos() {
            Some(talos) => Ok(Handle::new(Object::TalosClient(talos.clone())).into()),
            None => Err(without("Talos")),
        },
        _ => Err(no_method("LiveLab", method)),
    }
}

fn without(world: &str) -> Error {
    Error::new(
        ErrorKind::FailedPrecondition,
        format!("the lab was connected without credentials for {world}"),
    )
    .sent(homelab_core::Sent::No)
}

pub(crate) fn cluster(cluster: &ClusterHandle, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "name" => data(cluster.name()),
        "talos" => Ok(Handle::new(Object::TalosClient(cluster.talos().clone())).into()),
        "etcd_snapshot" => {
            let (cluster, folder) = (cluster.clone(), args.take::<PathBuf>("folder")?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                cluster.etcd_snapshot(folder, |p| report.progress(p)).await
            })))
        }
        _ => Err(no_method("ClusterHandle", method)),
    }
}

pub(crate) fn seen(seen: &Seen, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "observation" => data(&seen.observation),
        "topology" => data(&seen.topology),
        "findings" => data(&seen.findings),
        "failures" => data(seen.failures()),
        "what_if_lost" => {
            let hosts: Vec<String> = args.take("hosts")?;
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            data(&seen.what_if_lost(&hosts))
        }
        "report" => report(seen.into(), args),
        _ => Err(no_method("Seen", method)),
    }
}

fn report(subject: Subject<'_>, args: &mut Args) -> Result<Reply> {
    let format: String = args.take("format")?;
    let mut options = TextOptions::default();
    if let Some(width) = args.take::<Option<usize>>("width")? {
        options = options.width(width);
    }
    if let Some(color) = args.take::<Option<bool>>("color")? {
        options = options.color(color);
    }
    data(&match format.as_str() {
        "text" => report::text(subject, &options),
        "json" => report::json(subject),
        "mermaid" => report::mermaid(subject),
        "html" => report::html(subject),
        other => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("no report format {other}: there are text, json, mermaid, html"),
            ));
        }
    })
}
