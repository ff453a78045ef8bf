//! The node behind a service: how each service looks at it and changes it.

use tonic::Status;

use crate::shared::Shared;
use crate::world::{State, TalosNode};

/// The node that a service belongs to; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) shared: Shared,
    pub(super) hostname: String,
}

impl Local {
    pub(super) fn new(shared: &Shared, hostname: &str) -> Self {
        Local {
            shared: shared.clone(),
            hostname: hostname.to_owned(),
        }
    }

    /// Looks at the node.
    pub(super) fn node<T>(&self, look: impl FnOnce(&State, &TalosNode) -> T) -> Result<T, Status> {
        self.shared.world.read(|state| {
            let node = state
                .node(&self.hostname)
                .filter(|n| n.reachable())
                .ok_or_else(down)?;
            Ok(look(state, node))
        })
    }

    /// Changes the node and nothing else.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut TalosNode) -> T) -> Result<T, Status> {
        self.shared.world.change(|state| {
            let node = state
                .node_mut(&self.hostname)
                .filter(|n| n.reachable())
                .ok_or_else(down)?;
            Ok(change(node))
        })
    }

    /// Whether the node behaves as Talos 1.`minor` and later do.
    pub(super) fn since(&self, minor: u32) -> Result<bool, Status> {
        self.node(|_, node| node.since(minor))
    }
}

fn down() -> Status {
    Status::unavailable("the node is down")
}
