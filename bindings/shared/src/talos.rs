//! Talos: configuration, client, one node, several nodes.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use homelab_core::Result;
use serde::Serialize;
use talos_client::cosi::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, ListOptions, MachineStatus, Member,
    Metadata, NodeAddress, ResourceType, WatchEventKind, WatchOptions,
};
use talos_client::{
    ClientOptions, EventOptions, NodeClient, NodesClient, TalosClient, TalosConfig,
};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done, per_node};
use crate::{Args, Handle, Reply, Stream};

pub(crate) fn from_file(args: &mut Args) -> Result<Reply> {
    Ok(opened(TalosConfig::from_file(
        args.take::<PathBuf>("path")?,
    )?))
}

pub(crate) fn search() -> Result<Reply> {
    Ok(opened(TalosConfig::search()?.0))
}

pub(crate) fn parse(args: &mut Args) -> Result<Reply> {
    let (file, text): (String, String) = (args.take("file_name")?, args.take("text")?);
    Ok(opened(TalosConfig::parse(&file, &text)?))
}

fn opened(config: TalosConfig) -> Reply {
    Handle::new(Object::TalosConfig(Arc::new(config))).into()
}

pub(crate) async fn config(config: &TalosConfig, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "contexts" => data(&config.contexts().map(|c| &c.name).collect::<Vec<_>>()),
        "current" => data(&config.current()),
        "describe" => {
            let name: Option<String> = args.take("context")?;
            data(&config.context(name.as_deref())?.describe()?)
        }
        "select" => {
            let name: String = args.take("context")?;
            let mut config = config.clone();
            config.select(&name)?;
            Ok(opened(config))
        }
        "write" => {
            config.write(args.take::<PathBuf>("path")?)?;
            Ok(done())
        }
        "connect" => {
            let name: Option<String> = args.take("context")?;
            let mut options = ClientOptions::default();
            if let Some(endpoints) = args.take::<Option<Vec<String>>>("endpoints")? {
                options = options.endpoints(endpoints);
            }
            if let Some(limit) = seconds(args, "connect_timeout_seconds")? {
                options = options.connect_timeout(limit);
            }
            if let Some(limit) = seconds(args, "request_timeout_seconds")? {
                options = options.request_timeout(limit);
            }
            let context = config.context(name.as_deref())?;
            let client = TalosClient::connect(context, options).await?;
            Ok(Handle::new(Object::TalosClient(client)).into())
        }
        _ => Err(no_method("TalosConfig", method)),
    }
}

pub(crate) fn client(client: &TalosClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "context_info" => data(client.context_info()),
        "endpoints" => data(&client.endpoints()),
        "node" => {
            let node = client.node(args.take::<String>("address")?);
            Ok(Handle::new(Object::TalosNode(node)).into())
        }
        "nodes" => {
            let nodes = client.nodes(args.take::<Vec<String>>("addresses")?);
            Ok(Handle::new(Object::TalosNodes(nodes)).into())
        }
        "endpoint" => Ok(Handle::new(Object::TalosNode(client.endpoint())).into()),
        _ => Err(no_method("TalosClient", method)),
    }
}

pub(crate) async fn node(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "version" => data(&node.version().await?),
        "services" => data(&node.services().await?),
        "memory" => data(&node.memory().await?),
        "system_stat" => data(&node.system_stat().await?),
        "etcd_members" => data(&node.etcd_members().await?),
        "etcd_status" => data(&node.etcd_status().await?),
        "members" => data(&node.members().await?),
        "machine_status" => data(&node.machine_status().await?),
        "hostname" => data(&node.hostname().await?),
        "node_addresses" => data(&node.node_addresses().await?),
        "links" => data(&node.links().await?),
        "system_information" => data(&node.system_information().await?),
        "extensions" => data(&node.extensions().await?),
        "disks" => data(&node.disks().await?),
        "security_state" => data(&node.security_state().await?),
        "etcd_member" => data(&node.etcd_member().await?),
        "nodename" => data(&node.nodename().await?),
        "get_dynamic" => {
            let (namespace, kind): (String, String) =
                (args.take("namespace")?, args.take("type_name")?);
            let id: String = args.take("id")?;
            data(&node.get_dynamic(&namespace, &kind, &id).await?)
        }
        "resolve_type" => {
            let name: String = args.take("name")?;
            data(&node.resolve_type(&name).await?)
        }
        "get_by_alias" => {
            let (name, id): (String, String) = (args.take("name")?, args.take("id")?);
            data(&node.get_by_alias(&name, &id).await?)
        }
        "list_by_alias" => {
            let name: String = args.take("name")?;
            let mut options = ListOptions::default();
            if let Some(labels) = args.take::<Option<String>>("labels")? {
                options = options.labels(labels.parse()?);
            }
            if let Some(pattern) = args.take::<Option<String>>("id_pattern")? {
                options = options.id_pattern(pattern);
            }
            data(&node.list_by_alias(&name, &options).await?)
        }
        "list_dynamic" => {
            let (namespace, kind): (String, String) =
                (args.take("namespace")?, args.take("type_name")?);
            data(&node.list_dynamic(&namespace, &kind).await?)
        }
        "watch_members" => Ok(watch::<Member>(node)),
        "watch_machine_status" => Ok(watch::<MachineStatus>(node)),
        "watch_hostname" => Ok(watch::<HostnameStatus>(node)),
        "watch_node_addresses" => Ok(watch::<NodeAddress>(node)),
        "watch_links" => Ok(watch::<LinkStatus>(node)),
        "watch_disks" => Ok(watch::<Disk>(node)),
        "watch_extensions" => Ok(watch::<ExtensionStatus>(node)),
        "events" => {
            let mut options = EventOptions::default();
            if let Some(tail) = args.take("tail")? {
                options = options.tail_events(tail);
            }
            let node = node.clone();
            let events = async move { node.events(options).await };
            Ok(Reply::Stream(Stream::new(
                stream::once(events).try_flatten(),
            )))
        }
        "etcd_snapshot" => {
            let (node, to) = (node.clone(), args.take::<PathBuf>("to")?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                node.etcd_snapshot(&to, |p| report.progress(p)).await
            })))
        }
        _ => Err(no_method("TalosNode", method)),
    }
}

/// One event of a watch, as data.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{R}Event"))]
pub(crate) struct WatchedEvent<R> {
    /// What happened to it.
    kind: WatchEventKind,
    /// Which resource; absent for events that are about the watch itself.
    metadata: Option<Metadata>,
    /// How it is now.
    spec: Option<R>,
    /// How it was before, when it changed.
    old: Option<R>,
}

fn watch<R: ResourceType + Serialize>(node: &NodeClient) -> Reply {
    let node = node.clone();
    let events = async move { node.watch::<R>(WatchOptions::default()).await };
    Reply::Stream(Stream::new(stream::once(events).try_flatten().map_ok(
        |event| WatchedEvent {
            kind: event.kind,
            metadata: event.metadata,
            spec: event.spec,
            old: event.old,
        },
    )))
}

pub(crate) async fn nodes(nodes: &NodesClient, method: &str) -> Result<Reply> {
    match method {
        "version" => per_node(&nodes.version().await),
        "services" => per_node(&nodes.services().await),
        "memory" => per_node(&nodes.memory().await),
        "system_stat" => per_node(&nodes.system_stat().await),
        "etcd_members" => per_node(&nodes.etcd_members().await),
        "etcd_status" => per_node(&nodes.etcd_status().await),
        "members" => per_node(&nodes.each(|n| async move { n.members().await }).await),
        "machine_status" => per_node(
            &nodes
                .each(|n| async move { n.machine_status().await })
                .await,
        ),
        "hostname" => per_node(&nodes.each(|n| async move { n.hostname().await }).await),
        "links" => per_node(&nodes.each(|n| async move { n.links().await }).await),
        "disks" => per_node(&nodes.each(|n| async move { n.disks().await }).await),
        "extensions" => per_node(&nodes.each(|n| async move { n.extensions().await }).await),
        _ => Err(no_method("TalosNodes", method)),
    }
}
