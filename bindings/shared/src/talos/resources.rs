//! Resources: read and watched.

use futures_util::{Stream, TryStreamExt, stream};
use homelab_core::Result;
use serde::Serialize;
use serde_json::Value;
use talos_client::cosi::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, ListOptions, MachineStatus, Member,
    Metadata, NodeAddress, Reconnect, ResourceType, WatchEvent, WatchEventKind, WatchOptions,
};
use talos_client::{EventOptions, NodeClient};

use super::etcd::etcd;
use crate::args::seconds;
use crate::reply::data;
use crate::{Args, Reply};

pub(super) async fn resources(node: &NodeClient, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
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
        "resource_definitions" => data(&node.resource_definitions().await?),
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
            let mut options = ListOptions::default();
            if let Some(labels) = args.take::<Option<String>>("labels")? {
                options = options.labels(labels.parse()?);
            }
            if let Some(pattern) = args.take::<Option<String>>("id_pattern")? {
                options = options.id_pattern(pattern);
            }
            data(&node.list_dynamic_with(&namespace, &kind, &options).await?)
        }
        "watch_members" => watch::<Member>(node, args),
        "watch_machine_status" => watch::<MachineStatus>(node, args),
        "watch_hostname" => watch::<HostnameStatus>(node, args),
        "watch_node_addresses" => watch::<NodeAddress>(node, args),
        "watch_links" => watch::<LinkStatus>(node, args),
        "watch_disks" => watch::<Disk>(node, args),
        "watch_extensions" => watch::<ExtensionStatus>(node, args),
        "events" => {
            let mut options = EventOptions::default();
            options.tail_events = args.take("tail")?;
            options.tail_id = args.take("after_id")?;
            options.tail_seconds = args.take("tail_seconds")?;
            options.actor_id = args.take("actor_id")?;
            let node = node.clone();
            let events = async move { node.events(options).await };
            Ok(Reply::Stream(crate::Stream::new(
                stream::once(events).try_flatten(),
            )))
        }
        _ => Box::pin(etcd(node, method, args)).await,
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

/// One event of a watch of any type.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ResourceEvent {
    /// What happened to it.
    kind: WatchEventKind,
    /// Which resource; absent for events that are about the watch itself.
    metadata: Option<Metadata>,
    /// How it is now, with the keys of Talos' documentation.
    spec: Value,
    /// How it was before, when it changed.
    old: Value,
}

fn watch<R: ResourceType + Serialize>(node: &NodeClient, args: &mut Args) -> Result<Reply> {
    let (node, options) = (node.clone(), WatchOptions::default());
    let read = |event: WatchEvent<R>| WatchedEvent {
        kind: event.kind,
        metadata: event.metadata,
        spec: event.spec,
        old: event.old,
    };
    if let Some(limit) = reconnect(args)? {
        return Ok(watched(node.watch_reconnecting::<R>(options, limit), read));
    }
    let events = async move { node.watch::<R>(options).await };
    Ok(watched(stream::once(events).try_flatten(), read))
}

pub(super) fn watch_dynamic(node: &NodeClient, args: &mut Args) -> Result<Reply> {
    let (namespace, kind): (String, String) = (args.take("namespace")?, args.take("type_name")?);
    let mut options = WatchOptions::default();
    options.id = args.take("id")?;
    if let Some(labels) = args.take::<Option<String>>("labels")? {
        options = options.labels(labels.parse()?);
    }
    options.id_pattern = args.take("id_pattern")?;
    options.contents_first = !args
        .take::<Option<bool>>("changes_only")?
        .unwrap_or_default();
    let node = node.clone();
    let read = |event: WatchEvent<Value>| ResourceEvent {
        kind: event.kind,
        metadata: event.metadata,
        spec: event.spec.unwrap_or_default(),
        old: event.old.unwrap_or_default(),
    };
    if let Some(limit) = reconnect(args)? {
        let events = node.watch_dynamic_reconnecting(&namespace, &kind, options, limit);
        return Ok(watched(events, read));
    }
    let events = async move { node.watch_dynamic(&namespace, &kind, options).await };
    Ok(watched(stream::once(events).try_flatten(), read))
}

fn reconnect(args: &mut Args) -> Result<Option<Reconnect>> {
    let limit = seconds(args, "reconnect_seconds")?;
    Ok(limit.map(|limit| Reconnect::default().give_up_after(limit)))
}

fn watched<R, E: Serialize + Send + 'static>(
    events: impl Stream<Item = Result<WatchEvent<R>>> + Send + 'static,
    read: fn(WatchEvent<R>) -> E,
) -> Reply
where
    R: 'static,
{
    Reply::Stream(crate::Stream::new(events.map_ok(read)))
}
