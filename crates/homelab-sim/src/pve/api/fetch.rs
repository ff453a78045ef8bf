//! What a simulated host fetches from the network.
//!
//! A simulation reaches nothing but its own machine: from `http://` URLs of
//! loopback addresses files are really fetched, of all others a file is
//! pretended whose size depends on the seed and the URL. Names below
//! `.invalid` are known to nobody.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::super::unix;
use super::super::upload;
use crate::world::derive;

/// How long a server may take for its next byte.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a server may send somewhere else.
const REDIRECTS: usize = 5;
/// `wget` prints a line for each of these.
const LINE_BYTES: u64 = 32 << 20;

/// A file that was fetched, or pretended.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) size_bytes: u64,
    /// Computed from what came; none for what is pretended.
    pub(super) checksum: Option<String>,
}

/// How a fetch went.
#[derive(Debug)]
pub(super) struct Fetched {
    /// As `wget` tells.
    pub(super) lines: Vec<String>,
    /// Bytes whose way has yet to be waited for: those that are pretended.
    pub(super) bytes: u64,
    pub(super) result: Result<Got, String>,
}

/// Whether the name in a URL is one that nobody knows.
pub(super) fn unknown(url: &str) -> bool {
    host(url).is_none_or(|host| host == "invalid" || host.ends_with(".invalid"))
}

/// The size of a file that is not really fetched: 50 to 350 MB.
pub(super) fn pretended_size(seed: u64, url: &str) -> u64 {
    (50 << 20) + derive::number(seed, &format!("url/{url}")) % (300 << 20)
}

/// What `wget` tells while it saves.
pub(super) fn progress(bytes: u64) -> Vec<String> {
    let dots = ["........"; 4].join(" ");
    let lines = bytes.div_ceil(LINE_BYTES).max(1);
    let line = |n: u64| {
        let percent = ((n + 1) * LINE_BYTES).min(bytes) * 100 / bytes.max(1);
        let at = (n * LINE_BYTES) >> 10;
        format!("{at:>6}K {dots} {percent:>2}%  118M 0s")
    };
    (0..lines).map(line).collect()
}

/// Fetches `url` to `path`, computing a checksum on the way.
pub(super) async fn fetch(
    seed: u64,
    url: &str,
    path: &str,
    algorithm: Option<&str>,
    now: SystemTime,
) -> Fetched {
    let mut lines = Vec::new();
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        lines.push(format!("--{}--  {url}", clock(now)));
        if unknown(&url) {
            let name = host(&url).unwrap_or_default();
            let text = format!("download failed: wget: unable to resolve host address '{name}'");
            return failed(lines, text);
        }
        let Some(address) = loopback(&url) else {
            let size = pretended_size(seed, &url);
            lines.extend(saving(size, path));
            return Fetched {
                lines,
                bytes: size,
                result: Ok(Got {
                    size_bytes: size,
                    checksum: None,
                }),
            };
        };
        match tokio::time::timeout(PATIENCE, get(&address, &url, algorithm)).await {
            Err(_) => return failed(lines, "download failed: timed out".into()),
            Ok(Err(text)) => return failed(lines, format!("download failed: {text}")),
            Ok(Ok(Reply::Moved(to))) => url = to,
            Ok(Ok(Reply::File(got))) => {
                lines.push(format!("Connecting to {address}... connected."));
                lines.push("HTTP request sent, awaiting response... 200 OK".into());
                lines.extend(saving(got.size_bytes, path));
                return Fetched {
                    lines,
                    bytes: 0,
                    result: Ok(got),
                };
            }
        }
    }
    failed(lines, "download failed: exit code 8".into())
}

fn failed(lines: Vec<String>, text: String) -> Fetched {
    Fetched {
        lines,
        bytes: 0,
        result: Err(text),
    }
}

fn saving(size: u64, path: &str) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Length: {size} ({}M) [application/octet-stream]",
            size >> 20
        ),
        format!("Saving to: '{path}.tmp_dwnl.1234'"),
    ];
    lines.extend(progress(size));
    lines.push(format!("download of '{path}' finished"));
    lines
}

enum Reply {
    File(Got),
    Moved(String),
}

async fn get(address: &str, url: &str, algorithm: Option<&str>) -> Result<Reply, String> {
    let refused = |_| format!("Connecting to {address}... failed: Connection refused.");
    let tcp = TcpStream::connect(address).await.map_err(refused)?;
    let broken = |_| "exit code 4".to_owned();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(connection);
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let request = hyper::Request::get(format!("/{path}"))
        .header(header::HOST, address)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| "exit code 1".to_owned())?;
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status().is_redirection() {
        let to = response.headers().get(header::LOCATION);
        let to = to.and_then(|to| to.to_str().ok()).ok_or("exit code 8")?;
        driver.abort();
        return Ok(Reply::Moved(to.to_owned()));
    }
    if !response.status().is_success() {
        driver.abort();
        return Err("exit code 8".into());
    }
    let mut hash = algorithm.and_then(upload::hasher);
    let mut size_bytes = 0;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            size_bytes += data.len() as u64;
            if let Some(hash) = &mut hash {
                hash.update(&data);
            }
        }
    }
    let checksum = hash.map(|hash| derive::hex(&hash.finalize()));
    Ok(Reply::File(Got {
        size_bytes,
        checksum,
    }))
}

/// `host:port` of a plain URL on this machine.
fn loopback(url: &str) -> Option<String> {
    let authority = url.strip_prefix("http://")?.split(['/', '?']).next()?;
    let host = host(url)?;
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    local.then(|| {
        if has_port {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        }
    })
}

fn host(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let authority = authority.rsplit('@').next()?;
    if let Some(v6) = authority.strip_prefix('[') {
        return v6.split(']').next().map(str::to_owned);
    }
    authority.split(':').next().map(str::to_owned)
}

fn clock(time: SystemTime) -> String {
    i64::try_from(unix(time))
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached() {
        assert_eq!(loopback("http://127.0.0.1:9/x").unwrap(), "127.0.0.1:9");
        assert_eq!(loopback("http://localhost/x").unwrap(), "localhost:80");
        assert_eq!(loopback("http://[::1]:8080/x").unwrap(), "[::1]:8080");
        assert_eq!(loopback("http://127.0.0.1.example.org/x"), None);
        assert_eq!(loopback("http://127.0.0.1@example.org/x"), None);
        assert_eq!(loopback("https://example.org/x"), None);
        assert!(unknown("https://a.invalid/x") && unknown("nonsense"));
    }

    #[test]
    fn progress_ends_at_all_of_it() {
        let lines = progress(100 << 20);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("     0K ........"));
        assert!(lines[3].contains("100%"));
    }
}
