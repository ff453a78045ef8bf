//! A raw HTTPS client of one host, and the lab that the tests use.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind};
use homelab_model::Inventory;
use homelab_sim::{Sim, SimClock, SimOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const LAB: &str = "
name: tiny
hosts:
  - {name: pve1, address: 192.168.1.2, memory: 32GB}
  - {name: pve2, address: 192.168.1.3, memory: 32GB}
  - {name: pve3, address: 192.168.1.4, memory: 32GB}
clusters:
  - name: home
    vip: 192.168.1.49
    nodes:
      - {name: cp-1, role: control-plane, host: pve1, address: 192.168.1.50, vmid: 100}
      - {name: cp-2, role: control-plane, host: pve2, address: 192.168.1.51, vmid: 101}
      - {name: cp-3, role: control-plane, host: pve3, address: 192.168.1.52, vmid: 102}
      - {name: worker-1, role: worker, host: pve3, address: 192.168.1.53, vmid: 103}
";

pub(crate) fn inventory() -> Inventory {
    let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    Inventory::parse("lab.yaml", LAB, &nothing).unwrap()
}

/// A clock that stands still at a full second of today.
pub(crate) fn paused() -> SimClock {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    SimClock::paused_at(SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs()))
}

pub(crate) async fn start(options: SimOptions) -> Sim {
    Sim::start(&inventory(), options).await.unwrap()
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn data(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["data"].clone()
    }
}

/// A connection to one host.
pub(crate) struct Rest {
    stream: TlsStream<TcpStream>,
    token: String,
}

impl Rest {
    pub(crate) async fn connect(sim: &Sim, host: &str) -> io::Result<Rest> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(sim.proxmox_ca_pem().as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let url = sim.proxmox_endpoint(host).unwrap();
        let tcp = TcpStream::connect(url.trim_start_matches("https://")).await?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Rest {
            stream: TlsConnector::from(Arc::new(config))
                .connect(name, tcp)
                .await?,
            token: sim.env()["HOMELAB_PROXMOX_TOKEN"].clone(),
        })
    }

    /// One request on this connection.
    pub(crate) async fn send(&mut self, method: &str, path: &str) -> io::Result<Reply> {
        self.send_form(method, path, "").await
    }

    /// One request with parameters in its body.
    pub(crate) async fn send_form(
        &mut self,
        method: &str,
        path: &str,
        form: &str,
    ) -> io::Result<Reply> {
        let body = match method {
            "GET" => String::new(),
            _ => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ),
        };
        let request = format!(
            "{method} /api2/json{path} HTTP/1.1\r\nHost: x\r\nAuthorization: PVEAPIToken={}\r\n\
             {body}\r\n{form}",
            self.token
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.read().await
    }

    /// A ticket of somebody who logs in.
    #[allow(dead_code, reason = "not all tests log in")]
    pub(crate) async fn log_in(&mut self, user: &str, password: &str) -> io::Result<String> {
        let form = format!("username={user}&password={password}");
        let request = format!(
            "POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let login = self.read().await?.data();
        Ok(login["ticket"].as_str().unwrap().to_owned())
    }

    /// One request of somebody who logged in.
    #[allow(dead_code, reason = "not all tests log in")]
    pub(crate) async fn with_ticket(&mut self, ticket: &str, path: &str) -> io::Result<Reply> {
        let request = format!(
            "GET /api2/json{path} HTTP/1.1\r\nHost: x\r\nCookie: PVEAuthCookie={ticket}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let mut body = bytes.split_off(head);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        while body.len() < length {
            if self.stream.read_buf(&mut body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Reply {
            status: text[9..12].parse().unwrap(),
            body,
        })
    }
}

/// One request on a connection of its own.
pub(crate) async fn call(sim: &Sim, host: &str, method: &str, path: &str) -> io::Result<Reply> {
    Rest::connect(sim, host).await?.send(method, path).await
}
