//! Proxmox VE: client and tasks.

use std::path::PathBuf;

use homelab_core::{Error, ErrorKind, Result};
use proxmox_client::{Method, Params, ProxmoxClient, Task, WaitOptions};

use serde_json::{Map, Value};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply, Stream};

pub(crate) fn connect(args: &mut Args) -> Result<Reply> {
    let mut builder = ProxmoxClient::builder();
    for url in args.take::<Vec<String>>("endpoints")? {
        builder = builder.endpoint(url);
    }
    if let Some(id) = args.take::<Option<String>>("token_id")? {
        builder = builder.token(id, args.take::<String>("token_secret")?);
    }
    if let Some(user) = args.take::<Option<String>>("user")? {
        builder = builder.ticket(user, args.take::<String>("password")?);
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
    if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
        builder = builder.connect_timeout(limit);
    }
    if let Some(limit) = seconds(args, "request_timeout_seconds")? {
        builder = builder.request_timeout(limit);
    }
    Ok(Handle::new(Object::ProxmoxClient(builder.build()?)).into())
}

pub(crate) async fn client(pve: &ProxmoxClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "endpoints" => data(&pve.endpoints()),
        "version" => data(&pve.version().await?),
        "cluster_status" => data(&pve.cluster().status().await?),
        "cluster_resources" => data(&pve.cluster().resources(args.take("kind")?).await?),
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
            let params = params(args.take("params")?)?;
            data(&pve.request(verb_of(&verb)?, &path, &params).await?)
        }
        _ => Err(no_method("ProxmoxClient", method)),
    }
}

fn guest<'a>(pve: &'a ProxmoxClient, args: &mut Args) -> Result<proxmox_client::Qemu<'a>> {
    let node: String = args.take("node")?;
    Ok(pve.node(node).qemu(args.take("vmid")?))
}

fn started(task: Task) -> Reply {
    Handle::new(Object::ProxmoxTask(task)).into()
}

fn verb_of(verb: &str) -> Result<Method> {
    Ok(match verb {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("no method {other}: there are GET, POST, PUT, DELETE"),
            ));
        }
    })
}

/// Parameters as the server takes them: text, numbers, 1 and 0 for truth, lists repeated.
fn params(given: Option<Map<String, Value>>) -> Result<Params> {
    let mut params = Params::new();
    for (name, value) in given.unwrap_or_default() {
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Value::Null => continue,
                Value::Bool(truth) => u8::from(truth).to_string(),
                Value::Number(number) => number.to_string(),
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => {
                    return Err(Error::new(
                        ErrorKind::InvalidArgument,
                        format!("argument params: {name} is no text, number or truth value"),
                    ));
                }
            };
            params.push(name.clone(), text);
        }
    }
    Ok(params)
}

pub(crate) async fn task(task: &Task, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "upid" => data(task.upid()),
        "status" => data(&task.status().await?),
        "log" => {
            let start: Option<u32> = args.take("start")?;
            let limit: Option<u32> = args.take("limit")?;
            data(&task.log(start.unwrap_or(0), limit.unwrap_or(50)).await?)
        }
        "follow_log" => Ok(Reply::Stream(Stream::new(task.follow_log()))),
        "wait" => {
            let task = task.clone();
            let mut options = WaitOptions::default();
            if let Some(limit) = seconds(args, "timeout_seconds")? {
                options = options.timeout(limit);
            }
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                task.wait_with(options, |p| report.progress(p)).await
            })))
        }
        "cancel" => {
            task.cancel().await?;
            Ok(done())
        }
        _ => Err(no_method("ProxmoxTask", method)),
    }
}
