//! The checks that only Kubernetes' own API answers.

mod api;
mod objects;

use homelab_core::{ErrorKind, ExposeSecret, Result};

pub(super) use self::api::Api;
use self::objects::{List, Node, Pod};
use super::cluster::{Cluster, HealthOptions};
use super::report::{CheckName, Verdict};

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/kube-system/pods";

/// The parts of the control plane that run on every control plane.
const CONTROL_PLANE: [&str; 3] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

/// Makes one of the checks.
pub(super) async fn look(
    cluster: &Cluster,
    options: &HealthOptions,
    name: CheckName,
) -> Result<Verdict> {
    // Without a network of Talos' making, nobody but its maker knows when nodes
    // and what runs on them can be ready.
    let of_network = matches!(name, CheckName::KubernetesReady | CheckName::CoreDns);
    if of_network && no_cni(cluster).await? {
        return Ok(Verdict::Skipped("the cluster's CNI is none".into()));
    }
    let api = match connection(cluster, options).await {
        Ok(api) => api,
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            return Ok(Verdict::Skipped(
                "a kubeconfig needs the role os:admin".into(),
            ));
        }
        Err(e) => return Err(e),
    };
    match name {
        CheckName::ControlPlanePods => {
            let pods: List<Pod> = api.get(PODS).await?;
            Ok(control_plane_pods(
                &pods.items,
                cluster.control_planes.len(),
            ))
        }
        CheckName::KubeProxy => {
            let path = format!("{PODS}?labelSelector=k8s-app%3Dkube-proxy");
            Ok(all_ready(
                "kube-proxy",
                &api.get::<List<Pod>>(&path).await?.items,
            ))
        }
        CheckName::CoreDns => {
            let path = format!("{PODS}?labelSelector=k8s-app%3Dkube-dns");
            Ok(all_ready(
                "CoreDNS",
                &api.get::<List<Pod>>(&path).await?.items,
            ))
        }
        _ => {
            let nodes: List<Node> = api.get(NODES).await?;
            Ok(match name {
                CheckName::KubernetesNodes => known(cluster, &nodes.items),
                CheckName::KubernetesReady => each(&nodes.items, |node| {
                    node.status
                        .not_ready()
                        .map(|why| format!("is not ready: {why}"))
                }),
                _ => each(&nodes.items, |node| {
                    node.spec
                        .unschedulable
                        .then(|| "takes no pods (cordoned)".to_owned())
                }),
            })
        }
    }
}

/// Whether the first control plane that answers was told to install no network
/// plugin. Its configuration wants `os:admin`, as does the kubeconfig.
async fn no_cni(cluster: &Cluster) -> Result<bool> {
    let look = || async {
        let mut last = None;
        for machine in &cluster.control_planes {
            match cluster.talos.node(&machine.address).machine_config().await {
                Ok(config) => return Ok(config.view().cluster.cni.as_deref() == Some("none")),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => return Ok(false),
                Err(e) => last = Some(e),
            }
        }
        last.map_or(Ok(false), Err)
    };
    cluster.no_cni.get_or_try_init(look).await.copied()
}

/// One connection's worth of credentials for all checks.
async fn connection(cluster: &Cluster, options: &HealthOptions) -> Result<Api> {
    let api = cluster.kubernetes.get_or_try_init(|| async {
        let mut last = None;
        for machine in &cluster.control_planes {
            match cluster.talos.node(&machine.address).kubeconfig().await {
                Ok(kubeconfig) => {
                    let endpoint = options.kubernetes_endpoint.as_deref();
                    return Api::new(kubeconfig.expose_secret(), endpoint);
                }
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| {
            homelab_core::Error::new(ErrorKind::NotFound, "there is no control plane")
        }))
    });
    api.await.cloned()
}

/// Kubernetes knows these machines and no others.
fn known(cluster: &Cluster, nodes: &[Node]) -> Verdict {
    let mut missing = Vec::new();
    for machine in cluster.all() {
        let found = nodes
            .iter()
            .any(|node| node.status.has_any(&machine.addresses));
        if !found {
            missing.push(format!("{}: Kubernetes does not know it", machine.address));
        }
    }
    for node in nodes {
        if !cluster
            .all()
            .any(|machine| node.status.has_any(&machine.addresses))
        {
            let message = format!(
                "{}: Kubernetes knows it, Talos does not",
                node.metadata.name
            );
            missing.push(message);
        }
    }
    Verdict::from_missing(&missing)
}

fn each(nodes: &[Node], judge: impl Fn(&Node) -> Option<String>) -> Verdict {
    let missing = nodes.iter().filter_map(|node| {
        let why = judge(node)?;
        Some(format!("{}: {why}", node.metadata.name))
    });
    Verdict::from_missing(&missing.collect::<Vec<_>>())
}

fn control_plane_pods(pods: &[Pod], expected: usize) -> Verdict {
    let mut missing = Vec::new();
    for part in CONTROL_PLANE {
        let pods: Vec<_> = pods.iter().filter(|pod| pod.is_of(part)).collect();
        if pods.len() != expected {
            missing.push(format!(
                "{part}: {} pods, {expected} are expected",
                pods.len()
            ));
        }
        let unready = pods.iter().filter(|pod| !pod.status.ready());
        missing.extend(unready.map(|pod| format!("{}: is not ready", pod.metadata.name)));
    }
    Verdict::from_missing(&missing)
}

fn all_ready(what: &str, pods: &[Pod]) -> Verdict {
    if pods.is_empty() {
        return Verdict::Skipped(format!("there is no {what}"));
    }
    let missing = pods
        .iter()
        .filter(|pod| !pod.status.ready())
        .map(|pod| format!("{}: is not ready", pod.metadata.name));
    Verdict::from_missing(&missing.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(json: &str) -> Vec<Pod> {
        serde_json::from_str::<List<Pod>>(json).unwrap().items
    }

    #[test]
    fn every_control_plane_runs_every_part() {
        let pod = |name: &str, ready: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}"}},"status":{{"conditions":[{{"type":"Ready","status":"{ready}"}}]}}}}"#
            )
        };
        let all: Vec<_> = CONTROL_PLANE
            .iter()
            .map(|p| pod(&format!("{p}-cp-1"), "True"))
            .collect();
        let list = format!(r#"{{"items":[{}]}}"#, all.join(","));
        assert_eq!(control_plane_pods(&pods(&list), 1), Verdict::Passed);
        assert!(matches!(
            control_plane_pods(&pods(&list), 3),
            Verdict::Failed(_)
        ));
        let list = list.replacen("True", "False", 1);
        let Verdict::Failed(why) = control_plane_pods(&pods(&list), 1) else {
            panic!();
        };
        assert_eq!(why, "kube-apiserver-cp-1: is not ready");
        assert!(matches!(all_ready("kube-proxy", &[]), Verdict::Skipped(_)));
    }

    #[test]
    fn nodes_are_known_by_address() {
        let nodes: List<Node> = serde_json::from_str(
            r#"{"items":[{"metadata":{"name":"cp-1"},"spec":{"unschedulable":true},
               "status":{"addresses":[{"type":"Hostname","address":"10.0.0.9"},{"type":"InternalIP","address":"10.0.0.1"}],
               "conditions":[{"type":"Ready","status":"False","message":"cni is missing"}]}}]}"#,
        )
        .unwrap();
        let node = &nodes.items[0];
        assert!(node.status.has_any(&["10.0.0.1".into()]));
        assert!(!node.status.has_any(&["10.0.0.9".into()]));
        assert_eq!(node.status.not_ready(), Some("cni is missing".to_owned()));
        assert!(node.spec.unschedulable);
    }
}
