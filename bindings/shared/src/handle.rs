//! What a binding holds: one thing with methods.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use homelab::{ClusterHandle, Lab, LiveLab, Seen};
use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_client::{Agent, ProxmoxClient, Task};
use talos_client::machine_config::MachineConfig;
use talos_client::pki::SecretsBundle;
use talos_client::{MaintenanceClient, NodeClient, NodesClient, TalosClient, TalosConfig};

use crate::proxmox::TerminalHandle;
use crate::simulator::Simulator;
use crate::{Args, Reply, lab, proxmox, root, talos};

/// One thing with methods. Clones share it.
#[derive(Clone)]
pub struct Handle(Arc<RwLock<Option<Object>>>);

/// Everything that a [`Handle`] can hold. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Object {
    Root,
    Lab(Arc<Lab>),
    LiveLab(LiveLab),
    ClusterHandle(ClusterHandle),
    Seen(Arc<Seen>),
    TalosConfig(Arc<TalosConfig>),
    MachineConfig(Arc<MachineConfig>),
    SecretsBundle(Arc<SecretsBundle>),
    TalosClient(TalosClient),
    TalosNode(NodeClient),
    TalosNodes(NodesClient),
    DebugContainer(Arc<talos::DebugSession>),
    MaintenanceClient(MaintenanceClient),
    ProxmoxClient(ProxmoxClient),
    ProxmoxCluster(proxmox::Place),
    ProxmoxHa(proxmox::Place),
    ProxmoxSdn(proxmox::Place),
    ProxmoxFirewall(proxmox::Place),
    ProxmoxAccess(proxmox::Place),
    ProxmoxNode(proxmox::Place),
    ProxmoxNodeStorage(proxmox::Place),
    ProxmoxCeph(proxmox::Place),
    ProxmoxStorage(proxmox::Place),
    ProxmoxPool(proxmox::Place),
    ProxmoxQemu(proxmox::Place),
    ProxmoxLxc(proxmox::Place),
    ProxmoxTask(Task),
    ProxmoxAgent(Agent),
    ProxmoxTerminal(TerminalHandle),
    ProxmoxScreen(proxmox::ScreenHandle),
    ProxmoxGuest(proxmox::FoundGuest),
    ProxmoxLogin(proxmox::Login),
    Simulator(Simulator),
}

impl Handle {
    /// The handle to start from: its methods are the constructors, named `Class.method`.
    pub fn root() -> Self {
        Handle::new(Object::Root)
    }

    pub(crate) fn new(object: Object) -> Self {
        Handle(Arc::new(RwLock::new(Some(object))))
    }

    /// Calls a method.
    ///
    /// # Errors
    /// Those of the method; `InvalidArgument` for an argument that does not
    /// fit; `FailedPrecondition` after [`close`](Handle::close).
    ///
    /// # Cancellation
    /// Dropping the future drops the call.
    pub async fn call(&self, method: &str, mut args: Args) -> Result<Reply> {
        let args = &mut args;
        // The large ones are boxed: this future has room for the largest.
        match self.object(method)? {
            Object::Root => root::call(method, args).await,
            Object::Lab(lab) => lab::lab(&lab, method, args).await,
            Object::LiveLab(live) => lab::live(&live, method, args).await,
            Object::ClusterHandle(cluster) => lab::cluster(&cluster, method, args),
            Object::Seen(seen) => lab::seen(&seen, method, args),
            Object::TalosConfig(config) => talos::config(&config, method, args).await,
            Object::MachineConfig(config) => talos::machine_config(&config, method, args),
            Object::SecretsBundle(secrets) => talos::secrets(&secrets, method, args),
            Object::TalosClient(client) => talos::client(&client, method, args).await,
            Object::TalosNode(node) => talos::node(&node, method, args).await,
            Object::TalosNodes(nodes) => talos::nodes(&nodes, method, args).await,
            Object::DebugContainer(session) => talos::container(&session, method, args).await,
            Object::MaintenanceClient(machine) => talos::machine(&machine, method, args).await,
            Object::ProxmoxClient(pve) => Box::pin(proxmox::client(&pve, method, args)).await,
            Object::ProxmoxCluster(place) => Box::pin(proxmox::cluster(&place, method, args)).await,
            Object::ProxmoxHa(place) => Box::pin(proxmox::ha(&place, method, args)).await,
            Object::ProxmoxSdn(place) => proxmox::sdn(&place, method, args).await,
            Object::ProxmoxFirewall(place) => proxmox::firewall(&place, method, args).await,
            Object::ProxmoxAccess(place) => proxmox::access(&place, method, args).await,
            Object::ProxmoxNode(place) => Box::pin(proxmox::node(&place, method, args)).await,
            Object::ProxmoxNodeStorage(place) => {
                Box::pin(proxmox::node_storage(&place, method, args)).await
            }
            Object::ProxmoxCeph(place) => proxmox::ceph(&place, method, args).await,
            Object::ProxmoxQemu(place) => Box::pin(proxmox::qemu(&place, method, args)).await,
            Object::ProxmoxLxc(place) => Box::pin(proxmox::lxc(&place, method, args)).await,
            Object::ProxmoxStorage(place) => proxmox::storage(&place, method, args).await,
            Object::ProxmoxPool(place) => proxmox::pool(&place, method, args).await,
            Object::ProxmoxTask(task) => proxmox::task(&task, method, args).await,
            Object::ProxmoxAgent(agent) => proxmox::agent(&agent, method, args).await,
            Object::ProxmoxTerminal(terminal) => proxmox::terminal(&terminal, method, args).await,
            Object::ProxmoxScreen(screen) => proxmox::screen(&screen, method, args).await,
            Object::ProxmoxGuest(found) => proxmox::guest(&found, method),
            Object::ProxmoxLogin(login) => Box::pin(proxmox::login(&login, method, args)).await,
            Object::Simulator(sim) => sim.call(method, args).await,
        }
    }

    fn object(&self, method: &str) -> Result<Object> {
        let object = self.0.read().unwrap_or_else(PoisonError::into_inner);
        object.clone().ok_or_else(|| {
            Error::new(ErrorKind::FailedPrecondition, "it is closed")
                .sent(Sent::No)
                .operation(method.to_owned())
        })
    }

    /// Lets go of what the handle holds: connections close when no running
    /// call uses them any more. Later calls fail.
    pub fn close(&self) {
        let object = self
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(object);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The error of a method that the class does not have.
pub(crate) fn no_method(class: &str, method: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{class} has no method {method}"),
    )
    .sent(Sent::No)
}
