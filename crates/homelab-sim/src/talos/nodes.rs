//! The listeners of all Talos nodes: one for each machine of the lab, also for
//! those that come while it runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homelab_core::Result;
use rustls::pki_types::CertificateDer;

use super::tls::NodeTls;
use super::{Director, serve};
use crate::net::Listener;
use crate::pki::{NodeCertificate, NodeNames, maintenance_server};
use crate::shared::Shared;

/// The Talos side of a lab; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Nodes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    director: Director,
    nobody: NodeCertificate,
    listening: Mutex<BTreeMap<String, Listening>>,
}

#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    tls: Arc<NodeTls>,
}

impl Nodes {
    /// Starts a listener for each node that there is.
    pub(crate) fn start(shared: &Shared) -> Result<Self> {
        let names = NodeNames {
            hostname: "localhost".into(),
            sans: Vec::new(),
            accepted_cas: Vec::new(),
        };
        let nodes = Nodes(Arc::new(Inner {
            shared: shared.clone(),
            director: Director::new(shared),
            nobody: maintenance_server(&names, shared.world.now())?,
            listening: Mutex::default(),
        }));
        nodes.ensure()?;
        nodes.follow();
        Ok(nodes)
    }

    /// Starts listeners for nodes that have none.
    pub(crate) fn ensure(&self) -> Result<()> {
        let inner = &self.0;
        let mut listening = self.listening();
        let new: Vec<String> = inner.shared.world.read(|state| {
            let names = state.nodes.iter().map(|n| &n.name);
            names
                .filter(|name| !listening.contains_key(*name))
                .cloned()
                .collect()
        });
        for name in new {
            let tls = Arc::new(NodeTls::new(&inner.shared, &name, inner.nobody.clone()));
            let listener = Listener::bind(&name, &inner.shared)?;
            let address = listener.address();
            serve(listener, &name, Arc::clone(&tls), &inner.director);
            listening.insert(name, Listening { address, tls });
        }
        Ok(())
    }

    /// Where a node listens.
    pub(crate) fn address(&self, name: &str) -> Option<SocketAddr> {
        self.listening().get(name).map(|l| l.address)
    }

    /// Where all of them listen.
    pub(crate) fn all(&self) -> BTreeMap<String, SocketAddr> {
        let listening = self.listening();
        let all = listening.iter().map(|(n, l)| (n.clone(), l.address));
        all.collect()
    }

    /// The certificate that a node shows now.
    pub(crate) fn certificate(&self, name: &str) -> Option<CertificateDer<'static>> {
        let tls = Arc::clone(&self.listening().get(name)?.tls);
        Some(tls.now().certificate)
    }

    /// Sees machines that come by themselves: guests that boot a medium.
    fn follow(&self) {
        let nodes = self.clone();
        tokio::spawn(async move {
            let shared = &nodes.0.shared;
            let mut changes = shared.world.subscribe();
            let mut known = 0;
            loop {
                let count = shared.world.read(|state| state.nodes.len());
                if count != known {
                    // Without a free port the node stays silent; the next change tries again.
                    known = nodes.ensure().map_or(known, |()| count);
                }
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = shared.stop.cancelled() => return,
                }
            }
        });
    }

    fn listening(&self) -> MutexGuard<'_, BTreeMap<String, Listening>> {
        let lock = self.0.listening.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}
