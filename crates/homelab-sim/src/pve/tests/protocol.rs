//! What PVE's HTTP server does around the API.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Accounts, Lab, quick, read, seed};
use crate::pve::PveOptions;

#[tokio::test]
async fn an_error_is_in_the_reason_phrase_and_in_the_body() {
    let lab = Lab::start();
    let reply = lab.get("/nodes/pve1/qemu/999/config").await;
    let text = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist";
    assert_eq!(reply.line(), format!("500 {text}"));
    assert_eq!(reply.json()["message"], format!("{text}\n"));
    assert!(reply.json()["data"].is_null());
    assert_eq!(
        reply.header("content-type"),
        Some("application/json;charset=UTF-8")
    );
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.header("server"), Some("pve-api-daemon/3.0"));
}

#[tokio::test]
async fn requests_that_the_server_does_not_like() {
    let lab = Lab::start();
    let auth = format!("Authorization: PVEAPIToken={}\r\n", lab.token);
    let raw = async |request: &str| {
        let request = request
            .replace("AUTH", &auth)
            .replace('\n', "\r\n")
            .replace("\r\r", "\r");
        lab.raw("pve1", &request).await.unwrap()
    };
    for (request, line, body) in [
        (
            "PATCH /api2/json/version HTTP/1.1\nHost: x\nAUTH\n",
            "501 method 'PATCH' not available",
            "",
        ),
        (
            "get /api2/json/version HTTP/1.1\nHost: x\nAUTH\n",
            "501 method 'get' not available",
            "",
        ),
        (
            "GET /api2/version HTTP/1.1\nHost: x\nAUTH\n",
            "501 no formatter for uri /, version",
            "no formatter for uri /, version",
        ),
        (
            "GET /nothing HTTP/1.1\nHost: x\nAUTH\n",
            "500 no such file '/nothing'",
            "no such file '/nothing'\n",
        ),
        (
            "GET /api2/json/nodes HTTP/1.1\nHost: x\nAUTHContent-Length: 2\n\n{}",
            "501 Unexpected content for method 'GET'",
            "Unexpected content for method 'GET'",
        ),
        (
            "POST /api2/json/access/ticket HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n",
            "501 chunked transfer encoding not supported",
            "chunked transfer encoding not supported",
        ),
        (
            "POST /api2/json/access/ticket HTTP/1.1\nHost: x\nContent-Type: text/plain\nContent-Length: 1\n\nx",
            "506 upload 'Content-Type 'text/plain' not implemented",
            "upload 'Content-Type 'text/plain' not implemented",
        ),
        (
            "GET /api2/json/nope HTTP/1.1\nHost: x\nAUTH\n",
            "501 Method 'GET /nope' not implemented",
            r#"{"data":null,"message":"Method 'GET /nope' not implemented"}"#,
        ),
    ] {
        let reply = raw(request).await;
        assert_eq!(
            (reply.line().as_str(), reply.body.as_str()),
            (line, body),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let lab = Lab::start();
    let form = format!("username=x&password={}", "y".repeat(600 * 1024));
    let reply = lab.call("pve1", "POST", "/access/ticket", &form).await;
    assert_eq!(reply.line(), "501 for data too large");
}

#[tokio::test]
async fn extjs_is_always_200() {
    let lab = Lab::start();
    let get = async |path: &str| {
        let auth = format!("Authorization: PVEAPIToken={}", lab.token);
        let request = format!("GET /api2/extjs{path} HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n");
        let reply = lab.raw("pve1", &request).await.unwrap();
        assert_eq!(reply.status, 200);
        reply.json()
    };
    assert_eq!(get("/version").await["success"], 1);
    let error = get("/nodes/pve1/qemu/999/config").await;
    assert_eq!(
        (&error["success"], &error["status"]),
        (&0.into(), &500.into())
    );
    assert_eq!(get("/nodes/pve1/qemu/abc/config").await["status"], "400");
}

#[tokio::test]
async fn a_connection_serves_a_hundred_requests_and_ends_after_an_error() {
    let lab = Lab::start();
    let request = |path: &str| {
        format!(
            "GET /api2/json{path} HTTP/1.1\r\nHost: x\r\nAuthorization: PVEAPIToken={}\r\n\r\n",
            lab.token
        )
    };
    let mut stream = lab.connect("pve1").await.unwrap();
    for n in 1..=100 {
        stream
            .write_all(request("/version").as_bytes())
            .await
            .unwrap();
        let reply = read(&mut stream).await.unwrap();
        let want = if n == 100 { "close" } else { "Keep-Alive" };
        assert_eq!(reply.header("connection"), Some(want), "request {n}");
    }
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);

    let mut stream = lab.connect("pve1").await.unwrap();
    stream.write_all(request("/nope").as_bytes()).await.unwrap();
    assert_eq!(read(&mut stream).await.unwrap().status, 501);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let options = PveOptions {
        idle_timeout: Duration::from_millis(500),
        ..quick()
    };
    let lab = Lab::with(&seed(), Accounts::standard(1), options);
    for ask in [false, true] {
        let mut stream = lab.connect("pve1").await.unwrap();
        if ask {
            let request = "GET /api2/json/access/domains HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(read(&mut stream).await.unwrap().status, 200);
        }
        let mut rest = Vec::new();
        let closed = stream.read_to_end(&mut rest);
        let closed = tokio::time::timeout(Duration::from_secs(3), closed).await;
        assert!(closed.is_ok(), "still open");
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn parameters_are_verified_all_at_once() {
    let lab = Lab::start();
    let reply = lab.get("/nodes/pve1/tasks?limit=-1&source=x&bogus=1").await;
    assert_eq!(reply.line(), "400 Parameter verification failed.");
    let errors = reply.json()["errors"].take();
    assert_eq!(errors["limit"], "value must have a minimum value of 0");
    assert_eq!(
        errors["source"],
        "value 'x' does not have a value in the enumeration 'archive, active, all'"
    );
    assert_eq!(
        errors["bogus"],
        "property is not defined in schema and the schema does not allow additional properties"
    );
    let reply = lab.get("/nodes/pve1/qemu/abc/config").await;
    assert_eq!(
        reply.json()["errors"]["vmid"],
        "type check ('integer') failed - got 'abc'"
    );
}
