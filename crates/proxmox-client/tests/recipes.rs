//! Recipes: what they refuse, what they do in which order, what they take back.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use homelab_core::{ErrorKind, Sent};
use proxmox_client::TalosGuest;
use support::{Reply, Request, Server, decoded, error, ok};

const RESOURCES: &str = r#"[
 {"id":"node/pve1","type":"node","node":"pve1","status":"online"},
 {"id":"node/pve2","type":"node","node":"pve2","status":"offline"},
 {"id":"storage/pve1/local","type":"storage","node":"pve1","storage":"local","status":"available","content":"iso,import,vztmpl"},
 {"id":"storage/pve1/fast","type":"storage","node":"pve1","storage":"fast","status":"available","content":"images,rootdir"},
 {"id":"qemu/100","type":"qemu","vmid":100,"name":"router","node":"pve1","status":"running","tags":"net"},
 {"id":"qemu/101","type":"qemu","vmid":101,"name":"cp-1","node":"pve1","status":"running","tags":"talos"},
 {"id":"qemu/102","type":"qemu","vmid":102,"name":"cp-2","node":"pve1","status":"stopped","tags":"talos;talos-unfinished"},
 {"id":"qemu/103","type":"qemu","vmid":103,"name":"talos-unfinished.cp-3","node":"pve1","status":"stopped","tags":"talos"},
 {"id":"qemu/900","type":"qemu","vmid":900,"name":"talos-tpl","node":"pve1","status":"stopped","template":1}
]"#;

const VOLUMES: &str = r#"[
 {"volid":"local:iso/metal-amd64.iso","content":"iso"},
 {"volid":"local:import/nocloud-amd64.qcow2","content":"import"}
]"#;

/// A server that remembers one guest's configuration; `fails` is the path of
/// a call that it refuses.
async fn server(fails: &'static str) -> Server {
    let config: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    // Somebody else takes the first free id before it is used.
    let taken = AtomicBool::new(false);
    Server::start(move |request| answer(request, &config, &taken, fails)).await
}

fn answer(
    request: &Request,
    config: &Mutex<Vec<(String, String)>>,
    taken: &AtomicBool,
    fails: &str,
) -> Reply {
    let path = request.path().to_owned();
    let upid = |kind: &str| {
        ok(&format!(
            "\"UPID:pve1:00000001:00000002:66000000:{kind}:105:root@pam!test:\""
        ))
    };
    if !fails.is_empty() && format!("{} {path}", request.method).ends_with(fails) {
        return error("500 no space left on device");
    }
    match (request.method.as_str(), path.as_str()) {
        ("GET", "/cluster/resources") => ok(RESOURCES),
        ("GET", "/cluster/nextid") if taken.load(Relaxed) => ok("\"105\""),
        ("GET", "/cluster/nextid") => ok("\"104\""),
        ("GET", p) if p.ends_with("/content") => ok(VOLUMES),
        ("GET", p) if p.ends_with("/status") => ok(
            r#"{"status":"stopped","exitstatus":"OK","upid":"UPID:pve1:00000001:00000002:66000000:x:105:root@pam!test:","node":"pve1","type":"x","id":"105","user":"root@pam"}"#,
        ),
        ("GET", p) if p.ends_with("/log") => ok(r#"[{"n":1,"t":"TASK OK"}]"#),
        ("GET", p) if p.ends_with("/config") => {
            let config = config.lock().unwrap();
            let mut seen = serde_json::Map::new();
            for (key, value) in config.iter() {
                seen.insert(key.clone(), value.clone().into());
            }
            seen.insert("scsi0".into(), "fast:vm-105-disk-0,size=5G".into());
            seen.insert(
                "net0".into(),
                "virtio=BC:24:11:00:00:09,bridge=vmbr0".into(),
            );
            seen.insert(
                "smbios1".into(),
                "uuid=7D9E3A10-0000-4000-8000-000000000105".into(),
            );
            ok(&serde_json::Value::from(seen).to_string())
        }
        ("POST", "/nodes/pve1/qemu") => {
            let form = decoded(&request.body);
            if form.contains(&("vmid".into(), "104".into())) {
                taken.store(true, Relaxed);
                return error("500 unable to create VM 104 - VM 104 already exists on node 'pve1'");
            }
            *config.lock().unwrap() = form;
            upid("qmcreate")
        }
        ("POST", p) if p.ends_with("/clone") => {
            let form = decoded(&request.body);
            *config.lock().unwrap() = form.into_iter().filter(|(key, _)| key == "name").collect();
            upid("qmclone")
        }
        ("POST", p) if p.ends_with("/config") => {
            let mut config = config.lock().unwrap();
            for (key, value) in decoded(&request.body) {
                config.retain(|(known, _)| *known != key);
                config.push((key, value));
            }
            upid("qmconfig")
        }
        ("PUT" | "POST" | "DELETE", _) => upid("x"),
        _ => error("501 not here"),
    }
}

fn guest(name: &str) -> TalosGuest {
    TalosGuest::new("pve1", name, "fast")
}

/// Method and path of all that changes something.
fn orders(server: &Server) -> Vec<String> {
    server
        .requests()
        .iter()
        .filter(|r| r.method != "GET")
        .map(|r| format!("{} {}", r.method, r.path()))
        .collect()
}

#[tokio::test]
async fn a_guest_from_an_image_is_imported_enlarged_configured_and_started() {
    let server = server("").await;
    let steps = Mutex::new(Vec::new());
    let made = guest("cp-9")
        .config("machine: {secret: hunter2}", "local")
        .from_image(&server.client(), "local:import/nocloud-amd64.qcow2", |p| {
            let mut steps = steps.lock().unwrap();
            if steps.last() != Some(&p.step) {
                steps.push(p.step);
            }
        })
        .await
        .unwrap();
    // 104 was taken in between, so the next one it is.
    assert_eq!((made.vmid, made.created, made.started), (105, true, true));
    assert_eq!(made.macs, ["bc:24:11:00:00:09"]);
    assert_eq!(
        made.uuid.as_deref(),
        Some("7d9e3a10-0000-4000-8000-000000000105")
    );
    let disc = made.config_volume.unwrap();
    assert!(disc.starts_with("local:iso/talos-105-") && disc.ends_with("-cidata.iso"));
    assert_eq!(
        steps.into_inner().unwrap(),
        ["check", "create", "upload", "resize", "configure", "start"]
    );
    assert_eq!(
        orders(&server),
        [
            "POST /nodes/pve1/qemu",
            "POST /nodes/pve1/qemu",
            "POST /nodes/pve1/storage/local/upload",
            "PUT /nodes/pve1/qemu/105/resize",
            "POST /nodes/pve1/qemu/105/config",
            "POST /nodes/pve1/qemu/105/status/start",
        ]
    );
    let requests = server.requests();
    let created = requests
        .iter()
        .rfind(|r| r.method == "POST" && r.path() == "/nodes/pve1/qemu")
        .unwrap();
    let keys = decoded(&created.body);
    let key = |name: &str| keys.iter().find(|(k, _)| k == name).unwrap().1.clone();
    assert_eq!(key("tags"), "talos;talos-unfinished");
    assert!(key("scsi0").contains("import-from=local:import/nocloud-amd64.qcow2"));
    let last = requests
        .iter()
        .rfind(|r| r.method == "POST" && r.path().ends_with("/config"))
        .unwrap();
    assert!(decoded(&last.body).contains(&("tags".into(), "talos".into())));
}

#[tokio::test]
async fn the_same_wish_again_finds_what_it_made() {
    let server = server("").await;
    let client = server.client();
    for wish in [guest("cp-1"), guest("cp-1").vmid(101)] {
        let made = wish
            .from_iso(&client, "local:iso/metal-amd64.iso", |_| {})
            .await
            .unwrap();
        assert_eq!((made.vmid, made.created, made.started), (101, false, false));
    }
    assert!(orders(&server).is_empty());
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_made() {
    let server = server("").await;
    let client = server.client();
    let iso = "local:iso/metal-amd64.iso";
    for (wish, kind, words) in [
        (guest("cp-9").vmid(100), ErrorKind::AlreadyExists, "router"),
        (guest("cp-2"), ErrorKind::FailedPrecondition, "half-made"),
        (guest("cp-3"), ErrorKind::FailedPrecondition, "half-made"),
        (
            guest("cp-3").vmid(103),
            ErrorKind::FailedPrecondition,
            "talos-unfinished.cp-3",
        ),
        (guest("cp_9"), ErrorKind::InvalidArgument, "host name"),
        (
            guest("cp-9").memory_bytes(1),
            ErrorKind::InvalidArgument,
            "1 GiB",
        ),
        (
            guest("cp-9").disk_gib(1),
            ErrorKind::InvalidArgument,
            "10 GiB",
        ),
        (guest("cp-9").vlan(5000), ErrorKind::InvalidArgument, "4094"),
        (
            guest("cp-9").mac("01:00:5E:00:00:01"),
            ErrorKind::InvalidArgument,
            "unicast",
        ),
        (
            guest("cp-9").tags(["A b"]),
            ErrorKind::InvalidArgument,
            "tags",
        ),
        (
            TalosGuest::new("pve3", "cp-9", "fast"),
            ErrorKind::NotFound,
            "no node pve3",
        ),
        (
            TalosGuest::new("pve2", "cp-9", "fast"),
            ErrorKind::Unavailable,
            "offline",
        ),
        (
            TalosGuest::new("pve1", "cp-9", "local"),
            ErrorKind::FailedPrecondition,
            "images",
        ),
        (
            guest("cp-9").config("machine: {}", "fast"),
            ErrorKind::FailedPrecondition,
            "iso",
        ),
        (
            guest("cp-9").network_config("version: 1"),
            ErrorKind::InvalidArgument,
            "network_config",
        ),
    ] {
        let error = wish.from_iso(&client, iso, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(words), "{error}");
        assert_eq!(error.was_sent(), Sent::No, "{error}");
    }
    let missing = guest("cp-9")
        .from_iso(&client, "local:iso/metal-arm64.iso", |_| {})
        .await
        .unwrap_err();
    assert!(missing.message().contains("did you mean"), "{missing}");
    let iso_as_disk = guest("cp-9").from_image(&client, iso, |_| {}).await;
    let error = iso_as_disk.unwrap_err();
    assert!(error.message().contains("content iso"), "{error}");
    let error = guest("cp-9")
        .from_template(&client, 100, |_| {})
        .await
        .unwrap_err();
    assert!(error.message().contains("no template"), "{error}");
    assert!(orders(&server).is_empty());
}

#[tokio::test]
async fn what_was_made_is_removed_when_a_step_fails() {
    let server = server("PUT /nodes/pve1/qemu/105/resize").await;
    let error = guest("cp-9")
        .vmid(105)
        .config("machine: {}", "local")
        .from_image(&server.client(), "local:import/nocloud-amd64.qcow2", |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.message().ends_with("removed again"), "{error}");
    let orders = orders(&server);
    let removed: Vec<_> = orders.iter().filter(|o| o.starts_with("DELETE")).collect();
    assert_eq!(removed.len(), 2, "{orders:?}");
    assert_eq!(removed[0], "DELETE /nodes/pve1/qemu/105");
    assert!(removed[1].contains("/storage/local/content/local%3Aiso%2Ftalos-105-"));
}

#[tokio::test]
async fn a_clone_keeps_its_templates_hardware() {
    let server = server("").await;
    let made = guest("worker-1")
        .vmid(105)
        .cores(8)
        .linked_clone(true)
        .start(false)
        .from_template(&server.client(), 900, |_| {})
        .await
        .unwrap();
    assert_eq!((made.created, made.started), (true, false));
    assert_eq!(
        orders(&server),
        [
            "POST /nodes/pve1/qemu/900/clone",
            "POST /nodes/pve1/qemu/105/config",
            "PUT /nodes/pve1/qemu/105/resize",
            "POST /nodes/pve1/qemu/105/config",
        ]
    );
    let requests = server.requests();
    let clone = requests
        .iter()
        .find(|r| r.path().ends_with("/clone"))
        .unwrap();
    let form = decoded(&clone.body);
    assert!(form.contains(&("full".into(), "0".into())));
    assert!(!form.iter().any(|(key, _)| key == "storage"));
    // Until it has its tags, its name says that it is not whole.
    let name = ("name".to_owned(), "talos-unfinished.worker-1".to_owned());
    assert!(form.contains(&name));
    assert_eq!(made.name, "worker-1");
}

#[tokio::test]
async fn a_clone_that_cannot_be_configured_is_removed() {
    let server = server("POST /nodes/pve1/qemu/105/config").await;
    let error = guest("worker-1")
        .vmid(105)
        .from_template(&server.client(), 900, |_| {})
        .await
        .unwrap_err();
    assert!(error.message().ends_with("removed again"), "{error}");
    let orders = orders(&server);
    assert_eq!(orders.last().unwrap(), "DELETE /nodes/pve1/qemu/105");
}

#[tokio::test]
async fn a_template_that_another_clone_has_locked_is_waited_for() {
    let config = Arc::default();
    let locked = AtomicBool::new(true);
    let server = Server::start(move |request| {
        let path = request.path();
        if path.contains("qmclone") && path.ends_with("/status") && locked.swap(false, Relaxed) {
            return ok(
                r#"{"status":"stopped","exitstatus":"can't lock file '/var/lock/qemu-server/lock-900.conf' - got timeout","upid":"UPID:pve1:00000001:00000002:66000000:qmclone:105:root@pam!test:"}"#,
            );
        }
        answer(request, &config, &AtomicBool::new(true), "")
    })
    .await;
    let made = guest("worker-1")
        .from_template(&server.client(), 900, |_| {})
        .await
        .unwrap();
    assert!(made.created);
    let orders = orders(&server);
    let clones = orders.iter().filter(|order| order.ends_with("/clone"));
    assert_eq!(clones.count(), 2, "{orders:?}");
}

#[tokio::test]
async fn nothing_secret_prints() {
    let wish = guest("cp-1").config("hunter2", "local");
    assert!(!format!("{wish:?}").contains("hunter2"));
}
