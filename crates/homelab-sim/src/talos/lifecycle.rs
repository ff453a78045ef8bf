//! `machine.LifecycleService` (since v1.13) of one node: the installer, run by
//! itself. It writes a system to a disk and reboots nothing.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use talos_proto::common::ContainerdInstance;
use talos_proto::machine as pb;
use talos_proto::machine::lifecycle_service_install_progress::Response as Part;
use talos_proto::machine::lifecycle_service_server::LifecycleService;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::image::{missing, store};
use super::local::Local;
use crate::world::{ImageDefect, State, TalosNode};

/// Between two messages.
const STEP: Duration = Duration::from_millis(2);

/// Bytes of a message before v1.14, which cuts lines wherever it ends.
const RAW: usize = 48;

/// `machine.LifecycleService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle(Local);

/// An installer at work.
struct Work {
    /// The image, by the name under which it is stored.
    image: String,
    /// The disk that is installed to; none for an upgrade.
    disk: Option<String>,
    /// What it prints.
    output: Vec<String>,
    exit_code: i32,
    defect: Option<ImageDefect>,
    /// The node is free for another one when this goes.
    _busy: Busy,
}

impl Lifecycle {
    pub(super) fn new(local: Local) -> Self {
        Lifecycle(local)
    }

    fn begin(
        &self,
        containerd: Option<&ContainerdInstance>,
        source: Option<pb::InstallArtifactsSource>,
        disk: Option<String>,
    ) -> Result<Work, Status> {
        let store = store(containerd)?;
        let name = source
            .map(|s| s.image_name)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Status::invalid_argument("source image is required"))?;
        let whole_lines = self.0.since(14)?;
        self.0.shared.world.change(|state| {
            let node = state
                .node(&self.0.name)
                .filter(|n| n.reachable())
                .ok_or_else(|| Status::unavailable("the node is down"))?;
            check(state, node, disk.as_deref())?;
            let image = node.image(store, &name).ok_or_else(|| missing(&name))?.name;
            let (cluster, installed_on) = (node.cluster.clone(), node.install_disk.clone());
            let unlucky = disk.is_none() && state.faults.upgrade_begins(&cluster);
            let defect = if unlucky {
                Some(ImageDefect::Install)
            } else {
                state.image_defect(&image)
            };
            let fails = defect == Some(ImageDefect::Install);
            let text = output(&image, disk.as_deref().unwrap_or(&installed_on), fails);
            if let Some(node) = state.node_mut(&self.0.name) {
                node.installer_runs = true;
            }
            Ok(Work {
                image,
                disk,
                output: messages(&text, whole_lines),
                exit_code: i32::from(fails),
                defect,
                _busy: Busy(self.0.clone()),
            })
        })
    }

    /// What the work says, and at its end what it did.
    fn stream<T: Send + 'static>(
        &self,
        mut work: Work,
        wrap: fn(pb::LifecycleServiceInstallProgress) -> T,
    ) -> BoxStream<T> {
        let world = self.0.shared.world.clone();
        let part = move |part| {
            wrap(pb::LifecycleServiceInstallProgress {
                response: Some(part),
            })
        };
        let lines = stream::iter(std::mem::take(&mut work.output)).then(move |line| {
            let world = world.clone();
            async move {
                world.hold(STEP).await;
                Ok(part(Part::Message(line)))
            }
        });
        let local = self.0.clone();
        let end = stream::once(async move {
            if work.exit_code == 0 {
                local.change(|node| finish(node, &work))?;
            }
            Ok(part(Part::ExitCode(work.exit_code)))
        });
        Box::pin(lines.chain(end))
    }
}

/// Whether an installer may start.
fn check(state: &State, node: &TalosNode, disk: Option<&str>) -> Result<(), Status> {
    if node.installer_runs || node.sequence.is_some() {
        return Err(Status::failed_precondition(
            "another installation or upgrade is in progress",
        ));
    }
    match (disk, &node.installed) {
        (None, None) => Err(Status::failed_precondition("Talos is not installed")),
        (None, Some(_)) => Ok(()),
        (Some(_), Some(_)) => Err(Status::already_exists("Talos is already installed")),
        (Some(disk), None) => {
            let name = disk.trim_start_matches("/dev/");
            let known = state.disks_of(node).iter().any(|d| d.name == name);
            known
                .then_some(())
                .ok_or_else(|| Status::not_found(format!("disk {disk:?} not found")))
        }
    }
}

fn finish(node: &mut TalosNode, work: &Work) {
    if let Some(disk) = &work.disk {
        node.install_disk.clone_from(disk);
    }
    let system = node.system_of(&work.image, work.defect == Some(ImageDefect::Boot));
    node.install(system);
}

fn output(image: &str, disk: &str, fails: bool) -> String {
    let mut text = format!(
        "running Talos installer {image}\n\
         wiping and partitioning {disk}\n\
         writing the boot loader to {disk}\n"
    );
    text.push_str(if fails {
        "error: failed to write the boot assets: input/output error\n"
    } else {
        "installation of the boot assets complete\n"
    });
    text
}

/// The text as messages: lines since v1.14, pieces of any kind before.
fn messages(text: &str, whole_lines: bool) -> Vec<String> {
    if whole_lines {
        return text.lines().map(str::to_owned).collect();
    }
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(RAW).map(|c| c.iter().collect()).collect()
}

/// An installer runs on the node as long as this is there.
struct Busy(Local);

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.change(|node| node.installer_runs = false);
    }
}

#[async_trait]
impl LifecycleService for Lifecycle {
    async fn install(
        &self,
        request: Request<pb::LifecycleServiceInstallRequest>,
    ) -> Result<Response<BoxStream<pb::LifecycleServiceInstallResponse>>, Status> {
        let request = request.into_inner();
        let disk = request
            .destination
            .map(|d| d.disk)
            .filter(|disk| !disk.is_empty())
            .ok_or_else(|| Status::invalid_argument("destination disk is required"))?;
        let work = self.begin(request.containerd.as_ref(), request.source, Some(disk))?;
        let stream = self.stream(work, |progress| pb::LifecycleServiceInstallResponse {
            progress: Some(progress),
        });
        Ok(Response::new(stream))
    }

    async fn upgrade(
        &self,
        request: Request<pb::LifecycleServiceUpgradeRequest>,
    ) -> Result<Response<BoxStream<pb::LifecycleServiceUpgradeResponse>>, Status> {
        let request = request.into_inner();
        let work = self.begin(request.containerd.as_ref(), request.source, None)?;
        let stream = self.stream(work, |progress| pb::LifecycleServiceUpgradeResponse {
            progress: Some(progress),
        });
        Ok(Response::new(stream))
    }
}
