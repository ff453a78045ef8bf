//! Proxmox VE. One file for each class, and here the client itself.

mod access;
mod cluster;
mod data;
mod definitions;
mod found;
mod guest;
mod inside;
mod login;
mod new_guest;
mod node;
mod place;
mod raw;
mod recipes;
mod screen;
mod task;

use std::path::PathBuf;

use homelab_core::{Error, Result};
use proxmox_client::endpoints::Resource;
use proxmox_client::{ProxmoxClient, ProxmoxClientBuilder, SecondFactor, Task};
use serde_json::{Map, Value};

use crate::args::seconds;
use crate::handle::Object;
use crate::reply::{data, per_node};
use crate::rows::RowsOf;
use crate::{Args, Handle, Reply};

pub(crate) use access::access;
pub(crate) use cluster::{cluster, firewall, ha, sdn};
pub(crate) use data::write_cidata_iso;
#[cfg(feature = "schema")]
pub(crate) use data::{StoredVolume, TransferProgress};
pub(crate) use definitions::{pool, storage};
pub(crate) use found::{FoundGuest, guest};
pub(crate) use guest::{lxc, qemu};
#[cfg(feature = "schema")]
pub(crate) use inside::{AgentExecOutput, AgentFileContent};
pub(crate) use inside::{TerminalHandle, agent, terminal};
#[cfg(feature = "schema")]
pub(crate) use login::SecondFactorChallenge;
pub(crate) use login::{Login, log_in, login};
#[cfg(feature = "schema")]
pub(crate) use new_guest::NewGuest;
pub(crate) use node::{ceph, node, node_storage};
pub(crate) use place::Place;
pub(crate) use screen::{ScreenHandle, screen};
pub(crate) use task::task;

pub(crate) fn connect(args: &mut Args) -> Result<Reply> {
    Ok(Handle::new(Object::ProxmoxClient(builder(args)?.build()?)).into())
}

/// What `connect` and `log_in` make a client from.
fn builder(args: &mut Args) -> Result<ProxmoxClientBuilder> {
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
    if let Some(bytes) = args.take::<Option<usize>>("max_answer_bytes")? {
        builder = builder.max_answer_bytes(bytes);
    }
    if let Some(calls) = args.take::<Option<usize>>("calls_per_node")? {
        builder = builder.calls_per_node(calls);
    }
    if let Some(ask) = args.take::<Option<bool>>("ask_release")? {
        builder = builder.ask_release(ask);
    }
    Ok(builder)
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
        "cluster" => Ok(Place::new(pve).same(Object::ProxmoxCluster)),
        "cluster_resources" => {
            let call = pve.cluster().resources(args.take("kind")?);
            let RowsOf { rows, .. } = pve.send_as::<RowsOf<Resource>, _>(&*call).await?;
            Ok(Reply::Rows(rows))
        }
        "access" => Ok(Place::new(pve).same(Object::ProxmoxAccess)),
        "nodes" => data(&pve.nodes().await?),
        "node" => Ok(Place::new(pve).at("node", args.take("name")?, Object::ProxmoxNode)),
        "storages" => data(&pve.storages().await?),
        "pools" => data(&pve.pools().await?),
        "storage" => Ok(Place::new(pve).at("storage", args.take("name")?, Object::ProxmoxStorage)),
        "pool" => Ok(Place::new(pve).at("poolid", args.take("name")?, Object::ProxmoxPool)),
        "release" => data(&pve.release().await?),
        "with_timeout" => {
            let limit = seconds(args, "request_timeout_seconds")?.unwrap_or_default();
            Ok(Handle::new(Object::ProxmoxClient(pve.with_timeout(limit))).into())
        }
        "privileges_on" => data(&pve.privileges_on(&args.take::<String>("path")?).await?),
        "preflight_by_name" => {
            let name: String = args.take("name")?;
            let params = raw::params(args.take("params")?)?;
            data(&pve.preflight_by_name(&name, &params).await?)
        }
        "guest" => found::find(pve, args).await,
        "locate" => data(&pve.locate(args.take("vmid")?).await?),
        "missing_privileges" => {
            let needed: Vec<(String, String)> = args
                .take::<Map<String, Value>>("needed")?
                .into_iter()
                .map(|(path, names)| Ok((path.clone(), raw::texts(&path, names)?)))
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flat_map(|(path, names)| names.into_iter().map(move |n| (path.clone(), n)))
                .collect();
            let needed: Vec<(&str, &str)> = needed
                .iter()
                .map(|(p, n)| (p.as_str(), n.as_str()))
                .collect();
            data(&pve.missing_privileges(&needed).await?)
        }
        "task" => Ok(started(pve.task(args.take::<String>("upid")?.parse()?))),
        "request" => {
            let (verb, path): (String, String) = (args.take("method")?, args.take("path")?);
            let params = raw::params(args.take("params")?)?;
            let verb = raw::verb_of(&verb)?;
            if args.take::<Option<bool>>("check")?.unwrap_or(true) {
                ProxmoxClient::check_request(verb, &path, &params)?;
            }
            data(&pve.request(verb, &path, &params).await?)
        }
        "call_by_name" => {
            let name: String = args.take("name")?;
            let params = raw::params(args.take("params")?)?;
            data(&pve.call_by_name(&name, &params).await?)
        }
        _ => recipes::client(pve, method, args),
    }
}

fn started(task: Task) -> Reply {
    Handle::new(Object::ProxmoxTask(task)).into()
}
