//! What a node shows to whoever connects: the certificate of its config's CA,
//! or in maintenance mode a throw-away one.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use homelab_core::Result;

use crate::pki::{NodeCertificate, NodeNames, TalosPki, Validity, Which, maintenance_server};
use crate::shared::Shared;
use crate::world::{State, TalosNode};

/// How long the certificate of a node counts. Real ones are renewed twice a
/// day; these live as long as any simulation.
const NODE_DAYS: u32 = 30;

/// The TLS settings of one node. They are made when somebody connects, and kept
/// while nothing changes that stands in them.
#[derive(Debug)]
pub(crate) struct NodeTls {
    shared: Shared,
    name: String,
    /// Certificates count from when the simulation started: its clock may run
    /// ahead of that of its clients.
    from: SystemTime,
    last: Mutex<Option<(Shown, NodeCertificate)>>,
    /// For a node that has no certificate to show.
    nobody: NodeCertificate,
}

/// What the settings were made from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    names: NodeNames,
    /// Certificate and key of the CA; none in maintenance mode.
    ca: Option<(String, String)>,
    which: Which,
    /// How wrong its clock is, by which it judges clients.
    skew_seconds: i64,
    /// Maintenance certificates live for one boot.
    boot: Option<u64>,
}

impl NodeTls {
    /// `nobody` is what a node shows that cannot make a certificate.
    pub(crate) fn new(shared: &Shared, name: &str, nobody: NodeCertificate) -> Self {
        NodeTls {
            from: shared.world.now(),
            shared: shared.clone(),
            name: name.to_owned(),
            last: Mutex::default(),
            nobody,
        }
    }

    /// The settings for a connection that is made now.
    pub(crate) fn now(&self) -> NodeCertificate {
        let which = Which::of(&self.shared.faults, &self.name);
        let shown = self.shared.world.read(|state| {
            let node = state.node(&self.name)?;
            shown(state, node, which)
        });
        let Some(shown) = shown else {
            return self.nobody.clone();
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, shows)) = &*last
            && *before == shown
        {
            return shows.clone();
        }
        match self.make(&shown) {
            Ok(shows) => {
                *last = Some((shown, shows.clone()));
                shows
            }
            Err(_) => self.nobody.clone(),
        }
    }

    fn make(&self, shown: &Shown) -> Result<NodeCertificate> {
        let Some((crt, key)) = &shown.ca else {
            return maintenance_server(&shown.names, self.from);
        };
        let validity = match shown.which {
            Which::Expired => Validity::expired(self.from),
            Which::Current | Which::Strange => Validity::days(self.from, NODE_DAYS),
        };
        let pki = match shown.which {
            Which::Strange => TalosPki::new(self.from)?,
            Which::Current | Which::Expired => TalosPki::from_pem(crt, key)?,
        };
        let clock = (self.shared.world.clock(), shown.skew_seconds);
        pki.server(&shown.names, validity, clock)
    }
}

/// What a node shows; none when it has a config but nobody who would sign for
/// it: a worker before its first control plane.
fn shown(state: &State, node: &TalosNode, which: Which) -> Option<Shown> {
    let vip = state
        .cluster(&node.cluster)
        .filter(|c| c.vip_holder.as_deref() == Some(&node.name))
        .and_then(|c| c.vip);
    let mut names = NodeNames {
        hostname: node.hostname.clone(),
        sans: vec![node.address.to_string()],
        accepted_cas: Vec::new(),
    };
    names.sans.extend(vip.map(|vip| vip.to_string()));
    let Some(config) = &node.config else {
        return Some(Shown {
            names,
            ca: None,
            which: Which::Current,
            skew_seconds: 0,
            boot: Some(node.events.boot),
        });
    };
    names.sans.extend(config.cert_sans.iter().cloned());
    names.accepted_cas.clone_from(&config.accepted_cas);
    let cluster = state.cluster(&node.cluster).and_then(|c| c.ca.as_ref());
    let key = config
        .ca_key
        .clone()
        .or_else(|| cluster.and_then(|ca| ca.key.clone()))?;
    Some(Shown {
        names,
        ca: Some((config.ca.clone(), key)),
        which,
        skew_seconds: state.faults.clock_skew_seconds(&node.name),
        boot: None,
    })
}
