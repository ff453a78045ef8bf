//! `machine.ImageService` (since v1.13) of one node.

use std::io::Read;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use talos_proto::common::{ContainerDriver, ContainerdInstance, ContainerdNamespace};
use talos_proto::machine as pb;
use talos_proto::machine::image_service_import_request::Request as ImportPart;
use talos_proto::machine::image_service_pull_layer_progress::Status as Layer;
use talos_proto::machine::image_service_pull_response::Response as PullPart;
use talos_proto::machine::image_service_server::ImageService;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::local::Local;
use super::timestamp;
use crate::faults::Fault;
use crate::world::{Image, ImageDefect, ImageStore, Reference, derive};

/// Between two messages of a pull.
const PULL_STEP: Duration = Duration::from_millis(2);

/// Layers of an image, and into how many pieces each is fetched.
const LAYERS: u64 = 3;
const PIECES: u64 = 4;

/// `machine.ImageService` of one node.
#[derive(Clone, Debug)]
pub(super) struct Images(Local);

impl Images {
    pub(super) fn new(local: Local) -> Self {
        Images(local)
    }
}

/// Which store an instance is. Two of the combinations are none.
pub(super) fn store(instance: Option<&ContainerdInstance>) -> Result<ImageStore, Status> {
    let instance = instance.ok_or_else(|| Status::invalid_argument("containerd is required"))?;
    match (instance.driver(), instance.namespace()) {
        (ContainerDriver::Cri, ContainerdNamespace::NsCri) => Ok(ImageStore::Cri),
        (ContainerDriver::Cri, ContainerdNamespace::NsSystem) => Ok(ImageStore::System),
        (ContainerDriver::Containerd, ContainerdNamespace::NsSystem) => Ok(ImageStore::Memory),
        (driver, namespace) => Err(Status::invalid_argument(format!(
            "no containerd instance with driver {} and namespace {}",
            driver.as_str_name(),
            namespace.as_str_name()
        ))),
    }
}

/// A reference that can be asked for.
pub(super) fn reference(text: &str) -> Result<Reference, Status> {
    Reference::parse(text)
        .ok_or_else(|| Status::invalid_argument(format!("invalid image reference {text:?}")))
}

/// What a registry says to a request for an image.
pub(super) fn resolve(
    local: &Local,
    store: ImageStore,
    text: &str,
) -> Result<(Image, bool), Status> {
    let reference = reference(text)?;
    let now = local.shared.world.now();
    local.node(|state, node| {
        if state.image_defect(text) == Some(ImageDefect::Missing) {
            return Err(Status::not_found(format!(
                "failed to pull and unpack image {text:?}: {text}: not found"
            )));
        }
        if state.faults.has(&node.name, Fault::DiskFull) {
            return Err(Status::unknown(format!(
                "failed to pull and unpack image {text:?}: failed to extract layer: no space left \
                 on device"
            )));
        }
        let image = Image::pulled(store, &reference, now);
        Ok((image, node.image(store, text).is_some()))
    })?
}

#[async_trait]
impl ImageService for Images {
    async fn list(
        &self,
        request: Request<pb::ImageServiceListRequest>,
    ) -> Result<Response<BoxStream<pb::ImageServiceListResponse>>, Status> {
        let store = store(request.get_ref().containerd.as_ref())?;
        let images = self.0.node(|_, node| node.images(store))?;
        let images: Vec<_> = images
            .into_iter()
            .map(|image| {
                Ok(pb::ImageServiceListResponse {
                    name: image.name,
                    digest: image.digest,
                    size: i64::try_from(image.size_bytes).unwrap_or(i64::MAX),
                    created_at: Some(timestamp(image.created_at)),
                    labels: [("io.cri-containerd.image".into(), "managed".into())].into(),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(stream::iter(images))))
    }

    async fn pull(
        &self,
        request: Request<pb::ImageServicePullRequest>,
    ) -> Result<Response<BoxStream<pb::ImageServicePullResponse>>, Status> {
        let request = request.into_inner();
        let store = store(request.containerd.as_ref())?;
        let (image, known) = resolve(&self.0, store, &request.image_ref)?;
        let world = self.0.shared.world.clone();
        let frames = stream::iter(progress(&image, known)).then(move |frame| {
            let world = world.clone();
            async move {
                world.hold(PULL_STEP).await;
                Ok(pull_part(PullPart::PullProgress(frame)))
            }
        });
        // Only a pull that was waited for puts the image there.
        let local = self.0.clone();
        let last = stream::once(async move {
            let repository = reference(&image.name)?.repository;
            let name = format!("{repository}@{}", image.digest);
            local.change(|node| node.add_image(image))?;
            Ok(pull_part(PullPart::Name(name)))
        });
        Ok(Response::new(Box::pin(frames.chain(last))))
    }

    async fn import(
        &self,
        request: Request<Streaming<pb::ImageServiceImportRequest>>,
    ) -> Result<Response<pb::ImageServiceImportResponse>, Status> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|p| p.request);
        let Some(ImportPart::Containerd(instance)) = first else {
            return Err(Status::invalid_argument(
                "the first message must name the containerd instance",
            ));
        };
        let store = store(Some(&instance))?;
        let mut archive = Vec::new();
        while let Some(part) = parts.message().await? {
            match part.request {
                Some(ImportPart::ImageChunk(data)) => archive.extend_from_slice(&data.bytes),
                _ => {
                    return Err(Status::invalid_argument(
                        "only image chunks may follow the first message",
                    ));
                }
            }
        }
        let name = archived_name(&archive)
            .ok_or_else(|| Status::unknown("failed to import image: unrecognized image format"))?;
        let mut image = Image::pulled(store, &reference(&name)?, self.0.shared.world.now());
        image.size_bytes = archive.len() as u64;
        self.0.change(|node| node.add_image(image))?;
        Ok(Response::new(pb::ImageServiceImportResponse { name }))
    }

    async fn remove(
        &self,
        request: Request<pb::ImageServiceRemoveRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let store = store(request.containerd.as_ref())?;
        let removed = self
            .0
            .change(|node| node.remove_image(store, &request.image_ref))?;
        match removed {
            Some(_) => Ok(Response::new(())),
            None => Err(missing(&request.image_ref)),
        }
    }

    /// Images of Talos' makers carry a signature; others match no rule.
    async fn verify(
        &self,
        request: Request<pb::ImageServiceVerifyRequest>,
    ) -> Result<Response<pb::ImageServiceVerifyResponse>, Status> {
        let text = &request.get_ref().image_ref;
        let (image, _) = resolve(&self.0, ImageStore::System, text)?;
        let repository = reference(text)?.repository;
        let verified = ["ghcr.io/siderolabs/", "factory.talos.dev/"]
            .iter()
            .any(|prefix| repository.starts_with(prefix));
        Ok(Response::new(pb::ImageServiceVerifyResponse {
            verified,
            message: if verified {
                "verified by a keyless signature".into()
            } else {
                "no verification rule matches".into()
            },
            digested_image_ref: format!("{repository}@{}", image.digest),
        }))
    }
}

/// An image that should be there is not.
pub(super) fn missing(name: &str) -> Status {
    Status::not_found(format!("image {name:?}: not found"))
}

fn pull_part(part: PullPart) -> pb::ImageServicePullResponse {
    pb::ImageServicePullResponse {
        response: Some(part),
    }
}

/// What a pull reports about each layer.
fn progress(image: &Image, known: bool) -> Vec<pb::ImageServicePullProgress> {
    let size = image.size_bytes / LAYERS;
    let mut all = Vec::new();
    let mut steps = 0_i64;
    for layer in 0..LAYERS {
        let id = derive::bytes(0, &format!("{}/layer/{layer}", image.digest));
        let layer_id = format!("sha256:{}", derive::hex(&id));
        let mut report = |status: Layer, offset: u64| {
            steps += 1;
            let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            all.push(pb::ImageServicePullProgress {
                layer_id: layer_id.clone(),
                progress: Some(pb::ImageServicePullLayerProgress {
                    status: status.into(),
                    elapsed: Some(prost_types::Duration {
                        seconds: steps / 10,
                        nanos: i32::try_from(steps % 10).unwrap_or(0) * 100_000_000,
                    }),
                    offset: number(offset),
                    total: number(size),
                }),
            });
        };
        if known {
            report(Layer::AlreadyExists, size);
            continue;
        }
        for piece in 0..PIECES {
            report(Layer::Downloading, size * piece / PIECES);
        }
        report(Layer::DownloadComplete, size);
        report(Layer::Extracting, 0);
        report(Layer::ExtractComplete, size);
    }
    all
}

/// The name in an archive of Docker (`manifest.json`) or OCI (`index.json`).
fn archived_name(archive: &[u8]) -> Option<String> {
    let mut tar = tar::Archive::new(archive);
    let mut found = None;
    for entry in tar.entries().ok()? {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.to_string_lossy().into_owned();
        let file = path.trim_start_matches("./").to_owned();
        if file != "manifest.json" && file != "index.json" {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        let name = if file == "manifest.json" {
            json[0]["RepoTags"][0].as_str()
        } else {
            let names = &json["manifests"][0]["annotations"];
            names["io.containerd.image.name"]
                .as_str()
                .or_else(|| names["org.opencontainers.image.ref.name"].as_str())
        };
        found = name.map(str::to_owned).or(found);
    }
    found
}
