//! The simulated lab.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab::Lab;
use homelab_core::{Error, ErrorKind, Result, Sent};
use homelab_sim::{ClientCert, Down, Sim, SimOptions};

use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply};

/// A running simulation, until it is stopped.
#[derive(Clone)]
pub(crate) struct Simulator(Arc<Mutex<Option<Sim>>>);

pub(crate) async fn start(args: &mut Args) -> Result<Reply> {
    let lab = Lab::from_file(args.take::<PathBuf>("path")?)?;
    let mut options = SimOptions::default();
    if let Some(seed) = args.take("seed")? {
        options = options.seed(seed);
    }
    if let Some(latency) = args.take("latency_ms")? {
        options = options.latency(Duration::from_millis(latency));
    }
    if let Some(bytes) = args.take("etcd_db_bytes")? {
        options = options.etcd_db_bytes(bytes);
    }
    let sim = Sim::start(lab.inventory(), options).await?;
    let sim = Simulator(Arc::new(Mutex::new(Some(sim))));
    Ok(Handle::new(Object::Simulator(sim)).into())
}

impl Simulator {
    fn with<T>(&self, f: impl FnOnce(&Sim) -> Result<T>) -> Result<T> {
        let sim = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(sim.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::FailedPrecondition, "the simulator has stopped").sent(Sent::No)
        })?)
    }

    fn take(&self) -> Option<Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn done(&self, f: impl FnOnce(&Sim) -> Result<()>) -> Result<Reply> {
        self.with(f)?;
        Ok(done())
    }

    fn read<T: serde::Serialize>(&self, f: impl FnOnce(&Sim) -> Result<T>) -> Result<Reply> {
        data(&self.with(f)?)
    }

    pub(crate) async fn call(&self, method: &str, args: &mut Args) -> Result<Reply> {
        match method {
            "env" => self.read(|sim| Ok(sim.env())),
            "proxmox_endpoint" => {
                let host: String = args.take("host")?;
                self.read(|sim| sim.proxmox_endpoint(&host))
            }
            "talos_endpoint" => {
                let node: String = args.take("node")?;
                self.read(|sim| sim.talos_endpoint(&node))
            }
            "fingerprint" => {
                let host: String = args.take("host")?;
                self.read(|sim| sim.fingerprint(&host))
            }
            "talosconfig" => {
                let certificate = certificate(args)?;
                self.read(|sim| sim.talosconfig(&certificate))
            }
            "host_down" => {
                let (host, how): (String, Option<String>) = (args.take("host")?, args.take("how")?);
                let how = match how.as_deref() {
                    None | Some("refuse") => Down::Refuse,
                    Some("blackhole") => Down::Blackhole,
                    Some(other) => {
                        return Err(Error::new(
                            ErrorKind::InvalidArgument,
                            format!("no way {other} to go down: there are refuse, blackhole"),
                        ));
                    }
                };
                self.done(|sim| sim.host_down(&host, how))
            }
            "host_up" => {
                let host: String = args.take("host")?;
                self.done(|sim| sim.host_up(&host))
            }
            "guest_start" => {
                let vmid = args.take("vmid")?;
                self.done(|sim| sim.guest_start(vmid))
            }
            "guest_stop" => {
                let vmid = args.take("vmid")?;
                self.done(|sim| sim.guest_stop(vmid))
            }
            "fault" => {
                let (target, fault): (String, String) = (args.take("target")?, args.take("fault")?);
                let fault = fault.parse()?;
                self.done(|sim| sim.fault(&target, fault))
            }
            "clear_faults" => self.done(|sim| {
                sim.clear_faults();
                Ok(())
            }),
            "stats" => self.read(|sim| Ok(sim.stats())),
            "stop" => {
                if let Some(sim) = self.take() {
                    sim.stop().await;
                }
                Ok(done())
            }
            _ => Err(no_method("Simulator", method)),
        }
    }
}

fn certificate(args: &mut Args) -> Result<ClientCert> {
    let certificate = match args.take::<Option<String>>("role")? {
        Some(role) => ClientCert::role(&role),
        None => ClientCert::admin(),
    };
    let expired = args.take::<Option<bool>>("expired")?.unwrap_or(false);
    Ok(if expired {
        certificate.expired()
    } else {
        certificate
    })
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}
