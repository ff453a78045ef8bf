//! Tickets, tokens, privileges.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Lab;

async fn login(lab: &Lab, user: &str, password: &str) -> super::Reply {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = format!("username={}&password={}", encode(user), encode(password));
    lab.call_with("pve1", "POST", "/access/ticket", "", &form)
        .await
}

#[tokio::test]
async fn refusals_have_no_body_but_at_the_login() {
    let lab = Lab::start();
    let get = async |headers: &str| lab.call_with("pve1", "GET", "/version", headers, "").await;
    for (headers, line) in [
        ("", "401 No ticket"),
        ("Authorization: Bearer abc\r\n", "401 No ticket"),
        (
            "Authorization: PVEAPIToken=root@pam!sim=wrong\r\n",
            "401 Authentication failed!",
        ),
        (
            "Cookie: PVEAuthCookie=garbage\r\n",
            "401 Authentication failed!",
        ),
    ] {
        let reply = get(headers).await;
        assert_eq!((reply.line().as_str(), reply.body.as_str()), (line, ""));
    }
    let expired = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!expired")
        .unwrap();
    let reply = get(&format!("Authorization: PVEAPIToken={expired}\r\n")).await;
    assert_eq!(reply.line(), "401 Authentication failed!");

    let reply = login(&lab, "root@pam", "wrong").await;
    assert_eq!(reply.line(), "401 authentication failure");
    assert_eq!(reply.json()["message"], "authentication failure\n");
}

#[tokio::test]
async fn a_ticket_reads_and_with_its_csrf_token_writes() {
    let lab = Lab::start();
    let password = lab.cluster.accounts().password("root@pam").unwrap();
    let login_data = login(&lab, "root@pam", &password).await.data();
    let ticket = login_data["ticket"].as_str().unwrap().to_owned();
    assert_eq!(login_data["clustername"], "lab");
    assert_eq!(login_data["cap"]["vms"]["VM.PowerMgmt"], 1);
    let cookie = format!("Cookie: PVEAuthCookie={ticket}\r\n");
    assert_eq!(
        lab.call_with("pve2", "GET", "/version", &cookie, "")
            .await
            .status,
        200
    );

    let path = "/nodes/pve1/qemu/100/status/stop";
    let reply = lab.call_with("pve1", "POST", path, &cookie, "").await;
    assert_eq!(reply.line(), "401 Permission denied - invalid csrf token");
    let csrf = login_data["CSRFPreventionToken"].as_str().unwrap();
    let both = format!("{cookie}CSRFPreventionToken: {csrf}\r\n");
    assert_eq!(
        lab.call_with("pve1", "POST", path, &both, "").await.status,
        200
    );

    let renewed = login(&lab, "root@pam", &ticket).await.data();
    assert!(
        renewed["ticket"]
            .as_str()
            .unwrap()
            .starts_with("PVE:root@pam:")
    );
    assert_eq!(
        login(&lab, "monitor@pve", &ticket).await.data()["username"],
        "monitor@pve"
    );
}

#[tokio::test]
async fn a_token_is_no_ticket() {
    let lab = Lab::start();
    let reply = lab
        .call("pve1", "POST", "/access/ticket", "username=a&password=b")
        .await;
    assert_eq!(
        reply.line(),
        "403 URI '/access/ticket' not available with API token, need proper ticket."
    );
}

#[tokio::test]
async fn who_may_nothing_sees_filtered_lists_and_403() {
    let lab = Lab::start();
    let token = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!nothing")
        .unwrap();
    let auth = format!("Authorization: PVEAPIToken={token}\r\n");
    let get = async |path: &str| lab.call_with("pve1", "GET", path, &auth, "").await;
    assert_eq!(get("/nodes/pve1/qemu").await.data(), serde_json::json!([]));
    let nodes = get("/nodes").await.data();
    assert!(nodes[0]["maxmem"].is_null());
    assert_eq!(nodes[0]["status"], "online");
    let kinds = get("/cluster/resources").await.data();
    assert!(
        kinds
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["type"] == "node")
    );
    for (path, what) in [
        ("/nodes/pve1/qemu/100/config", "/vms/100, VM.Audit"),
        // Not told whether it exists.
        ("/nodes/pve1/qemu/999/config", "/vms/999, VM.Audit"),
        ("/nodes/pve1/status", "/nodes/pve1, Sys.Audit"),
        ("/cluster/ceph/status", "/, Sys.Audit|Datastore.Audit"),
    ] {
        assert_eq!(
            get(path).await.line(),
            format!("403 Permission check failed ({what})")
        );
    }
}

#[tokio::test]
async fn an_auditor_reads_all_and_changes_nothing() {
    let lab = Lab::start();
    let token = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!audit")
        .unwrap();
    let auth = format!("Authorization: PVEAPIToken={token}\r\n");
    let get = async |path: &str| lab.call_with("pve1", "GET", path, &auth, "").await;
    assert_eq!(
        get("/nodes/pve1/qemu/100/config").await.data()["name"],
        "talos-1"
    );
    assert_eq!(get("/cluster/ceph/status").await.status, 200);
    let path = "/nodes/pve1/qemu/100/status/stop";
    let reply = lab.call_with("pve1", "POST", path, &auth, "").await;
    assert_eq!(
        reply.line(),
        "403 Permission check failed (/vms/100, VM.PowerMgmt)"
    );
    let all = get("/access/permissions").await.data();
    assert_eq!(all["/"]["VM.Audit"], 1);
}
