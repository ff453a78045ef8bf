//! Container images and the installer.

use homelab_sim::ClientCert;
use homelab_sim::world::{ImageDefect, Stage};
use talos_proto::common::{ContainerDriver, ContainerdInstance, ContainerdNamespace, Data};
use talos_proto::machine as pb;
use talos_proto::machine::image_service_client::ImageServiceClient;
use talos_proto::machine::image_service_import_request::Request as ImportPart;
use talos_proto::machine::image_service_pull_layer_progress::Status as Layer;
use talos_proto::machine::image_service_pull_response::Response as PullPart;
use talos_proto::machine::lifecycle_service_client::LifecycleServiceClient;
use talos_proto::machine::lifecycle_service_install_progress::Response as Part;
use tonic::Code;

use crate::lab;

const INSTALLER: &str = "ghcr.io/siderolabs/installer:v1.13.5";

fn system() -> ContainerdInstance {
    ContainerdInstance {
        driver: ContainerDriver::Cri.into(),
        namespace: ContainerdNamespace::NsSystem.into(),
    }
}

fn pull(image: &str) -> pb::ImageServicePullRequest {
    pb::ImageServicePullRequest {
        containerd: Some(system()),
        image_ref: image.into(),
    }
}

fn upgrade(image: &str) -> pb::LifecycleServiceUpgradeRequest {
    pb::LifecycleServiceUpgradeRequest {
        containerd: Some(system()),
        source: Some(pb::InstallArtifactsSource {
            image_name: image.into(),
        }),
    }
}

#[tokio::test]
async fn older_nodes_have_no_image_service() {
    let sim = lab::start().await;
    let admin = lab::channel(&sim, "cp-1", &ClientCert::admin());
    let mut images = ImageServiceClient::new(admin.clone());
    assert_eq!(
        lab::code(images.pull(pull(INSTALLER)).await),
        Code::Unimplemented
    );
    let mut lifecycle = LifecycleServiceClient::new(admin);
    assert_eq!(
        lab::code(lifecycle.upgrade(upgrade(INSTALLER)).await),
        Code::Unimplemented
    );
    // The calls before it do the same.
    let mut machine = lab::machine(&sim, "cp-1");
    let request = pb::ImagePullRequest {
        namespace: ContainerdNamespace::NsSystem.into(),
        reference: INSTALLER.into(),
    };
    machine.image_pull(request).await.unwrap();
    let list = pb::ImageListRequest {
        namespace: ContainerdNamespace::NsSystem.into(),
    };
    let names: Vec<_> = lab::all(machine.image_list(list).await.unwrap())
        .await
        .into_iter()
        .map(|image| image.name)
        .collect();
    assert!(names.contains(&INSTALLER.to_owned()), "{names:?}");
    assert!(names.iter().any(|n| n.contains("/etcd:")), "{names:?}");
    let unknown = machine.image_list(pb::ImageListRequest::default()).await;
    assert_eq!(lab::code(unknown), Code::InvalidArgument);
}

#[tokio::test]
async fn a_pull_reports_its_layers_and_ends_with_the_digest() {
    let sim = lab::start_version("v1.13.0").await;
    let mut images = ImageServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::admin()));
    let frames = lab::all(images.pull(pull(INSTALLER)).await.unwrap()).await;
    let states: Vec<_> = frames
        .iter()
        .filter_map(|f| match f.response.as_ref().unwrap() {
            PullPart::PullProgress(p) => Some(p.progress.as_ref().unwrap().status()),
            PullPart::Name(_) => None,
        })
        .collect();
    assert_eq!(states[0], Layer::Downloading);
    assert!(states.contains(&Layer::ExtractComplete));
    let Some(PullPart::Name(name)) = &frames.last().unwrap().response else {
        panic!("the last frame has no name");
    };
    assert!(
        name.starts_with("ghcr.io/siderolabs/installer@sha256:"),
        "{name}"
    );

    let again = lab::all(images.pull(pull(INSTALLER)).await.unwrap()).await;
    assert!(again.len() < frames.len(), "layers that are there stay");

    let remove = |name: &str| pb::ImageServiceRemoveRequest {
        containerd: Some(system()),
        image_ref: name.into(),
    };
    images.remove(remove(name)).await.unwrap();
    assert_eq!(
        lab::code(images.remove(remove(INSTALLER)).await),
        Code::NotFound
    );
    assert_eq!(
        lab::code(images.pull(pull("No Image")).await),
        Code::InvalidArgument
    );
    sim.world()
        .change(|s| s.set_image_defect("ghcr.io/a/b:v1", Some(ImageDefect::Missing)));
    assert_eq!(
        lab::code(images.pull(pull("ghcr.io/a/b:v1")).await),
        Code::NotFound
    );
    let nowhere = pb::ImageServiceListRequest {
        containerd: Some(ContainerdInstance {
            driver: ContainerDriver::Containerd.into(),
            namespace: ContainerdNamespace::NsCri.into(),
        }),
    };
    assert_eq!(lab::code(images.list(nowhere).await), Code::InvalidArgument);
}

#[tokio::test]
async fn a_pull_that_is_left_brings_nothing() {
    let sim = lab::start_version("v1.13.0").await;
    let mut images = ImageServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::admin()));
    let mut stream = images.pull(pull(INSTALLER)).await.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(stream);
    let list = pb::ImageServiceListRequest {
        containerd: Some(system()),
    };
    let all = lab::all(images.list(list).await.unwrap()).await;
    assert!(all.iter().all(|image| image.name != INSTALLER));
}

#[tokio::test]
async fn roles_of_the_image_service() {
    let sim = lab::start_version("v1.13.0").await;
    let role =
        |role: &str| ImageServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::role(role)));
    let verify = pb::ImageServiceVerifyRequest {
        image_ref: INSTALLER.into(),
        credentials: None,
    };
    let answer = role("os:image:verifier").verify(verify.clone()).await;
    assert!(answer.unwrap().into_inner().verified);
    let other = pb::ImageServiceVerifyRequest {
        image_ref: "docker.io/library/alpine:3".into(),
        credentials: None,
    };
    let answer = role("os:reader").verify(other).await.unwrap().into_inner();
    assert!(!answer.verified);
    assert!(
        answer
            .digested_image_ref
            .starts_with("docker.io/library/alpine@")
    );
    let list = pb::ImageServiceListRequest {
        containerd: Some(system()),
    };
    assert_eq!(
        lab::code(role("os:image:verifier").list(list).await),
        Code::PermissionDenied
    );
    assert!(role("os:operator").pull(pull(INSTALLER)).await.is_ok());
    assert_eq!(
        lab::code(role("os:reader").pull(pull(INSTALLER)).await),
        Code::PermissionDenied
    );
}

#[tokio::test]
async fn an_archive_brings_its_name() {
    let sim = lab::start_version("v1.13.0").await;
    let mut images = ImageServiceClient::new(lab::channel(&sim, "cp-1", &ClientCert::admin()));
    let manifest = br#"[{"RepoTags": ["ghcr.io/me/tool:v2"]}]"#;
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    tar.append_data(&mut header, "manifest.json", &manifest[..])
        .unwrap();
    let archive = tar.into_inner().unwrap();
    let parts = |skip: usize, archive: &[u8]| {
        let part = |request| pb::ImageServiceImportRequest {
            request: Some(request),
        };
        let mut all = vec![part(ImportPart::Containerd(system()))];
        all.extend(archive.chunks(300).map(|chunk| {
            part(ImportPart::ImageChunk(Data {
                metadata: None,
                bytes: chunk.to_vec().into(),
            }))
        }));
        tokio_stream::iter(all.into_iter().skip(skip).collect::<Vec<_>>())
    };
    let name = images
        .import(parts(0, &archive))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(name.name, "ghcr.io/me/tool:v2");
    let garbage = images.import(parts(0, &[7; 900])).await;
    assert_eq!(lab::code(garbage), Code::Unknown);
    let without = images.import(parts(1, &archive)).await;
    assert_eq!(lab::code(without), Code::InvalidArgument);
}

#[tokio::test]
async fn an_upgrade_reboots_nothing_and_its_exit_code_is_no_error() {
    let sim = lab::start_version("v1.13.0").await;
    let channel = lab::channel(&sim, "cp-1", &ClientCert::admin());
    let mut images = ImageServiceClient::new(channel.clone());
    let mut lifecycle = LifecycleServiceClient::new(channel);
    assert_eq!(
        lab::code(lifecycle.upgrade(upgrade(INSTALLER)).await),
        Code::NotFound
    );
    let bad = "ghcr.io/siderolabs/installer:v1.13.6";
    sim.world()
        .change(|s| s.set_image_defect(bad, Some(ImageDefect::Install)));
    for (image, code) in [(bad, 1), (INSTALLER, 0)] {
        lab::all(images.pull(pull(image)).await.unwrap()).await;
        let frames = lab::all(lifecycle.upgrade(upgrade(image)).await.unwrap()).await;
        let parts: Vec<_> = frames
            .into_iter()
            .map(|f| f.progress.unwrap().response.unwrap())
            .collect();
        let (last, lines) = parts.split_last().unwrap();
        assert_eq!(*last, Part::ExitCode(code), "{image}");
        assert!(lines.len() > 2);
        let next = sim.world().read(|s| {
            let installed = s.node("cp-1").unwrap().installed.clone();
            installed.unwrap().boot.version
        });
        assert_eq!(next, if code == 0 { "v1.13.5" } else { "v1.13.0" });
    }
    let version = lab::machine(&sim, "cp-1").version(()).await.unwrap();
    let version = version.into_inner().messages[0].version.clone().unwrap();
    assert_eq!(version.tag, "v1.13.0", "the node did not reboot");

    lab::machine(&sim, "cp-1")
        .reboot(pb::RebootRequest::default())
        .await
        .unwrap();
    lab::eventually("the new system", || {
        sim.world().read(|s| {
            let node = s.node("cp-1").unwrap();
            node.talos_version == "v1.13.5" && node.stage == Stage::Running
        })
    })
    .await;
    let channel = lab::channel(&sim, "cp-1", &ClientCert::admin());
    let mut lifecycle = LifecycleServiceClient::new(channel);

    let install = pb::LifecycleServiceInstallRequest {
        containerd: Some(system()),
        source: upgrade(INSTALLER).source,
        destination: Some(pb::InstallDestination {
            disk: "/dev/sda".into(),
        }),
    };
    assert_eq!(
        lab::code(lifecycle.install(install).await),
        Code::AlreadyExists
    );
}

#[tokio::test]
async fn one_installer_at_a_time() {
    let sim = lab::start_version("v1.13.0").await;
    let channel = lab::channel(&sim, "cp-1", &ClientCert::admin());
    let mut images = ImageServiceClient::new(channel.clone());
    let mut lifecycle = LifecycleServiceClient::new(channel);
    lab::all(images.pull(pull(INSTALLER)).await.unwrap()).await;
    // As if one were at work already.
    sim.world()
        .change(|s| s.node_mut("cp-1").unwrap().installer_runs = true);
    assert_eq!(
        lab::code(lifecycle.upgrade(upgrade(INSTALLER)).await),
        Code::FailedPrecondition
    );
}
