//! Resources: read and watched.

use futures_util::{TryStreamExt, stream};
use homelab_core::Result;
use serde::Serialize;
use talos_client::cosi::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, ListOptions, MachineStatus, Member,
    Metadata, NodeAddress, ResourceType, WatchEvent, WatchEventKind, WatchOptions,
};
use talos_client::{EventOptions, NodeClient};

use super::etcd::etcd;
use crate::reply::data;
use crate::{Args, Reply, Stream};

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

fn watch<R: ResourceType + Serialize>(node: &NodeClient) -> Reply {
    let node = node.clone();
    let events = async move { node.watch::<R>(WatchOptions::default()).await };
    watched(stream::once(events).try_flatten())
}

/// Events of a watch as data.
pub(super) fn watched<R: Serialize + Send + 'static>(
    events: impl futures_util::Stream<Item = Result<WatchEvent<R>>> + Send + 'static,
) -> Reply {
    Reply::Stream(Stream::new(events.map_ok(|event| WatchedEvent {
        kind: event.kind,
        metadata: event.metadata,
        spec: event.spec,
        old: event.old,
    })))
}
