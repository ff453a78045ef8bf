//! The simulated lab.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use homelab::Lab;
use homelab_core::{Error, ErrorKind, Result, Sent};
use homelab_sim::world::Machine;
use homelab_sim::{ClientCert, ControlAccess, Down, EventFilter, Sim, SimOptions};
use serde::Serialize;

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply, Stream};

/// A running simulation, until it is stopped.
#[derive(Clone)]
pub(crate) struct Simulator(Arc<Mutex<Option<Sim>>>);

pub(crate) async fn start(args: &mut Args) -> Result<Reply> {
    let lab = Lab::from_file(args.take::<PathBuf>("path")?)?;
    let mut options = options(args)?;
    if let Some(seed) = args.take("seed")? {
        options = options.seed(seed);
    }
    if let Some(folder) = args.take::<Option<PathBuf>>("state")? {
        options = options.state(folder);
    }
    if let Some(bytes) = args.take("etcd_db_bytes")? {
        options = options.etcd_db_bytes(bytes);
    }
    Ok(handle(Sim::start(lab.inventory(), options).await?))
}

pub(crate) async fn load(args: &mut Args) -> Result<Reply> {
    let folder: PathBuf = args.take("folder")?;
    Ok(handle(Sim::load(folder, options(args)?).await?))
}

pub(crate) fn saved_in(args: &mut Args) -> Result<Reply> {
    data(&Sim::saved_in(&args.take::<PathBuf>("folder")?))
}

fn handle(sim: Sim) -> Reply {
    let sim = Simulator(Arc::new(Mutex::new(Some(sim))));
    Handle::new(Object::Simulator(sim)).into()
}

/// What a lab is started with, be it new or saved.
fn options(args: &mut Args) -> Result<SimOptions> {
    let mut options = SimOptions::default();
    if let Some(latency) = args.take("latency_ms")? {
        options = options.latency(Duration::from_millis(latency));
    }
    if let Some(clock) = args.take::<Option<String>>("clock")? {
        options = options.clock(clock.parse()?);
    }
    if let Some(log) = args.take::<Option<PathBuf>>("log")? {
        options = options.log(log);
    }
    if let Some(port) = args.take("control_port")? {
        options = options.control(port);
    }
    if let Some(address) = args.take("listen")? {
        options = options.listen(address);
    }
    if let Some(delay) = seconds(args, "fencing_seconds")? {
        options = options.fencing(delay);
    }
    if let Some(port) = args.take("first_port")? {
        options = options.ports(port);
    }
    Ok(options)
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

    /// Its time, its log, its end.
    pub(crate) async fn call(&self, method: &str, args: &mut Args) -> Result<Reply> {
        match method {
            "clock" => self.read(|sim| Ok(sim.clock().state())),
            "set_pace" => {
                let pace: f64 = args.take("pace")?;
                self.done(|sim| sim.clock().set_pace(pace))
            }
            "advance" => {
                let by = seconds(args, "seconds")?.unwrap_or_default();
                self.done(|sim| {
                    sim.advance(by);
                    Ok(())
                })
            }
            "events" => {
                let after = args.take_or_default("after")?;
                self.read(|sim| Ok(sim.events(after)))
            }
            "follow" => {
                let after = args.take_or_default("after")?;
                let events = self.with(|sim| Ok(sim.follow(after)))?;
                Ok(Reply::Stream(Stream::new(events.map(Ok))))
            }
            "wait_for_event" => {
                let filter = filter(args)?;
                let limit = seconds(args, "timeout_seconds")?.unwrap_or(WAIT);
                let waiter = self.with(|sim| Ok(sim.event_waiter()))?;
                data(&waiter.wait(&filter, limit).await?)
            }
            "save" => {
                let folder: PathBuf = args.take("folder")?;
                self.done(|sim| sim.save(&folder))
            }
            "stats" => self.read(|sim| Ok(sim.stats())),
            "stop" => {
                if let Some(sim) = self.take() {
                    sim.stop().await;
                }
                Ok(done())
            }
            _ => self.trouble(method, args),
        }
    }

    /// What is done to it.
    fn trouble(&self, method: &str, args: &mut Args) -> Result<Reply> {
        match method {
            "host_down" => {
                let (host, how): (String, Option<String>) = (args.take("host")?, args.take("how")?);
                let how = how.map_or(Ok(Down::Refuse), |how| how.parse())?;
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
            "add_machine" => {
                let machine = machine(args)?;
                self.done(|sim| sim.add_machine(&machine))
            }
            "node_on" => {
                let node: String = args.take("node")?;
                self.done(|sim| sim.node_on(&node))
            }
            "set_image_defect" => {
                let image: String = args.take("image")?;
                let defect = args.take::<Option<String>>("defect")?;
                let defect = defect.map(|defect| defect.parse()).transpose()?;
                self.done(|sim| {
                    sim.set_image_defect(&image, defect);
                    Ok(())
                })
            }
            "fault" => {
                let (target, fault): (String, String) = (args.take("target")?, args.take("fault")?);
                let fault = fault.parse()?;
                self.done(|sim| sim.fault(&target, fault))
            }
            "clear_fault" => {
                let (target, fault): (String, String) = (args.take("target")?, args.take("fault")?);
                let fault = fault.parse()?;
                self.read(|sim| Ok(sim.clear_fault(&target, fault)))
            }
            "clear_faults" => self.done(|sim| {
                sim.clear_faults();
                Ok(())
            }),
            "faults" => self.read(|sim| Ok(sim.faults())),
            _ => self.reach(method, args),
        }
    }

    /// How to reach it.
    fn reach(&self, method: &str, args: &mut Args) -> Result<Reply> {
        match method {
            "env" => self.read(|sim| Ok(sim.env())),
            "control" => self.read(|sim| {
                let access = sim.control().map(ControlAccess::env);
                Ok(access.unwrap_or_default())
            }),
            "files" => self.read(|sim| Ok(sim.files().to_owned())),
            "warnings" => self.read(|sim| Ok(sim.warnings().to_vec())),
            "state_error" => self.read(|sim| Ok(sim.state_error())),
            "listeners" => self.read(|sim| Ok(sim.listeners())),
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
            "talos_fingerprint" => {
                let node: String = args.take("node")?;
                self.read(|sim| sim.talos_fingerprint(&node))
            }
            "talos_ca" => {
                let cluster: String = args.take("cluster")?;
                self.read(|sim| {
                    let (certificate, key) = sim.talos_ca(&cluster)?;
                    Ok(TalosCa { certificate, key })
                })
            }
            "talosconfig" => {
                let certificate = certificate(args)?;
                self.read(|sim| sim.talosconfig(&certificate))
            }
            "proxmox_ca" => self.read(|sim| Ok(sim.proxmox_ca_pem())),
            "proxmox_password" => {
                let user: String = args.take("user")?;
                self.read(|sim| Ok(sim.proxmox_password(&user)))
            }
            _ => Err(no_method("Simulator", method)),
        }
    }
}

/// The CA of a Talos cluster's API, as PEM.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TalosCa {
    /// The certificate.
    certificate: String,
    /// Its private key.
    key: String,
}

fn machine(args: &mut Args) -> Result<Machine> {
    let (name, version): (String, String) = (args.take("name")?, args.take("talos_version")?);
    let mut machine = match args.take::<Option<String>>("host")? {
        Some(host) => Machine::on(&host, &name, &version),
        None => Machine::bare(&name, &version),
    };
    if let Some(schematic) = args.take("schematic")? {
        machine.schematic = schematic;
    }
    if let Some(cores) = args.take("cores")? {
        machine.cores = cores;
    }
    if let Some(bytes) = args.take("memory_bytes")? {
        machine.memory_bytes = bytes;
    }
    if let Some(bytes) = args.take("disk_bytes")? {
        machine.disk_bytes = bytes;
    }
    Ok(machine)
}

/// How long an event is waited for unless the caller says.
const WAIT: Duration = Duration::from_secs(30);

fn filter(args: &mut Args) -> Result<EventFilter> {
    let what: String = args.take("what")?;
    let mut filter = EventFilter::new(what);
    if let Some(who) = args.take::<Option<String>>("who")? {
        filter = filter.who(who);
    }
    let detail = args.take::<Option<BTreeMap<String, String>>>("detail")?;
    for (key, contains) in detail.unwrap_or_default() {
        filter = filter.detail(key, contains);
    }
    if let Some(after) = args.take("after")? {
        filter = filter.after(after);
    }
    Ok(filter)
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
