//! The control endpoint, as any HTTP client uses it.

use homelab_sim::{Sim, SimOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rest::{call, paused, start};

async fn control(sim: &Sim, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let address = sim.control().unwrap().url.replace("http://", "");
    let mut tcp = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head[9..12].parse().unwrap(),
        serde_json::from_str(body).unwrap(),
    )
}

/// What the control endpoint of a lab answers to a question.
pub(crate) async fn get(sim: &Sim, path: &str) -> Value {
    let token = sim.control().unwrap().token.clone();
    control(sim, &token, "GET", path, "").await.1
}

#[tokio::test]
async fn machines_nodes_and_images_are_there_as_well() {
    let sim = start(SimOptions::default().clock(paused()).control(0)).await;
    let token = sim.control().unwrap().token.clone();
    let post = async |path: &str, body: Value| {
        control(&sim, &token, "POST", path, &body.to_string()).await
    };
    let machine = json!({"name": "new-1", "talos_version": "v1.13.0", "host": "pve1"});
    assert_eq!(post("/v1/machines", machine.clone()).await.0, 200);
    assert!(sim.talos_endpoint("new-1").is_ok());
    assert_eq!(
        post("/v1/machines", machine).await.1["code"],
        "AlreadyExists"
    );
    let on = post("/v1/nodes/new-1/on", json!({})).await;
    assert_eq!(on.0, 409, "it runs already");
    let image = "ghcr.io/siderolabs/installer:v9.9.9";
    let broken = json!({"image": image, "defect": "boot"});
    assert_eq!(post("/v1/images", broken).await.0, 200);
    sim.world()
        .read(|state| assert!(state.image_defect(image).is_some()));
    let ugly = json!({"image": image, "defect": "ugly"});
    assert_eq!(post("/v1/images", ugly).await.0, 400);
    assert_eq!(post("/v1/images", json!({"image": image})).await.0, 200);
    sim.world()
        .read(|state| assert!(state.image_defect(image).is_none()));
}

#[tokio::test]
async fn everything_can_be_asked_for_by_http() {
    let sim = start(SimOptions::default().clock(paused()).control(0)).await;
    let token = sim.control().unwrap().token.clone();
    let ask = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        control(&sim, &token, method, path, &body).await
    };
    let (status, env) = ask("GET", "/v1/env", Value::Null).await;
    assert_eq!(
        (status, &env["HOMELAB_PROXMOX_TOKEN"]),
        (200, &json!(sim.env()["HOMELAB_PROXMOX_TOKEN"]))
    );
    let (_, before) = ask("GET", "/v1/clock", Value::Null).await;
    let (_, after) = ask("POST", "/v1/clock/advance", json!({"seconds": 90})).await;
    let elapsed = |clock: &Value| clock["elapsed_seconds"].as_f64().unwrap();
    assert!((elapsed(&after) - elapsed(&before) - 90.0).abs() < 1e-6);
    let (_, faults) = ask(
        "POST",
        "/v1/faults",
        json!({"target": "pve1", "fault": "html"}),
    )
    .await;
    assert_eq!(faults, json!([{"target": "pve1", "fault": "html"}]));
    assert_eq!(
        call(&sim, "pve1", "GET", "/version").await.unwrap().status,
        502
    );
    let (_, faults) = ask("DELETE", "/v1/faults", Value::Null).await;
    assert_eq!(faults, json!([]));
    ask("POST", "/v1/hosts/pve2/down", json!({"how": "blackhole"})).await;
    let (_, event) = ask("POST", "/v1/events/wait", json!({"what": "host.down"})).await;
    assert_eq!(event["who"], "pve2");
    ask("POST", "/v1/hosts/pve2/up", Value::Null).await;
    ask("POST", "/v1/guests/103/stop", Value::Null).await;
    let after = format!("/v1/events?after={}", event["number"]);
    let (_, events) = ask("GET", &after, Value::Null).await;
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .any(|e| e["what"] == "guest.power")
    );
    let (_, clock) = ask("POST", "/v1/clock", json!({"pace": 60})).await;
    assert_eq!(clock["pace"], 60.0);
    let folder = tempfile::tempdir().unwrap();
    ask("POST", "/v1/save", json!({"folder": folder.path()})).await;
    assert!(Sim::saved_in(folder.path()));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_a_code() {
    let sim = start(SimOptions::default().clock(paused()).control(0)).await;
    let token = sim.control().unwrap().token.clone();
    sim.guest_stop(103).unwrap();
    for (method, path, body, status, code) in [
        ("GET", "/v1/nothing", Value::Null, 404, "NotFound"),
        (
            "POST",
            "/v1/faults",
            json!({"target": "pve9", "fault": "stall"}),
            404,
            "NotFound",
        ),
        (
            "POST",
            "/v1/faults",
            json!({"target": "pve1", "fault": "stal"}),
            400,
            "InvalidArgument",
        ),
        (
            "POST",
            "/v1/faults",
            json!({"where": "pve1"}),
            400,
            "InvalidArgument",
        ),
        (
            "POST",
            "/v1/clock/advance",
            json!({"seconds": -1}),
            400,
            "InvalidArgument",
        ),
        (
            "POST",
            "/v1/guests/103/stop",
            Value::Null,
            409,
            "FailedPrecondition",
        ),
        (
            "POST",
            "/v1/events/wait",
            json!({"what": "never", "seconds": 0.01}),
            504,
            "Timeout",
        ),
    ] {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (got, error) = control(&sim, &token, method, path, &body).await;
        assert_eq!(
            (got, error["code"].as_str().unwrap()),
            (status, code),
            "{path}"
        );
    }
    let (status, error) = control(&sim, "wrong", "GET", "/v1/env", "").await;
    assert_eq!(
        (status, error["code"].as_str().unwrap()),
        (401, "Unauthenticated")
    );
}
