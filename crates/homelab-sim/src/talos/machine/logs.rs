//! What services and the kernel of a node write: `Logs` and `Dmesg`.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use talos_proto::common::{ContainerDriver, Data};
use talos_proto::machine as pb;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::bytes;
use crate::shared::Shared;
use crate::talos::local::Local;
use crate::world::{KernelLine, TalosNode};

/// How many lines of the past a log has.
const PAST: usize = 200;

/// How often a log that is followed grows.
const PERIOD: Duration = Duration::from_millis(50);

/// The lines of a service's log so far; the last one ends as the others.
pub(super) fn past(node: &TalosNode, service: &str) -> Vec<String> {
    let start = jiff::Timestamp::try_from(node.booted_at).unwrap_or_default();
    let mut lines: Vec<_> = (0..PAST)
        .map(|n| {
            let at = start + Duration::from_secs(n as u64);
            format!("{at} {service}[{n}]: läuft auf {}", node.hostname)
        })
        .collect();
    lines.push(String::new());
    lines
}

pub(super) fn containers(node: &TalosNode) -> Vec<String> {
    let pod = |name: &str| format!("kube-system/{name}-{0}:{name}:0123456789ab", node.hostname);
    if node.service("kubelet").is_none_or(|s| s.state != "Running") {
        return Vec::new();
    }
    let mut pods = vec![pod("kube-proxy")];
    if node.control_plane() {
        pods.push(pod("kube-apiserver"));
    }
    pods
}

/// The ids that have logs.
pub(super) fn ids(node: &TalosNode) -> Vec<String> {
    let services = node.services.iter().map(|s| s.id.clone());
    services
        .chain(["kernel".to_owned()])
        .chain(containers(node))
        .collect()
}

pub(super) fn logs(
    shared: &Shared,
    node: &TalosNode,
    request: &pb::LogsRequest,
    truncated: bool,
) -> Result<BoxStream<Data>, Status> {
    let kubernetes = request.namespace == "k8s.io";
    if !kubernetes && request.driver == i32::from(ContainerDriver::Cri) {
        return Err(Status::invalid_argument(format!(
            "CRI inspector is supported only for K8s namespace, got {:?}",
            request.namespace
        )));
    }
    if request.namespace.is_empty() && request.id != "kubelet" {
        return Err(Status::invalid_argument("namespace is required"));
    }
    let known = if kubernetes && request.id != "kubelet" {
        containers(node).contains(&request.id)
    } else {
        node.services.iter().any(|s| s.id == request.id) || request.id == "kernel"
    };
    if !known {
        return Err(Status::unknown(format!(
            "log {:?} was not registered",
            request.id
        )));
    }
    let mut lines = past(node, &request.id);
    let keep = match request.tail_lines {
        0 => 1,
        count @ 1.. => usize::try_from(count).unwrap_or(0) + 1,
        _ => lines.len(),
    };
    let lines = lines.split_off(lines.len().saturating_sub(keep)).join("\n");
    let past = bytes::stream(lines.into_bytes(), truncated);
    if !request.follow {
        return Ok(past);
    }
    let name = request.id.clone();
    let new = ticks(shared).map(move |n| Ok(bytes::frame(format!("{name}: neu {n}\n"))));
    Ok(Box::pin(past.chain(new)))
}

/// One frame a message. The past, if wanted, and what comes.
pub(super) fn dmesg(local: &Local, node: &TalosNode, request: pb::DmesgRequest) -> BoxStream<Data> {
    let start = jiff::Timestamp::try_from(node.booted_at).unwrap_or_default();
    let message = move |after: u64, facility: &str, priority: &str, text: &str| {
        let at = start + Duration::from_millis(after);
        let line = format!("{facility}: {priority:>7}: [{at}]: {text}");
        Ok(bytes::frame(line))
    };
    let mut past = Vec::new();
    if !request.tail {
        past.extend([
            message(0, "kern", "notice", "Linux version 6.18.24-talos"),
            message(
                120,
                "kern",
                "info",
                "x86/fpu: Enabled xstate features: [0x7]: ok",
            ),
            message(
                2500,
                "user",
                "warning",
                "[talos] task startUdevd (1/1): starting",
            ),
        ]);
        past.extend(node.kernel_log.iter().map(|line| Ok(kernel(line))));
    }
    let past = stream::iter(past);
    if !request.follow {
        return Box::pin(past);
    }
    let ticks = ticks(&local.shared)
        .map(move |n| message(60_000 + n, "user", "info", &format!("[talos] tick {n}")));
    let from = node.kernel_first + node.kernel_log.len() as u64;
    let new = stream::select(ticks, kernel_lines(local, from));
    Box::pin(past.chain(new))
}

fn kernel(line: &KernelLine) -> Data {
    let at = jiff::Timestamp::try_from(line.at).unwrap_or_default();
    bytes::frame(format!("user: warning: [{at}]: {}", line.text))
}

/// What is written into the kernel's log from number `from` on.
fn kernel_lines(
    local: &Local,
    from: u64,
) -> impl futures_util::Stream<Item = Result<Data, Status>> + Send + use<> {
    let (world, name) = (local.shared.world.clone(), local.name.clone());
    let changes = world.subscribe();
    let follower = (world, name, changes, from, VecDeque::new());
    stream::unfold(follower, |mut follower| async move {
        loop {
            let (world, name, changes, next, ready) = &mut follower;
            if let Some(line) = ready.pop_front() {
                return Some((Ok(kernel(&line)), follower));
            }
            changes.borrow_and_update();
            let more: Vec<KernelLine> = world.read(|state| {
                let node = state.node(name)?;
                let skip = usize::try_from(next.saturating_sub(node.kernel_first)).ok()?;
                Some(node.kernel_log.iter().skip(skip).cloned().collect())
            })?;
            *next += more.len() as u64;
            ready.extend(more);
            if ready.is_empty() && changes.changed().await.is_err() {
                return None;
            }
        }
    })
}

/// Counts up while the world's time passes.
fn ticks(shared: &Shared) -> impl futures_util::Stream<Item = u64> + Send + use<> {
    let world = shared.world.clone();
    stream::unfold(0_u64, move |n| {
        let world = world.clone();
        async move {
            world.sleep(PERIOD).await;
            Some((n, n + 1))
        }
    })
}
