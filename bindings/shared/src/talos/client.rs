//! The client of a cluster.

use homelab_core::Result;
use talos_client::{HealthOptions, NodeSelector, TalosClient};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Handle, Reply, Stream};

pub(crate) async fn client(client: &TalosClient, method: &str, args: &mut Args) -> Result<Reply> {
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
        "context_nodes" => Ok(Handle::new(Object::TalosNodes(client.context_nodes()?)).into()),
        "select" => {
            let selector: NodeSelector = args.take::<String>("selector")?.parse()?;
            let nodes = client.select(&selector).await?;
            Ok(Handle::new(Object::TalosNodes(nodes)).into())
        }
        "check_health" => data(&client.check_health(&health_options(args)?).await?),
        "wait_for_health" => {
            let (client, options) = (client.clone(), health_options(args)?);
            Ok(Reply::Stream(Stream::with_progress(|report| async move {
                client
                    .wait_for_health(&options, |p| report.progress(p))
                    .await
            })))
        }
        "endpoint" => Ok(Handle::new(Object::TalosNode(client.endpoint())).into()),
        _ => Err(no_method("TalosClient", method)),
    }
}

fn health_options(args: &mut Args) -> Result<HealthOptions> {
    let mut options = HealthOptions::default().nodes(
        args.take_or_default::<Vec<String>>("control_planes")?,
        args.take_or_default::<Vec<String>>("workers")?,
    );
    options.deadline = seconds(args, "deadline_seconds")?;
    options.poll = seconds(args, "poll_seconds")?;
    options.kubernetes_endpoint = args.take("kubernetes_endpoint")?;
    options.skip_kubernetes = args.take_or_default("skip_kubernetes")?;
    Ok(options)
}
