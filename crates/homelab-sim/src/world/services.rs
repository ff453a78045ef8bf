//! The services of a Talos node: which there are, and how they start and stop.

use std::time::SystemTime;

use super::{EventPayload, Service, State, TalosNode};

impl State {
    /// Starts those services that a node has at this point of its boot.
    pub(super) fn start_services(&mut self, name: &str, up: bool) {
        let now = self.now;
        let Some(node) = self.node(name) else { return };
        let mut wanted = services(node, now, up);
        let before = node.services.clone();
        let mut changed = Vec::new();
        for service in &mut wanted {
            let same = before
                .iter()
                .find(|b| b.id == service.id && b.state == service.state);
            match same {
                Some(same) => service.since = same.since,
                None => changed.push(service_event(service)),
            }
        }
        if let Some(node) = self.node_mut(name) {
            node.services = wanted;
        }
        for payload in changed {
            self.emit_own(name, payload);
        }
    }

    /// Brings a service into a state and says so.
    pub(super) fn set_service(
        &mut self,
        name: &str,
        id: &str,
        state: &str,
        healthy: Option<bool>,
        message: &str,
        actor: &str,
    ) {
        let now = self.now;
        let Some(service) = self
            .node_mut(name)
            .and_then(|n| n.services.iter_mut().find(|s| s.id == id))
        else {
            return;
        };
        if service.state == state && service.healthy == healthy && service.message == message {
            return;
        }
        state.clone_into(&mut service.state);
        message.clone_into(&mut service.message);
        service.healthy = healthy;
        service.since = now;
        let payload = service_event(service);
        self.kernel(name, &format!("[talos] service[{id}]({state}): {message}"));
        self.emit(name, actor, payload);
    }

    /// Starts a service that stands still; etcd waits for its cluster first.
    pub fn service_start(&mut self, name: &str, id: &str) {
        let stands = self
            .node(name)
            .and_then(|n| n.service(id))
            .is_some_and(|s| s.state != "Running");
        if !stands {
            return;
        }
        if id == "etcd" {
            self.set_service(name, id, "Preparing", None, "Running pre state", "");
        } else {
            let (healthy, message) = if self_checked(id) {
                (Some(true), "Health check successful")
            } else {
                (None, "Service is running")
            };
            self.set_service(name, id, "Starting", None, "Starting service", "");
            self.set_service(name, id, "Running", healthy, message, "");
        }
        self.settle();
    }

    /// Stops a service.
    pub fn service_stop(&mut self, name: &str, id: &str) {
        self.stop_services(name, &[id], "");
        self.settle();
    }

    /// Stops a service and starts it again.
    pub fn service_restart(&mut self, name: &str, id: &str) {
        self.service_stop(name, id);
        self.service_start(name, id);
    }

    pub(super) fn stop_services(&mut self, name: &str, ids: &[&str], actor: &str) {
        for id in ids {
            let state = self
                .node(name)
                .and_then(|n| n.service(id))
                .map(|s| s.state.clone());
            if state.is_none_or(|s| s == "Finished") {
                continue;
            }
            let health = |h: bool| self_checked(id).then_some(h);
            self.set_service(
                name,
                id,
                "Stopping",
                health(false),
                "Stopping service",
                actor,
            );
            self.set_service(
                name,
                id,
                "Finished",
                health(false),
                "Service finished successfully",
                actor,
            );
        }
    }

    pub(super) fn stop_all_services(&mut self, name: &str, actor: &str) {
        let ids: Vec<String> = self.node(name).map_or(Vec::new(), |n| {
            n.services.iter().map(|s| s.id.clone()).collect()
        });
        let ids: Vec<&str> = ids
            .iter()
            .map(String::as_str)
            // They tell the rest of it.
            .filter(|id| !matches!(*id, "apid" | "machined"))
            .collect();
        self.stop_services(name, &ids, actor);
    }
}

impl TalosNode {
    /// A service by its id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.id == id)
    }
}

/// The services of a node: `apid`, `machined` and friends always, those that
/// need a config once it has one, and those that need the network once it is up.
fn services(node: &TalosNode, now: SystemTime, up: bool) -> Vec<Service> {
    let mut services = Vec::new();
    let configured = node.config.is_some();
    let mut add = |id: &str, early: bool| {
        let running = up || early;
        let checked = self_checked(id);
        let (state, message) = match (running, id, checked) {
            // It starts when there is a cluster to join, or to begin.
            (true, "etcd", _) => ("Preparing", "Running pre state"),
            (true, _, true) => ("Running", "Health check successful"),
            (true, _, false) => ("Running", "Service is running"),
            (false, ..) => ("Waiting", "Waiting for time sync"),
        };
        services.push(Service {
            id: id.to_owned(),
            state: state.to_owned(),
            healthy: (checked && state == "Running").then_some(true),
            message: message.to_owned(),
            since: now,
        });
    };
    // Before v1.13 another, smaller server answers in maintenance mode.
    if configured || node.since(13) {
        add("apid", true);
    }
    add("auditd", true);
    add("containerd", true);
    if configured {
        add("cri", false);
    }
    add("dashboard", true);
    if configured {
        if node.control_plane() {
            add("etcd", false);
        }
        for extension in &node.extensions {
            if extension.name == "qemu-guest-agent" {
                add("ext-qemu-guest-agent", false);
            }
        }
        add("kubelet", false);
    }
    add("machined", true);
    add("syslogd", true);
    if configured && node.control_plane() {
        add("trustd", false);
    }
    add("udevd", true);
    services
}

/// Whether a service is checked for its health.
fn self_checked(id: &str) -> bool {
    id != "dashboard" && !id.starts_with("ext-")
}

fn service_event(service: &Service) -> EventPayload {
    EventPayload::ServiceState {
        service: service.id.clone(),
        state: service.state.clone(),
        message: service.message.clone(),
        healthy: service.healthy,
    }
}
