//! A container to look around in.

use homelab_sim::{ClientCert, Sim};
use talos_proto::common::{ContainerDriver, ContainerdInstance, ContainerdNamespace};
use talos_proto::machine as pb;
use talos_proto::machine::debug_container_run_request::Request as Input;
use talos_proto::machine::debug_container_run_request_spec::Profile;
use talos_proto::machine::debug_container_run_response::Resp as Output;
use talos_proto::machine::debug_service_client::DebugServiceClient;
use tonic::{Code, Status};

use crate::lab;

fn spec(profile: Profile, args: &[&str]) -> Input {
    Input::Spec(pb::DebugContainerRunRequestSpec {
        containerd: Some(ContainerdInstance {
            driver: ContainerDriver::Cri.into(),
            namespace: ContainerdNamespace::NsCri.into(),
        }),
        image_name: "registry.k8s.io/pause:3.10".into(),
        args: args.iter().map(|a| (*a).to_owned()).collect(),
        env: [("WHO".into(), "me".into())].into(),
        profile: profile.into(),
        tty: false,
    })
}

/// What a container prints and how it ends.
async fn run(sim: &Sim, input: Vec<Input>) -> Result<(String, Option<i32>), Status> {
    let channel = lab::channel(sim, "worker-1", &ClientCert::admin());
    let input = input
        .into_iter()
        .map(|request| pb::DebugContainerRunRequest {
            request: Some(request),
        });
    let input = tokio_stream::iter(input.collect::<Vec<_>>());
    let mut output = DebugServiceClient::new(channel)
        .container_run(input)
        .await?
        .into_inner();
    let (mut text, mut code) = (Vec::new(), None);
    while let Some(message) = output.message().await? {
        assert_eq!(code, None, "nothing comes behind the exit code");
        match message.resp.unwrap() {
            Output::StdoutData(bytes) => text.extend(bytes),
            Output::ExitCode(number) => code = Some(number),
        }
    }
    Ok((String::from_utf8(text).unwrap(), code))
}

#[tokio::test]
async fn input_output_and_exit_code() {
    let sim = lab::start_version("v1.13.0").await;
    let typed = |text: &str| Input::StdinData(text.into());
    let shell = || spec(Profile::Privileged, &[]);
    let input = vec![shell(), typed("echo hi $W"), typed("HO\nexit 4\n")];
    assert_eq!(run(&sim, input).await.unwrap(), ("hi me\n".into(), Some(4)));
    let closed = run(&sim, vec![shell(), typed("hostname\n")]).await.unwrap();
    assert_eq!(closed, ("worker-1\n".into(), Some(0)));
    let signalled = vec![spec(Profile::Privileged, &["cat"]), Input::Signal(15)];
    assert_eq!(run(&sim, signalled).await.unwrap().1, Some(143));
    let script = spec(Profile::Privileged, &["sh", "-c", "false"]);
    assert_eq!(run(&sim, vec![script]).await.unwrap().1, Some(1));
}

#[tokio::test]
async fn what_does_not_start() {
    let sim = lab::start_version("v1.13.0").await;
    for (first, code) in [
        (spec(Profile::Unspecified, &[]), Code::InvalidArgument),
        (spec(Profile::HostNs, &[]), Code::InvalidArgument),
        (Input::StdinData(vec![1]), Code::InvalidArgument),
    ] {
        assert_eq!(lab::code(run(&sim, vec![first]).await), code);
    }
    let Input::Spec(mut absent) = spec(Profile::Privileged, &[]) else {
        panic!("no spec");
    };
    absent.image_name = "docker.io/library/alpine:3".into();
    let absent = run(&sim, vec![Input::Spec(absent)]).await;
    assert_eq!(lab::code(absent), Code::NotFound);
    let newer = lab::start_version("v1.14.0").await;
    assert!(
        run(&newer, vec![spec(Profile::HostNs, &["true"])])
            .await
            .is_ok()
    );
}
