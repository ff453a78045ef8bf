//! What the guest agent of a VM answers.

use serde_json::{Value, json};

use super::Lab;

const AGENT: &str = "/nodes/pve1/qemu/100/agent";

impl Lab {
    async fn agent(&self, method: &str, command: &str, form: &str) -> super::Reply {
        self.call("pve1", method, &format!("{AGENT}/{command}"), form)
            .await
    }

    /// A lab in which guest 100 is an ordinary Linux with an agent.
    fn with_agent() -> Lab {
        let lab = Lab::start();
        lab.world()
            .change(|state| state.guest_mut(100).unwrap().node = None);
        lab
    }

    async fn run(&self, form: &str) -> Value {
        let pid = self.agent("POST", "exec", form).await.data()["pid"].clone();
        for _ in 0..500 {
            let status = self
                .agent("GET", &format!("exec-status?pid={pid}"), "")
                .await
                .data();
            if status["exited"] == 1 {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("it does not end");
    }
}

#[tokio::test]
async fn programs_run_and_their_end_is_told_once() {
    let lab = Lab::with_agent();
    let status = lab
        .run("command=/bin/echo&command=hello&command=w%C3%B6rld")
        .await;
    assert_eq!(
        status,
        json!({ "exited": 1, "exitcode": 0, "out-data": "hello wÃ¶rld\n", "out-truncated": 0 })
    );
    let pid = lab.agent("POST", "exec", "command=/bin/true").await.data()["pid"].clone();
    let path = format!("exec-status?pid={pid}");
    while lab.agent("GET", &path, "").await.data()["exited"] == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let again = lab.agent("GET", &path, "").await;
    assert_eq!(again.line(), "500 Agent error: PID ld does not exist");
    let status = lab
        .run("command=/bin/sh&command=-c&command=kill+-9+%24%24")
        .await;
    assert_eq!(status, json!({ "exited": 1, "signal": 9 }));
    let status = lab.run("command=/bin/cat&input-data=line").await;
    assert_eq!(status["out-data"], "line");
    // A program with arguments in one text is one that is not there.
    let reply = lab.agent("POST", "exec", "command=/bin/echo+hello").await;
    assert_eq!(
        (reply.line().as_str(), reply.body.as_str()),
        ("596 Broken pipe", "")
    );
    assert_eq!(lab.agent("POST", "exec", "").await.status, 400);
}

#[tokio::test]
async fn files_are_written_and_read_as_bytes() {
    let lab = Lab::with_agent();
    let write = "file=/tmp/t1&content=hell%C3%B6";
    assert_eq!(
        lab.agent("POST", "file-write", write).await.data(),
        Value::Null
    );
    let read = lab.agent("GET", "file-read?file=/tmp/t1", "").await.data();
    assert_eq!(read, json!({ "content": "hellö", "bytes-read": 5 }));
    let read = lab
        .agent(
            "GET",
            "file-read?file=/tmp/t1&count=2&offset=1&decode=0",
            "",
        )
        .await;
    assert_eq!(
        read.data(),
        json!({ "content": "ZWw=", "bytes-read": 2, "truncated": 1 })
    );
    let raw = "file=/tmp/t2&content=aGVsbG8%3D&encode=0";
    lab.agent("POST", "file-write", raw).await.data();
    let read = lab.agent("GET", "file-read?file=/tmp/t2", "").await.data();
    assert_eq!(read["content"], "hello");
    let missing = lab.agent("GET", "file-read?file=/no/such", "").await;
    assert_eq!(
        missing.line(),
        "500 Agent error: failed to open file '/no/such' (mode: 'r'): No such file or directory"
    );
    let long = format!("file=/tmp/t3&content={}", "x".repeat(61_441));
    assert_eq!(
        lab.agent("POST", "file-write", &long).await.json()["errors"]["content"],
        "value may only be 61440 characters long"
    );
}

#[tokio::test]
async fn a_frozen_agent_puts_errors_into_successes() {
    let lab = Lab::with_agent();
    assert_eq!(
        lab.agent("POST", "ping", "").await.data(),
        json!({ "result": {} })
    );
    let os = lab.agent("GET", "get-osinfo", "").await.data();
    assert_eq!(os["result"]["id"], "debian");
    assert_eq!(
        lab.agent("POST", "fsfreeze-freeze", "").await.data(),
        json!({ "result": 1 })
    );
    let refused = lab.agent("GET", "network-get-interfaces", "").await.data();
    assert_eq!(refused["result"]["error"]["class"], "CommandNotFound");
    let read = lab.agent("GET", "file-read?file=/etc/hostname", "").await;
    assert_eq!(
        read.line(),
        "500 Agent error: Command guest-file-open has been disabled: the command is not allowed"
    );
    assert_eq!(
        lab.agent("POST", "fsfreeze-thaw", "").await.data(),
        json!({ "result": 1 })
    );
    let names = lab.agent("GET", "network-get-interfaces", "").await.data();
    assert_eq!(names["result"][0]["name"], "lo");
    lab.agent("POST", "shutdown", "").await.data();
    assert_eq!(
        lab.agent("POST", "ping", "").await.line(),
        "500 VM 100 is not running"
    );
}

#[tokio::test]
async fn without_an_agent_each_reason_has_its_words() {
    let lab = Lab::start();
    let ping = |vmid: u32, node: &str| format!("/nodes/{node}/qemu/{vmid}/agent/ping");
    let reply = lab.post(&ping(101, "pve2"), "").await;
    assert_eq!(reply.line(), "500 No QEMU guest agent configured");
    lab.world().change(|state| {
        state
            .guest_mut(101)
            .unwrap()
            .extra
            .insert("agent".into(), "0".into());
    });
    let reply = lab.post(&ping(101, "pve2"), "").await;
    assert_eq!(reply.line(), "500 QEMU guest agent is not running");
    let reply = lab.post(&ping(102, "pve1"), "").await;
    assert_eq!(reply.line(), "500 VM 102 is not running");
}
