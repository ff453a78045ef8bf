//! Who answers a call: the endpoint itself, one other node (`node`), or several
//! (`nodes`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;

use super::carry::{Carrier, Damage};
use super::fan_out;
use super::services::{Caller, NodeServices};
use crate::faults::Fault;
use crate::net::Connection;
use crate::shared::{Link, Shared};
use crate::world::TalosNode;

/// After this long a node gives up to reach another one.
const DIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// Services for which `nodes` works.
const ONE_TO_MANY: [&str; 5] = [
    "machine.MachineService",
    "cluster.ClusterService",
    "inspect.InspectService",
    "storage.StorageService",
    "time.TimeService",
];

/// Methods whose answer is a stream.
const STREAMS: [&str; 12] = [
    "/machine.MachineService/Copy",
    "/machine.MachineService/DiskUsage",
    "/machine.MachineService/Dmesg",
    "/machine.MachineService/EtcdSnapshot",
    "/machine.MachineService/Events",
    "/machine.MachineService/ImageList",
    "/machine.MachineService/Kubeconfig",
    "/machine.MachineService/List",
    "/machine.MachineService/Logs",
    "/machine.MachineService/PacketCapture",
    "/machine.MachineService/Read",
    "/cluster.ClusterService/HealthCheck",
];

/// Whom the metadata asks for.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Endpoint,
    One(String),
    Many(Vec<String>),
}

/// Routes calls to the services of the nodes; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Director {
    shared: Shared,
    /// Made when a node is first asked for something.
    nodes: Arc<RwLock<BTreeMap<String, NodeServices>>>,
}

impl Director {
    pub(crate) fn new(shared: &Shared) -> Self {
        Director {
            shared: shared.clone(),
            nodes: Arc::default(),
        }
    }

    fn services(&self, node: &str) -> NodeServices {
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(services) = known.get(node) {
            return services.clone();
        }
        drop(known);
        let mut all = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(node.to_owned())
            .or_insert_with(|| NodeServices::new(&self.shared, node))
            .clone()
    }

    /// Answers a call that arrived at the node `endpoint`.
    pub(super) async fn handle(
        &self,
        endpoint: &str,
        caller: &Caller,
        connection: &Connection,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let method = request.uri().path().to_owned();
        let shared = &self.shared;
        shared.counters.request(endpoint, &method);
        shared.delay(endpoint).await;
        if shared.faults.has(endpoint, Fault::Html) {
            return html();
        }
        let request = request.map(Body::new);
        // In maintenance mode there is nobody to pass a call on to.
        let alone = shared
            .world
            .read(|state| state.node(endpoint).is_some_and(|n| !n.configured()));
        // And what was passed on to a node stays with it.
        let target = if alone || request.headers().contains_key("proxyfrom") {
            Ok(Target::Endpoint)
        } else {
            target(request.headers())
        };
        let response = match target {
            Ok(Target::Endpoint) => self.local(endpoint, caller, request).await,
            Ok(Target::One(node)) => self.forward(endpoint, &node, caller, request).await,
            Ok(Target::Many(nodes)) => self.fan_out(endpoint, nodes, caller, request).await,
            Err(status) => status.into_http(),
        };
        let streams = is_stream(&method)
            || method == "/cosi.resource.State/Watch"
            || method == "/cosi.resource.State/List";
        shared.held(endpoint).await;
        if shared.faults.has(endpoint, Fault::ResetEarly) {
            connection.reset();
            return std::future::pending().await;
        }
        let damage = Damage::of(shared, endpoint, connection);
        Carrier::new(shared)
            .open(streams.then(|| shared.counters.stream(endpoint)))
            .damage(damage)
            .log(shared.record(endpoint, &method))
            .carry(response)
    }

    async fn local(&self, node: &str, caller: &Caller, request: Request<Body>) -> Response<Body> {
        self.services(node).call(caller, request).await
    }

    /// `node`: one other node answers, byte for byte.
    async fn forward(
        &self,
        endpoint: &str,
        target: &str,
        caller: &Caller,
        request: Request<Body>,
    ) -> Response<Body> {
        let node = match self.reach(endpoint, target).await {
            Ok(node) => node,
            Err(status) => return status.into_http(),
        };
        if node == endpoint {
            return self.local(&node, caller, request).await;
        }
        self.shared.delay_between(endpoint, &node).await;
        if self.shared.faults.has(&node, Fault::Reset) {
            return Status::unavailable("error reading from server: connection reset by peer")
                .into_http();
        }
        let response = self.local(&node, caller, request).await;
        Carrier::new(&self.shared)
            .behind(endpoint, &node)
            .carry(response)
    }

    async fn fan_out(
        &self,
        endpoint: &str,
        targets: Vec<String>,
        caller: &Caller,
        request: Request<Body>,
    ) -> Response<Body> {
        let method = request.uri().path();
        let service = method.split('/').nth(1).unwrap_or_default();
        if !ONE_TO_MANY.contains(&service) {
            return Status::invalid_argument(format!(
                "one-to-many proxying is not supported for {service}"
            ))
            .into_http();
        }
        let streams = is_stream(method);
        let (parts, body) = request.into_parts();
        let body = match fan_out::collect(body).await {
            Ok(body) => body,
            Err(status) => return status.into_http(),
        };
        let calls = targets.into_iter().map(|target| {
            let (director, caller) = (self.clone(), caller.clone());
            let endpoint = endpoint.to_owned();
            let request = Request::from_parts(parts.clone(), fan_out::body(body.clone()));
            async move {
                let response = director.forward(&endpoint, &target, &caller, request).await;
                (target, response)
            }
        });
        if streams {
            fan_out::stream(calls)
        } else {
            fan_out::unary(calls).await
        }
    }

    /// The name of the node at `target`, once `endpoint` has reached it.
    async fn reach(&self, endpoint: &str, target: &str) -> Result<String, Status> {
        if has_port(target) {
            return Err(Status::internal(format!(
                "invalid target {target:?}: port not allowed"
            )));
        }
        let (found, forwards) = self.shared.world.read(|state| {
            let own = state.node(endpoint);
            (
                // Nodes of another cluster are strangers: other CA.
                state
                    .node_at(target)
                    .filter(|n| own.is_some_and(|own| own.cluster == n.cluster))
                    .map(|n| (n.name.clone(), n.address)),
                own.is_some_and(TalosNode::control_plane),
            )
        });
        if let Some((hostname, _)) = &found
            && hostname == endpoint
        {
            return Ok(hostname.clone());
        }
        if !forwards {
            return Err(Status::permission_denied("no request forwarding"));
        }
        let Some((hostname, address)) = found else {
            return Err(if target.parse::<IpAddr>().is_ok() {
                dial_error(target, "connect: no route to host")
            } else {
                Status::unavailable(format!(
                    "name resolver error: produced zero addresses for {target}"
                ))
            });
        };
        let mut changes = self.shared.changes();
        let give_up = tokio::time::sleep(DIAL_TIMEOUT);
        tokio::pin!(give_up);
        loop {
            match self.shared.link_between(endpoint, &hostname) {
                Link::Up => return Ok(hostname),
                Link::Refuse => {
                    return Err(dial_error(
                        &address.to_string(),
                        "connect: connection refused",
                    ));
                }
                Link::Stall => tokio::select! {
                    () = changes.next() => {}
                    () = &mut give_up => return Err(dial_error(&address.to_string(), "i/o timeout")),
                },
            }
        }
    }
}

fn dial_error(address: &str, cause: &str) -> Status {
    let host = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    Status::unavailable(format!(
        "connection error: desc = \"transport: Error while dialing: dial tcp {host}:50000: {cause}\""
    ))
}

/// Whom the metadata asks for. `nodes` wins over `node`.
fn target(headers: &HeaderMap) -> Result<Target, Status> {
    let values = |name: &str| -> Result<Vec<String>, Status> {
        headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().map(str::to_owned))
            .collect::<Result<_, _>>()
            .map_err(|_| Status::invalid_argument(format!("metadata {name} is not ASCII")))
    };
    let many = values("nodes")?;
    if !many.is_empty() {
        return Ok(Target::Many(many));
    }
    let mut one = values("node")?;
    match one.len() {
        0 => Ok(Target::Endpoint),
        1 => Ok(Target::One(one.swap_remove(0))),
        _ => Err(Status::invalid_argument(
            "node metadata must be single-valued",
        )),
    }
}

fn has_port(target: &str) -> bool {
    target.parse::<SocketAddr>().is_ok()
        || (target.matches(':').count() == 1 && target.parse::<IpAddr>().is_err())
}

fn is_stream(method: &str) -> bool {
    STREAMS.contains(&method) || method.ends_with("Stream")
}

fn html() -> Response<Body> {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>\n";
    let mut response = Response::new(fan_out::body(page.into()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/html"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, header::HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn metadata_decides() {
        assert_eq!(target(&headers(&[])).unwrap(), Target::Endpoint);
        assert_eq!(
            target(&headers(&[("node", "a")])).unwrap(),
            Target::One("a".into())
        );
        let both = headers(&[("node", "a"), ("nodes", "b"), ("nodes", "c")]);
        assert_eq!(
            target(&both).unwrap(),
            Target::Many(vec!["b".into(), "c".into()])
        );
        let twice = target(&headers(&[("node", "a"), ("node", "b")])).unwrap_err();
        assert_eq!(twice.code(), tonic::Code::InvalidArgument);
    }

    #[test]
    fn ports_are_told_from_ipv6() {
        assert!(has_port("172.16.1.50:50000"));
        assert!(has_port("[fd00::1]:50000"));
        assert!(has_port("talos-cp-1:50000"));
        assert!(!has_port("fd00::1"));
        assert!(!has_port("172.16.1.50"));
    }
}
