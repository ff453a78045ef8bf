//! `ImageList` and `ImagePull`, the calls before `ImageService`.

use futures_util::stream;
use talos_proto::common::ContainerdNamespace;
use talos_proto::machine as pb;
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::talos::image::resolve;
use crate::talos::local::Local;
use crate::talos::timestamp;
use crate::world::ImageStore;

fn store(namespace: ContainerdNamespace) -> Result<ImageStore, Status> {
    match namespace {
        ContainerdNamespace::NsSystem => Ok(ImageStore::System),
        ContainerdNamespace::NsCri => Ok(ImageStore::Cri),
        ContainerdNamespace::NsUnknown => Err(Status::invalid_argument("unknown namespace")),
    }
}

pub(super) fn list(
    local: &Local,
    request: pb::ImageListRequest,
) -> Result<BoxStream<pb::ImageListResponse>, Status> {
    let store = store(request.namespace())?;
    let images = local.node(|_, node| node.images(store))?;
    let images: Vec<_> = images
        .into_iter()
        .map(|image| {
            Ok(pb::ImageListResponse {
                metadata: None,
                name: image.name,
                digest: image.digest,
                size: i64::try_from(image.size_bytes).unwrap_or(i64::MAX),
                created_at: Some(timestamp(image.created_at)),
            })
        })
        .collect();
    Ok(Box::pin(stream::iter(images)))
}

pub(super) fn pull(local: &Local, request: &pb::ImagePullRequest) -> Result<(), Status> {
    let store = store(request.namespace())?;
    let (image, _) = resolve(local, store, &request.reference)?;
    local.change(|node| node.add_image(image))
}
