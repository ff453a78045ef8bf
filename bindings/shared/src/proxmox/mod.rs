//! Proxmox VE. One file for each class, and here the client itself.

mod raw;
mod task;

use std::path::PathBuf;

use homelab_core::{Error, Result};
use proxmox_client::{ProxmoxClient, ProxmoxClientBuilder, SecondFactor, Task};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, per_node};
use crate::{Args, Handle, Reply};

pub(crate) use task::task;

pub(crate) fn connect(args: &mut Args) -> Result<Reply> {
    let mut builder = reach(args)?;
    if let Some(id) = args.take::<Option<String>>("token_id")? {
        builder = builder.token(id, args.take::<String>("token_secret")?);
    }
    if let Some(user) = args.take::<Option<String>>("user")? {
        builder = builder.ticket(user, args.take::<String>("password")?);
    }
    if let Some(secret) = args.take::<Option<String>>("totp_secret")? {
        builder = builder.second_factor(SecondFactor::totp_secret(secret)?);
    }
    if let Some(code) = args.take::<Option<String>>("totp_code")? {
        builder = builder.second_factor(SecondFactor::totp_code(code));
    }
    if let Some(keys) = args.take::<Option<Vec<String>>>("recovery_keys")? {
        builder = builder.second_factor(SecondFactor::recovery_keys(keys));
    }
    if let Some(file) = args.take::<Option<PathBuf>>("ca_file")? {
        builder = builder.ca_pem(std::fs::read(&file).map_err(|e| Error::io("read", &file, e))?);
    }
    for fingerprint in args
        .take::<Option<Vec<String>>>("fingerprints")?
        .unwrap_or_default()
    {
        builder = builder.fingerprint(fingerprint);
    }
    if let Some(retry) = args.take::<Option<bool>>("retry_locks")? {
        builder = builder.retry_locks(retry);
    }
    Ok(Handle::new(Object::ProxmoxClient(builder.build()?)).into())
}

pub(crate) async fn first_contact(args: &mut Args) -> Result<Reply> {
    per_node(&reach(args)?.first_contact().await?)
}

/// What it takes to reach a server, without credentials or trust.
fn reach(args: &mut Args) -> Result<ProxmoxClientBuilder> {
    let mut builder = ProxmoxClient::builder();
    for url in args.take::<Vec<String>>("endpoints")? {
        builder = builder.endpoint(url);
    }
    if let Some(url) = args.take::<Option<String>>("proxy")? {
        builder = match url.as_str() {
            "" => builder.no_proxy(),
            url => builder.proxy(url),
        };
    }
    if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
        builder = builder.connect_timeout(limit);
    }
    if let Some(limit) = seconds(args, "request_timeout_seconds")? {
        builder = builder.request_timeout(limit);
    }
    Ok(builder)
}

pub(crate) async fn client(pve: &ProxmoxClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "endpoints" => data(&pve.endpoints()),
        "version" => data(&pve.version().await?),
        "cluster_status" => data(&pve.cluster().status().await?),
        "cluster_resources" => data(&pve.cluster().resources(args.take("kind")?).await?),
        "locate" => data(&pve.locate(args.take("vmid")?).await?),
        "nodes" => data(&pve.nodes().await?),
        "node_status" => data(&pve.node(args.take::<String>("node")?).status().await?),
        "guest_config" => data(&guest(pve, args)?.config().await?),
        "guest_status" => data(&guest(pve, args)?.status().await?),
        "guest_start" => Ok(started(guest(pve, args)?.start().await?)),
        "guest_stop" => Ok(started(guest(pve, args)?.stop().await?)),
        "guest_shutdown" => Ok(started(guest(pve, args)?.shutdown().await?)),
        "storages" => data(&pve.node(args.take::<String>("node")?).storage().await?),
        "ceph_status" => data(&pve.cluster().ceph_status().await?),
        "ha_status" => data(&pve.cluster().ha_status().await?),
        "tasks" => data(&pve.cluster().tasks().await?),
        "task" => Ok(started(pve.task(args.take::<String>("upid")?.parse()?))),
        "request" => {
            let (verb, path): (String, String) = (args.take("method")?, args.take("path")?);
            let params = raw::params(args.take("params")?)?;
            data(&pve.request(raw::verb_of(&verb)?, &path, &params).await?)
        }
        _ => Err(no_method("ProxmoxClient", method)),
    }
}

fn guest(pve: &ProxmoxClient, args: &mut Args) -> Result<proxmox_client::Qemu> {
    let node: String = args.take("node")?;
    Ok(pve.node(node).qemu(args.take("vmid")?))
}

fn started(task: Task) -> Reply {
    Handle::new(Object::ProxmoxTask(task)).into()
}
