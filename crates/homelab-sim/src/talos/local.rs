//! The node behind a service: how each service looks at it and changes it.

use tonic::Status;

use crate::shared::Shared;
use crate::world::{State, TalosNode, derive};

/// The node that a service belongs to; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) shared: Shared,
    /// How the lab calls it.
    pub(super) name: String,
}

impl Local {
    pub(super) fn new(shared: &Shared, name: &str) -> Self {
        Local {
            shared: shared.clone(),
            name: name.to_owned(),
        }
    }

    /// Looks at the node.
    pub(super) fn node<T>(&self, look: impl FnOnce(&State, &TalosNode) -> T) -> Result<T, Status> {
        self.shared.world.read(|state| {
            let node = state
                .node(&self.name)
                .filter(|n| n.reachable())
                .ok_or_else(down)?;
            Ok(look(state, node))
        })
    }

    /// Changes the node and nothing else.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut TalosNode) -> T) -> Result<T, Status> {
        self.shared.world.change(|state| {
            let node = state
                .node_mut(&self.name)
                .filter(|n| n.reachable())
                .ok_or_else(down)?;
            Ok(change(node))
        })
    }

    /// Changes the lab.
    pub(super) fn change_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.world.change(change)
    }

    /// Whether the node behaves as Talos 1.`minor` and later do.
    pub(super) fn since(&self, minor: u32) -> Result<bool, Status> {
        self.node(|_, node| node.since(minor))
    }

    /// An id for what somebody asks the node to do.
    pub(super) fn actor(&self) -> String {
        let label = format!("{}/action/{}", self.name, self.shared.world.revision());
        self.shared
            .world
            .read(|state| derive::uuid(state.seed, &label))
    }
}

fn down() -> Status {
    Status::unavailable("the node is down")
}
