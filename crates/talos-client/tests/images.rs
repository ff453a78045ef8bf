//! Images, the installer and debug containers, against simulated nodes of
//! several releases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod support;

use futures_util::StreamExt;
use homelab_core::{ErrorKind, Sent};
use homelab_sim::world::ImageDefect;
use homelab_sim::{ClientCert, SimOptions};
use support::{CP1, WORKER, client, client_with, eventually, lab_of, options};
use talos_client::{
    DebugOptions, DebugOutput, ImageNamespace, InstallOptions, NodeClient, PullOptions,
};

const INSTALLER: &str = "ghcr.io/siderolabs/installer:v1.13.5";

async fn pull(node: &NodeClient, image: &str) -> homelab_core::Result<String> {
    node.pull_image(image, PullOptions::default(), |_| {}).await
}

#[tokio::test]
async fn images_come_and_go() {
    let sim = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let mut reports = Vec::new();
    let name = node
        .pull_image(INSTALLER, PullOptions::default(), |p| reports.push(p))
        .await
        .unwrap();
    assert!(
        name.starts_with("ghcr.io/siderolabs/installer@sha256:"),
        "{name}"
    );
    assert!(reports.iter().any(|p| p.status == "downloading"));
    assert!(reports.iter().any(|p| p.status == "extract-complete"));

    let images = node.images(ImageNamespace::System).await.unwrap();
    let installer = images.iter().find(|i| i.name == INSTALLER).unwrap();
    assert!(name.ends_with(&installer.digest));
    assert!(installer.size_bytes > 0);
    let pods = node.images(ImageNamespace::Cri).await.unwrap();
    assert!(pods.iter().all(|i| i.name != INSTALLER));

    node.remove_image(&name, ImageNamespace::System)
        .await
        .unwrap();
    let error = node
        .remove_image(INSTALLER, ImageNamespace::System)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let verified = node.verify_image(INSTALLER, None).await.unwrap();
    assert!(verified.verified && verified.digested_reference.contains("@sha256:"));

    sim.world()
        .change(|s| s.set_image_defect("ghcr.io/a/b:v1", Some(ImageDefect::Missing)));
    let error = pull(&node, "ghcr.io/a/b:v1").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.target_name()),
        (ErrorKind::NotFound, Some(CP1))
    );
    let error = pull(&node, "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );

    let reader = client_with(&sim, &ClientCert::role("os:reader"), options()).await;
    let error = pull(&reader.node(CP1), INSTALLER).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn older_nodes_pull_and_list_too() {
    let sim = lab_of("v1.12.1", SimOptions::default()).await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    assert_eq!(pull(&node, INSTALLER).await.unwrap(), INSTALLER);
    let images = node.images(ImageNamespace::System).await.unwrap();
    assert!(images.iter().any(|i| i.name == INSTALLER));
    for error in [
        node.images(ImageNamespace::Inmem).await.unwrap_err(),
        node.verify_image(INSTALLER, None).await.unwrap_err(),
        node.install_upgrade(InstallOptions::new(INSTALLER), |_| {})
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn an_image_comes_from_a_file() {
    let sim = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&sim).await;
    let node = talos.node(WORKER);
    let dir = tempfile::tempdir().unwrap();
    let manifest = br#"[{"RepoTags": ["ghcr.io/me/tool:v2"]}]"#;
    let layer = vec![7; 200_000];
    let mut tar = tar::Builder::new(Vec::new());
    for (name, data) in [
        ("manifest.json", &manifest[..]),
        ("layer.tar", layer.as_slice()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        tar.append_data(&mut header, name, data).unwrap();
    }
    let archive = dir.path().join("tool.tar");
    std::fs::write(&archive, tar.into_inner().unwrap()).unwrap();
    let mut last = 0;
    let name = node
        .import_image(&archive, ImageNamespace::Cri, |p| last = p.bytes)
        .await
        .unwrap();
    assert_eq!(name, "ghcr.io/me/tool:v2");
    assert_eq!(last, std::fs::metadata(&archive).unwrap().len());
    let images = node.images(ImageNamespace::Cri).await.unwrap();
    assert!(images.iter().any(|i| i.name == name));

    let before = sim.stats().requests;
    let empty = dir.path().join("empty.tar");
    std::fs::write(&empty, "").unwrap();
    for (path, kind) in [
        (&empty, ErrorKind::InvalidArgument),
        (&dir.path().join("nope.tar"), ErrorKind::NotFound),
    ] {
        let import = node.import_image(path, ImageNamespace::Cri, |_| {});
        let error = import.await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (kind, Sent::No));
    }
    assert_eq!(sim.stats().requests, before);
}

#[tokio::test]
async fn an_installers_exit_code_is_an_error_here() {
    let sim = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&sim).await;
    let node = talos.node(CP1);
    let bad = "ghcr.io/siderolabs/installer:v1.13.6";
    sim.world()
        .change(|s| s.set_image_defect(bad, Some(ImageDefect::Install)));
    let error = node
        .install_upgrade(InstallOptions::new(INSTALLER), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "it was not pulled");
    for image in [bad, INSTALLER] {
        pull(&node, image).await.unwrap();
        let mut lines = Vec::new();
        let result = node
            .install_upgrade(InstallOptions::new(image), |line| {
                lines.push(line.to_owned());
            })
            .await;
        assert!(lines.len() > 1, "{lines:?}");
        if image == bad {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TaskFailed);
            assert!(error.message().contains("exit code 1"), "{error}");
            assert!(error.message().ends_with(lines.last().unwrap()), "{error}");
        } else {
            result.unwrap();
        }
    }
    assert_eq!(
        node.version().await.unwrap().tag,
        "v1.13.0",
        "nothing reboots"
    );
    let again = node
        .install("/dev/sda", InstallOptions::new(INSTALLER), |_| {})
        .await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let wrong = node
        .install("sda", InstallOptions::new(INSTALLER), |_| {})
        .await;
    let wrong = wrong.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.was_sent()),
        (ErrorKind::InvalidArgument, Sent::No)
    );
}

/// What a container prints and how it ends.
async fn run(
    node: &NodeClient,
    options: DebugOptions,
    typed: &str,
) -> homelab_core::Result<(String, Option<i32>)> {
    let mut container = node.debug_container(options.namespace(ImageNamespace::Cri))?;
    let input = container.input();
    if !typed.is_empty() {
        input.write(typed.to_owned()).await?;
    }
    input.close();
    let (mut text, mut code) = (String::new(), None);
    while let Some(output) = container.next().await {
        match output? {
            DebugOutput::Data(data) => text.push_str(&String::from_utf8_lossy(&data)),
            DebugOutput::Exit(exit) => code = Some(exit),
            other => panic!("{other:?}"),
        }
    }
    Ok((text, code))
}

#[tokio::test]
async fn a_debug_container_takes_input_and_gives_its_exit_code() {
    let sim = lab_of("v1.13.0", SimOptions::default()).await;
    let talos = client(&sim).await;
    let node = talos.node(WORKER);
    let shell = || DebugOptions::new("registry.k8s.io/pause:3.10").env("WHO", "me");
    let run = async |options, typed| run(&node, options, typed).await;
    let answer = run(shell(), "echo hi $WHO\nexit 4\n").await.unwrap();
    assert_eq!(answer, ("hi me\n".to_owned(), Some(4)));
    let answer = run(shell(), "hostname\n").await.unwrap();
    assert_eq!(answer, ("worker-1\n".to_owned(), Some(0)));

    let absent = DebugOptions::new("docker.io/library/alpine:3");
    assert_eq!(
        run(absent, "").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let newer = shell().host_namespaces();
    assert_eq!(
        run(newer, "").await.unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );

    // A container that says nothing is stopped by a signal, and by being left.
    let silent = || shell().args(["cat"]).namespace(ImageNamespace::Cri);
    let mut container = node.debug_container(silent()).unwrap();
    container.input().resize(80, 24).await.unwrap();
    container.input().signal(15).await.unwrap();
    let last = container.next().await.unwrap().unwrap();
    assert_eq!(last, DebugOutput::Exit(143));
    assert!(container.next().await.is_none());
    let mut container = node.debug_container(silent()).unwrap();
    container.input().write("hi\n").await.unwrap();
    let echoed = container.next().await.unwrap().unwrap();
    assert_eq!(echoed, DebugOutput::Data("hi\n".into()));
    drop(container);
    eventually("no stream is left", || sim.stats().open_streams == 0).await;
}
