//! Users, tokens, grants, and logins with a second factor.

use serde_json::{Value, json};

use super::{Lab, Reply};

impl Lab {
    /// A call with another token or ticket than root's token.
    async fn as_token(&self, token: &str, method: &str, path: &str, form: &str) -> Reply {
        let headers = format!("Authorization: PVEAPIToken={token}\r\n");
        self.call_with("pve1", method, path, &headers, form).await
    }

    async fn as_root(&self, method: &str, path: &str, form: &str) -> Reply {
        let login = self
            .login("username=root%40pam&password=homelab-sim")
            .await
            .data();
        let text = |key: &str| login[key].as_str().unwrap().to_owned();
        let headers = format!(
            "Cookie: PVEAuthCookie={}\r\nCSRFPreventionToken: {}\r\n",
            text("ticket"),
            text("CSRFPreventionToken")
        );
        self.call_with("pve1", method, path, &headers, form).await
    }

    async fn login(&self, form: &str) -> Reply {
        self.call_with("pve1", "POST", "/access/ticket", "", form)
            .await
    }
}

fn escape(text: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn users_come_and_go_with_what_is_theirs() {
    let lab = Lab::start();
    let call =
        async |method: &str, path: &str, form: &str| lab.call("pve1", method, path, form).await;
    let form = "userid=test%40pve&password=testpassword1&email=a%40b.example";
    assert!(call("POST", "/access/users", form).await.data().is_null());
    let again = call("POST", "/access/users", form).await;
    assert_eq!(
        again.line(),
        "500 create user failed: user 'test@pve' already exists"
    );
    let reply = call("POST", "/access/users", "userid=plain").await;
    assert_eq!(
        reply.line(),
        "500 value 'plain' does not look like a valid user name"
    );
    let reply = call("POST", "/access/users", "userid=x%40pve&email=notmail").await;
    assert_eq!(
        reply.json()["errors"]["email"],
        "invalid format - value does not look like a valid email address\n"
    );
    let user = call("GET", "/access/users/test@pve", "").await.data();
    assert_eq!(
        user,
        json!({ "enable": 1, "expire": 0, "email": "a@b.example", "groups": [], "tokens": null })
    );
    let login = "username=test%40pve&password=testpassword1";
    assert_eq!(lab.login(login).await.data()["username"], "test@pve");
    call("PUT", "/access/users/test@pve", "enable=0")
        .await
        .data();
    assert_eq!(lab.login(login).await.line(), "401 authentication failure");
    call("PUT", "/access/users/test@pve", "enable=1&expire=1000")
        .await
        .data();
    assert_eq!(lab.login(login).await.status, 401, "its time is over");
    call("DELETE", "/access/users/test@pve", "").await.data();
    let gone = call("DELETE", "/access/users/test@pve", "").await;
    assert_eq!(gone.line(), "500 no such user ('test@pve')");
}

#[tokio::test]
async fn a_tokens_secret_is_told_once_and_its_rights_are_granted() {
    let lab = Lab::start();
    let call =
        async |method: &str, path: &str, form: &str| lab.call("pve1", method, path, form).await;
    let form = "userid=test%40pve&password=testpassword1";
    call("POST", "/access/users", form).await.data();
    let path = "/access/users/test@pve/token/sep";
    let made = call("POST", path, "privsep=1&comment=c").await.data();
    assert_eq!(made["full-tokenid"], "test@pve!sep");
    assert_eq!(made["info"], json!({ "privsep": "1", "comment": "c" }));
    let token = format!("test@pve!sep={}", made["value"].as_str().unwrap());
    let again = call("POST", path, "").await;
    assert_eq!(again.json()["errors"]["tokenid"], "Token already exists.");
    assert_eq!(
        call("GET", path, "").await.data(),
        json!({ "privsep": 1, "expire": 0, "comment": "c" })
    );
    let missing = call("GET", "/access/users/test@pve/token/none", "").await;
    assert_eq!(
        missing.line(),
        "500 no such token 'none' for user 'test@pve'"
    );

    let status = "/nodes/pve1/qemu/100/status/current";
    let refused = lab.as_token(&token, "GET", status, "").await;
    assert_eq!(
        refused.line(),
        "403 Permission check failed (/vms/100, VM.Audit)"
    );
    let grant = "path=%2Fvms%2F100&roles=PVEVMUser";
    // The user alone is not enough for a separated token.
    call("PUT", "/access/acl", &format!("{grant}&users=test%40pve"))
        .await
        .data();
    assert_eq!(lab.as_token(&token, "GET", status, "").await.status, 403);
    call(
        "PUT",
        "/access/acl",
        &format!("{grant}&tokens=test%40pve%21sep"),
    )
    .await
    .data();
    assert_eq!(lab.as_token(&token, "GET", status, "").await.status, 200);
    let stop = "/nodes/pve1/qemu/100/snapshot";
    let refused = lab.as_token(&token, "POST", stop, "snapname=s1").await;
    assert_eq!(
        refused.line(),
        "403 Permission check failed (/vms/100, VM.Snapshot)"
    );
    let rows = call("GET", "/access/acl", "").await.data();
    let mine = |row: &&Value| row["ugid"] == "test@pve!sep";
    let rows: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(mine)
        .cloned()
        .collect();
    assert_eq!(
        rows,
        [json!({
            "path": "/vms/100", "ugid": "test@pve!sep", "roleid": "PVEVMUser", "type": "token",
            "propagate": 1,
        })]
    );
    call(
        "PUT",
        "/access/acl",
        &format!("{grant}&tokens=test%40pve%21sep&delete=1"),
    )
    .await
    .data();
    assert_eq!(lab.as_token(&token, "GET", status, "").await.status, 403);
    call("DELETE", path, "").await.data();
    let dead = lab.as_token(&token, "GET", "/version", "").await;
    assert_eq!(dead.line(), "401 Authentication failed!");
}

#[tokio::test]
async fn grants_name_what_exists() {
    let lab = Lab::start();
    let put = async |form: &str| lab.call("pve1", "PUT", "/access/acl", form).await;
    let reply = put("path=nope%2Fx&users=monitor%40pve&roles=PVEVMUser").await;
    assert_eq!(reply.json()["errors"]["path"], "invalid ACL path 'nope/x'");
    let reply = put("path=%2Fvms%2F100&users=ghost%40pve&roles=PVEVMUser").await;
    assert_eq!(
        reply.line(),
        "500 ACL update failed: user 'ghost@pve' does not exist"
    );
    let post = async |form: &str| lab.call("pve1", "POST", "/access/roles", form).await;
    post("roleid=Starter&privs=VM.Audit%2CVM.PowerMgmt")
        .await
        .data();
    put("path=%2Fvms%2F102&users=monitor%40pve&roles=Starter")
        .await
        .data();
    let role = lab.get("/access/roles/Starter").await.data();
    assert_eq!(role, json!({ "VM.Audit": 1, "VM.PowerMgmt": 1 }));
    assert!(
        lab.cluster
            .accounts()
            .may("monitor@pve", "/vms/102", "VM.PowerMgmt")
    );
    assert!(
        !lab.cluster
            .accounts()
            .may("monitor@pve", "/vms/100", "VM.PowerMgmt")
    );
    let auditor = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!audit")
        .unwrap();
    let form = "path=%2Fvms%2F100&users=monitor%40pve&roles=Administrator";
    let reply = lab.as_token(&auditor, "PUT", "/access/acl", form).await;
    assert_eq!(
        reply.line(),
        "403 Permission check failed (/vms/100, Permissions.Modify)"
    );
}

#[tokio::test]
async fn passwords_are_changed_with_a_ticket_only() {
    let lab = Lab::start();
    let form = "userid=monitor%40pve&password=brandnew123";
    let reply = lab.call("pve1", "PUT", "/access/password", form).await;
    assert_eq!(
        reply.line(),
        "403 URI '/access/password' not available with API token, need proper ticket."
    );
    let reply = lab
        .as_root(
            "PUT",
            "/access/password",
            "userid=monitor%40pve&password=short",
        )
        .await;
    assert_eq!(
        reply.json()["errors"]["password"],
        "value must be at least 8 characters long"
    );
    lab.as_root("PUT", "/access/password", form).await.data();
    let login = |password: &str| format!("username=monitor%40pve&password={password}");
    assert_eq!(lab.login(&login("homelab-sim")).await.status, 401);
    assert_eq!(lab.login(&login("brandnew123")).await.status, 200);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once() {
    let lab = Lab::start();
    let password = "username=totp%40pve&password=homelab-sim";
    let first = lab.login(password).await.data();
    assert_eq!(first["NeedTFA"], 1);
    assert!(first["cap"].is_null());
    let half = first["ticket"].as_str().unwrap().to_owned();
    assert!(half.starts_with("PVE:!tfa!{\"totp\"%3Atrue}:"));
    let cookie = format!("Cookie: PVEAuthCookie={}\r\n", escape(&half));
    let reply = lab.call_with("pve1", "GET", "/version", &cookie, "").await;
    assert_eq!(reply.status, 401, "half a ticket is none");
    let second = |code: &str| {
        format!(
            "username=totp%40pve&password={}&tfa-challenge={}",
            escape(code),
            escape(&half)
        )
    };
    let wrong = lab.login(&second("totp:000000")).await;
    assert_eq!(wrong.line(), "401 authentication failure");
    let whole = lab.login(&second("totp:123456")).await.data();
    assert!(whole["NeedTFA"].is_null() && whole["cap"].is_object());
    let ticket = whole["ticket"].as_str().unwrap();
    let renewed = format!("username=totp%40pve&password={}", escape(ticket));
    assert!(lab.login(&renewed).await.data()["NeedTFA"].is_null());
    let at_once = format!("{password}&otp=totp%3A123456");
    assert!(lab.login(&at_once).await.data()["NeedTFA"].is_null());
    let stolen = format!(
        "username=monitor%40pve&password=x&tfa-challenge={}",
        escape(&half)
    );
    assert_eq!(lab.login(&stolen).await.status, 401);
}
