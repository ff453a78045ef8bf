//! Reboot, shutdown, reset, upgrade, apply modes: what happens, and what is
//! told about it.

use homelab_sim::world::{ImageDefect, Stage};
use homelab_sim::{Sim, SimClock, SimOptions};
use prost::Message;
use talos_proto::common;
use talos_proto::machine as pb;
use talos_proto::machine::apply_configuration_request::Mode;
use talos_proto::machine::machine_status_event::MachineStage;
use tonic::Code;

use crate::lab;
use crate::maintenance::apply;

/// What a stream of events says, as words.
async fn told(sim: &Sim, node: &str, actor: &str) -> Vec<String> {
    let request = pb::EventsRequest {
        tail_events: -1,
        with_actor_id: actor.to_owned(),
        ..pb::EventsRequest::default()
    };
    let stream = lab::machine(sim, node).events(request).await.unwrap();
    let mut stream = stream.into_inner();
    let mut all = Vec::new();
    // The hello first; then all that there is, at once.
    let quiet = std::time::Duration::from_millis(200);
    while let Ok(Ok(Some(event))) = tokio::time::timeout(quiet, stream.message()).await {
        let data = event.data.unwrap();
        let word = match data.type_url.strip_prefix("talos/runtime/machine.") {
            Some("SequenceEvent") => {
                let event = pb::SequenceEvent::decode(&data.value[..]).unwrap();
                format!("{} {}", event.sequence, event.action().as_str_name())
            }
            Some("PhaseEvent") => {
                let event = pb::PhaseEvent::decode(&data.value[..]).unwrap();
                format!("phase {} {}", event.phase, event.action().as_str_name())
            }
            Some("TaskEvent") => {
                let event = pb::TaskEvent::decode(&data.value[..]).unwrap();
                format!("task {} {}", event.task, event.action().as_str_name())
            }
            Some("MachineStatusEvent") => {
                let event = pb::MachineStatusEvent::decode(&data.value[..]).unwrap();
                event.stage().as_str_name().to_owned()
            }
            _ => continue,
        };
        all.push(word);
    }
    all
}

/// A lab whose time moves only when it is told to.
async fn stopped() -> Sim {
    lab::start_with(SimOptions::default().seed(1).clock(SimClock::paused())).await
}

fn stage(sim: &Sim, node: &str) -> Stage {
    sim.world().read(|s| s.node(node).unwrap().stage)
}

/// Long enough for anything that a node does.
fn pass(sim: &Sim) {
    sim.advance(std::time::Duration::from_secs(1));
}

/// Long enough for the first phases of a sequence: they take 1.5 ms each.
fn begin(sim: &Sim) {
    sim.advance(std::time::Duration::from_micros(6500));
}

async fn boot_id(sim: &Sim, node: &str) -> String {
    let request = pb::ReadRequest {
        path: "/proc/sys/kernel/random/boot_id".into(),
    };
    let frames = lab::all(lab::machine(sim, node).read(request).await.unwrap()).await;
    String::from_utf8(frames[0].bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_reboot_is_told_and_makes_a_new_boot_of_the_same_guest() {
    let sim = stopped().await;
    let mut client = lab::machine(&sim, "worker-1");
    let before = boot_id(&sim, "worker-1").await;
    let pid = sim.world().read(|s| s.guest(103).unwrap().pid);
    let answer = client.reboot(pb::RebootRequest::default()).await.unwrap();
    let actor = answer.into_inner().messages[0].actor_id.clone();
    assert_eq!(stage(&sim, "worker-1"), Stage::Rebooting);
    begin(&sim);
    // Somebody else asks for the same meanwhile.
    let second = client.reboot(pb::RebootRequest::default()).await.unwrap();
    let second = second.into_inner().messages[0].actor_id.clone();
    assert_ne!(actor, second);
    let said = told(&sim, "worker-1", &actor).await;
    assert_eq!(said[0], "reboot START", "{said:?}");
    assert!(
        said.contains(&"task stopAllServices STOP".into()),
        "{said:?}"
    );
    assert_eq!(told(&sim, "worker-1", &second).await, ["reboot NOOP"]);
    assert_eq!(stage(&sim, "worker-1"), Stage::Rebooting);

    pass(&sim);
    assert_eq!(stage(&sim, "worker-1"), Stage::Running);
    assert_ne!(boot_id(&sim, "worker-1").await, before);
    assert_eq!(sim.world().read(|s| s.guest(103).unwrap().pid), pid);
    let said = told(&sim, "worker-1", "").await;
    assert_eq!(said.first().unwrap(), "boot START");
    assert_eq!(said.last().unwrap(), "RUNNING");
}

#[tokio::test]
async fn a_shutdown_switches_the_guest_off() {
    let sim = stopped().await;
    let mut client = lab::machine(&sim, "worker-1");
    client
        .shutdown(pb::ShutdownRequest::default())
        .await
        .unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "worker-1"), Stage::Off);
    assert!(!sim.world().read(|s| s.guest(103).unwrap().running()));
    sim.node_on("worker-1").unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "worker-1"), Stage::Running);
    assert!(sim.node_on("worker-1").is_err());
}

fn reset(graceful: bool, labels: &[&str]) -> pb::ResetRequest {
    pb::ResetRequest {
        graceful,
        reboot: true,
        system_partitions_to_wipe: labels
            .iter()
            .map(|label| pb::ResetPartitionSpec {
                label: (*label).to_owned(),
                wipe: true,
            })
            .collect(),
        ..pb::ResetRequest::default()
    }
}

#[tokio::test]
async fn a_reset_wipes_what_it_was_told_to() {
    let sim = stopped().await;
    let members = || {
        sim.world()
            .read(|s| s.cluster("home").unwrap().etcd.members.len())
    };
    let mut client = lab::machine(&sim, "cp-3");
    let mut conflict = reset(true, &["STATE"]);
    conflict.mode = pb::reset_request::WipeMode::UserDisks.into();
    assert_eq!(lab::code(client.reset(conflict).await), Code::Unknown);

    // Without its data a member comes back as another one.
    let id = || {
        sim.world().read(|s| {
            s.cluster("home")
                .unwrap()
                .etcd
                .member_of("cp-3")
                .unwrap()
                .id
        })
    };
    let before = id();
    client.reset(reset(false, &["EPHEMERAL"])).await.unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "cp-3"), Stage::Running);
    assert_ne!(id(), before);
    assert_eq!(members(), 3);

    // Without its config it waits for one, and has left etcd.
    let mut client = lab::machine(&sim, "cp-3");
    client
        .reset(reset(true, &["STATE", "EPHEMERAL"]))
        .await
        .unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "cp-3"), Stage::Maintenance);
    assert_eq!(members(), 2);

    // Without anything there is nothing that would boot.
    let mut client = lab::machine(&sim, "worker-1");
    client.reset(reset(true, &[])).await.unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "worker-1"), Stage::Off);
    assert!(sim.world().read(|s| s.guest(103).unwrap().running()));
}

async fn version(sim: &Sim, node: &str) -> String {
    let version = lab::machine(sim, node).version(()).await.unwrap();
    let version = version.into_inner().messages[0].version.clone();
    version.unwrap().tag
}

fn upgrade(image: &str) -> pb::UpgradeRequest {
    pb::UpgradeRequest {
        image: image.into(),
        ..pb::UpgradeRequest::default()
    }
}

#[tokio::test]
async fn an_upgrade_and_a_rollback() {
    let sim = stopped().await;
    let image = "ghcr.io/siderolabs/installer:v1.12.5";
    let mut client = lab::machine(&sim, "cp-1");
    let answer = client.upgrade(upgrade(image)).await.unwrap().into_inner();
    let actor = answer.messages[0].actor_id.clone();
    begin(&sim);
    let said = told(&sim, "cp-1", &actor).await;
    assert_eq!(
        said[..2],
        ["upgrade START", MachineStage::Upgrading.as_str_name()]
    );
    pass(&sim);
    assert_eq!(version(&sim, "cp-1").await, "v1.12.5");
    let mut client = lab::machine(&sim, "cp-1");
    client.rollback(pb::RollbackRequest {}).await.unwrap();
    pass(&sim);
    assert_eq!(version(&sim, "cp-1").await, "v1.12.1");

    let mut staged = upgrade(image);
    staged.stage = true;
    lab::machine(&sim, "cp-2").upgrade(staged).await.unwrap();
    pass(&sim);
    assert_eq!(version(&sim, "cp-2").await, "v1.12.5");
}

#[tokio::test]
async fn upgrades_that_go_wrong() {
    let sim = stopped().await;
    let image = |tag: &str| format!("ghcr.io/siderolabs/installer:{tag}");
    sim.set_image_defect(&image("v1.12.6"), Some(ImageDefect::Missing));
    sim.set_image_defect(&image("v1.12.7"), Some(ImageDefect::Boot));
    let mut client = lab::machine(&sim, "cp-1");
    for bad in ["no image", &image("v1.12.6")] {
        let error = client.upgrade(upgrade(bad)).await.unwrap_err();
        assert!(
            matches!(error.code(), Code::InvalidArgument | Code::Unknown),
            "{error}"
        );
    }
    // It comes back by itself with the system that it had.
    client.upgrade(upgrade(&image("v1.12.7"))).await.unwrap();
    pass(&sim);
    assert_eq!(stage(&sim, "cp-1"), Stage::Running);
    assert_eq!(version(&sim, "cp-1").await, "v1.12.1");

    // etcd has to bear it.
    sim.guest_stop(102).unwrap();
    let mut client = lab::machine(&sim, "cp-1");
    let refused = client.upgrade(upgrade(&image("v1.12.5"))).await;
    assert_eq!(lab::code(refused), Code::Unknown);
    let mut forced = upgrade(&image("v1.12.5"));
    forced.force = true;
    client.upgrade(forced).await.unwrap();
}

fn config(sim: &Sim, node: &str) -> String {
    sim.world()
        .read(|s| s.node(node).unwrap().config.clone().unwrap().text)
}

#[tokio::test]
async fn configs_come_into_force_as_asked() {
    let sim = stopped().await;
    let before = config(&sim, "worker-1");
    let live = before.replace("machine:\n", "machine:\n    sysctls: {a: '1'}\n");
    let deep = before.replace("machine:\n", "machine:\n    disks: []\n");
    let mut client = lab::machine(&sim, "worker-1");
    let mode = |answer: tonic::Response<pb::ApplyConfigurationResponse>| {
        answer.into_inner().messages[0].mode()
    };
    // What takes a reboot is refused where none is wanted.
    let refused = client
        .apply_configuration(apply(&deep, Mode::NoReboot))
        .await;
    assert_eq!(lab::code(refused), Code::InvalidArgument);
    let answer = client.apply_configuration(apply(&live, Mode::Auto)).await;
    assert_eq!(mode(answer.unwrap()), Mode::NoReboot);
    assert_eq!(config(&sim, "worker-1"), live);

    // A trial ends by itself.
    let tried = live.replace("'1'", "'2'");
    let answer = client.apply_configuration(apply(&tried, Mode::Try)).await;
    assert_eq!(mode(answer.unwrap()), Mode::Try);
    assert_eq!(config(&sim, "worker-1"), tried);
    sim.advance(std::time::Duration::from_secs(59));
    assert_eq!(config(&sim, "worker-1"), tried);
    sim.advance(std::time::Duration::from_secs(2));
    assert_eq!(config(&sim, "worker-1"), live);

    // What is staged waits for a boot, what needs one brings it.
    let staged = live.replace("'1'", "'3'");
    client
        .apply_configuration(apply(&staged, Mode::Staged))
        .await
        .unwrap();
    assert_eq!(config(&sim, "worker-1"), live);
    let answer = client.apply_configuration(apply(&deep, Mode::Auto)).await;
    assert_eq!(mode(answer.unwrap()), Mode::Reboot);
    let busy = client.apply_configuration(apply(&live, Mode::Auto)).await;
    assert_eq!(lab::code(busy), Code::FailedPrecondition);
    pass(&sim);
    assert_eq!(config(&sim, "worker-1"), deep);
}

#[tokio::test]
async fn another_name_is_followed_everywhere() {
    let sim = stopped().await;
    let text = config(&sim, "cp-2").replace("hostname: \"cp-2\"", "hostname: renamed");
    let mut client = lab::machine(&sim, "cp-2");
    client
        .apply_configuration(apply(&text, Mode::NoReboot))
        .await
        .unwrap();
    let name = client.hostname(()).await.unwrap().into_inner();
    assert_eq!(name.messages[0].hostname, "renamed");
    let members = client
        .etcd_member_list(pb::EtcdMemberListRequest::default())
        .await
        .unwrap()
        .into_inner();
    let names = members.messages[0].members.iter();
    assert!(
        names.clone().any(|m| m.hostname == "renamed"),
        "{members:?}"
    );
    assert!(client.etcd_status(()).await.is_ok());
}

#[tokio::test]
async fn since_1_14_nothing_reboots_by_itself() {
    let sim = lab::start_version("v1.14.0").await;
    let before = config(&sim, "worker-1");
    let deep = before.replace("machine:\n", "machine:\n    disks: []\n");
    let mut client = lab::machine(&sim, "worker-1");
    let old = client.apply_configuration(apply(&deep, Mode::Reboot)).await;
    assert_eq!(lab::code(old), Code::Unimplemented);
    let answer = client.apply_configuration(apply(&deep, Mode::Auto)).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.messages[0].mode(), Mode::NoReboot);
}

#[tokio::test]
async fn the_kernel_log_and_credentials() {
    let sim = stopped().await;
    let mut client = lab::machine(&sim, "cp-1");
    client.reboot(pb::RebootRequest::default()).await.unwrap();
    begin(&sim);
    let dmesg = client.dmesg(pb::DmesgRequest::default()).await.unwrap();
    let lines: Vec<common::Data> = lab::all(dmesg).await;
    let text: String = lines
        .iter()
        .map(|l| String::from_utf8_lossy(&l.bytes).into_owned())
        .collect();
    assert!(text.contains("reboot sequence: starting"), "{text}");
    pass(&sim);

    let request = |seconds: i64| pb::GenerateClientConfigurationRequest {
        roles: vec!["os:reader".into()],
        crt_ttl: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    let mut client = lab::machine(&sim, "cp-1");
    let zero = client.generate_client_configuration(request(0)).await;
    assert_eq!(lab::code(zero), Code::InvalidArgument);
    let answer = client.generate_client_configuration(request(3600)).await;
    let answer = answer.unwrap().into_inner().messages.remove(0);
    let text = String::from_utf8(answer.talosconfig).unwrap();
    assert!(text.contains("os:reader@home"), "{text}");
    let worker = lab::machine(&sim, "worker-1")
        .generate_client_configuration(request(3600))
        .await;
    assert_eq!(lab::code(worker), Code::Unimplemented);
}
