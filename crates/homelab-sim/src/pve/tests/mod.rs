//! The server as a client sees it, byte by byte.

mod access;
mod agent;
mod agreement;
mod authentication;
mod backup_jobs;
mod bulk;
mod cluster;
mod consoles;
mod containers;
mod copies;
mod coverage;
mod definitions;
mod faults;
mod guests;
mod ha;
mod life;
mod protocol;
mod recorded_lab;
mod recorded_order;
mod recordings;
mod storage;
mod talos;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Accounts, PveCluster, PveOptions};
use crate::SimClock;
use crate::pki::PvePki;
use crate::shared::Shared;
use crate::world::seed::{
    CephSeed, ClusterSeed, GuestSeed, HostSeed, NodeSeed, StorageSeed, WorldSeed,
};
use crate::world::{GuestKind, HaResource, Role, World};

/// A simulated cluster with a listener for each host.
struct Lab {
    cluster: PveCluster,
    addresses: Vec<(String, SocketAddr)>,
    tls: TlsConnector,
    token: String,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].take()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The text of the reason phrase, with its status.
    fn line(&self) -> String {
        format!("{} {}", self.status, self.reason)
    }
}

fn host(n: u8) -> HostSeed {
    HostSeed {
        name: format!("pve{n}"),
        address: IpAddr::from([192, 0, 2, 10 + n]),
        memory_bytes: 28 << 30,
        cpus: Some(16),
        cpu_model: Some("AMD Ryzen 9".into()),
        votes: 1,
        osd_bytes: vec![1 << 40],
        monitor: true,
        pve_version: Some("9.2.11".into()),
        pci: Vec::new(),
    }
}

/// Three hosts with Ceph; 100 is a Talos node with an agent, 101 an ordinary
/// VM without, 102 a stopped VM under HA, 200 a container.
fn seed() -> WorldSeed {
    let guest = |vmid, name: &str, host: &str| GuestSeed {
        vmid: Some(vmid),
        disks: vec![("vm-storage".into(), 100 << 30)],
        ..GuestSeed::new(name, host)
    };
    WorldSeed {
        lab: "lab".into(),
        seed: 1,
        hosts: (1..=3).map(host).collect(),
        guests: vec![
            GuestSeed {
                hostpci: vec!["0000:00:02.0,pcie=1".into()],
                tags: vec!["talos".into(), "worker".into()],
                ..guest(100, "talos-1", "pve1")
            },
            GuestSeed {
                agent: false,
                ..guest(101, "adguard", "pve2")
            },
            GuestSeed {
                running: false,
                ..guest(102, "stopped", "pve1")
            },
            GuestSeed {
                kind: GuestKind::Lxc,
                ..guest(200, "dns", "pve1")
            },
        ],
        clusters: vec![ClusterSeed {
            name: "kubernetes".into(),
            vip: None,
            etcd_db_bytes: 1 << 20,
            talos_version: "v1.12.1".into(),
            kubernetes_version: "v1.35.0".into(),
        }],
        nodes: vec![NodeSeed {
            hostname: "talos-1".into(),
            cluster: "kubernetes".into(),
            address: IpAddr::from([192, 0, 2, 50]),
            prefix: 24,
            gateway: None,
            role: Role::ControlPlane,
            guest: Some("talos-1".into()),
            install_disk: "/dev/sda".into(),
            secure_boot: false,
            extensions: vec!["siderolabs/qemu-guest-agent".into()],
            schematic: None,
            mac: None,
            memory_bytes: 0,
            cpus: 0,
        }],
        storages: vec![StorageSeed {
            id: "vm-storage".into(),
            kind: "rbd".into(),
            content: vec!["images".into(), "rootdir".into()],
            shared: true,
            hosts: Vec::new(),
            pool: Some("vms".into()),
            server: None,
            total_bytes: 0,
        }],
        ceph: Some(CephSeed {
            version: "19.2.3".into(),
            pools: vec![("vms".into(), 3, 2)],
        }),
        ha_resources: vec![HaResource::new("vm:102", "stopped")],
        boot_ms: 1,
        ready_ms: 1,
        ..WorldSeed::default()
    }
}

fn quick() -> PveOptions {
    PveOptions {
        authentication_delay: Duration::from_millis(5),
        task_duration: Duration::from_millis(250),
        hop_delay: Duration::from_millis(5),
        agent_timeout: Duration::from_millis(20),
        ha_delay: Duration::from_millis(20),
        ..PveOptions::default()
    }
}

impl Lab {
    fn start() -> Lab {
        Lab::with(&seed(), Accounts::standard(1), quick())
    }

    fn with(seed: &WorldSeed, accounts: Accounts, options: PveOptions) -> Lab {
        Lab::with_clock(seed, accounts, options, SimClock::real())
    }

    fn with_clock(
        seed: &WorldSeed,
        accounts: Accounts,
        options: PveOptions,
        clock: SimClock,
    ) -> Lab {
        let world = World::new(seed, clock).unwrap();
        let now = world.now();
        let time = world.clone();
        tokio::spawn(async move { time.run().await });
        let pki = PvePki::new("lab", now).unwrap();
        let shared = Shared::new(world, Duration::ZERO);
        let token = accounts.token_text("root@pam!sim").unwrap_or_default();
        let cluster = PveCluster::new(shared, accounts, options, &pki).unwrap();
        let mut addresses = Vec::new();
        for host in &seed.hosts {
            let (address, run) = cluster.serve(&host.name).unwrap();
            tokio::spawn(run);
            addresses.push((host.name.clone(), address));
        }
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Lab {
            cluster,
            addresses,
            tls: TlsConnector::from(Arc::new(config)),
            token,
        }
    }

    fn world(&self) -> &World {
        self.cluster.world()
    }

    fn address(&self, host: &str) -> SocketAddr {
        self.addresses
            .iter()
            .find(|(name, _)| name == host)
            .unwrap()
            .1
    }

    async fn connect(&self, host: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.address(host)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        self.tls.connect(name, tcp).await
    }

    /// Sends raw text on a new connection and reads until the server closes.
    async fn raw(&self, host: &str, request: &str) -> std::io::Result<Reply> {
        let mut stream = self.connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        read(&mut stream).await
    }

    /// A call below `/api2/json` with root's token and a form body.
    async fn call(&self, host: &str, method: &str, path: &str, form: &str) -> Reply {
        let token = format!("Authorization: PVEAPIToken={}\r\n", self.token);
        self.call_with(host, method, path, &token, form).await
    }

    async fn call_with(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &str,
        form: &str,
    ) -> Reply {
        let length = match (method, form) {
            ("GET" | "DELETE", "") => String::new(),
            _ => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ),
        };
        let request = format!(
            "{method} /api2/json{path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n{form}"
        );
        self.raw(host, &request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("pve1", "GET", path, "").await
    }

    async fn post(&self, path: &str, form: &str) -> Reply {
        self.call("pve1", "POST", path, form).await
    }

    async fn put(&self, path: &str, form: &str) -> Reply {
        self.call("pve1", "PUT", path, form).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.call("pve1", "DELETE", path, "").await
    }

    /// Runs a task to its end, which must be `OK`.
    async fn done(&self, reply: Reply) -> String {
        let upid = reply.data();
        assert_eq!(
            self.task(&upid).await,
            "OK",
            "{:?}",
            self.log(upid.as_str().unwrap()).await
        );
        upid.as_str().unwrap().to_owned()
    }

    /// Runs a task to its end and returns how it ended.
    async fn ended(&self, reply: Reply) -> String {
        self.task(&reply.data()).await
    }

    async fn log(&self, upid: &str) -> Vec<String> {
        let node = upid.split(':').nth(1).unwrap();
        let path = format!("/nodes/{node}/tasks/{upid}/log?limit=0");
        let lines = self.get(&path).await.data();
        let lines = lines.as_array().unwrap().iter();
        lines.map(|l| l["t"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for a task and returns its exit status.
    async fn task(&self, upid: &Value) -> String {
        let upid = upid.as_str().unwrap();
        let node = upid.split(':').nth(1).unwrap();
        for _ in 0..200 {
            let status = self
                .get(&format!("/nodes/{node}/tasks/{upid}/status"))
                .await
                .data();
            if status["status"] == "stopped" {
                return status["exitstatus"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{upid} did not end");
    }
}

/// Reads one answer: its head, and its body by `Content-Length`.
async fn read(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Reply> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut status_line = lines.next().unwrap().splitn(3, ' ').skip(1);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let reply = Reply {
        status: status_line.next().unwrap().parse().unwrap(),
        reason: status_line.next().unwrap_or_default().to_owned(),
        headers,
        body: String::new(),
    };
    let length = reply
        .header("content-length")
        .map_or(0, |v| v.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Reply {
        body: String::from_utf8(body).unwrap(),
        ..reply
    })
}
