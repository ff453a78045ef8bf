//! How many calls may be under way on a node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One limit for each node, or for each endpoint where a call names no node.
#[derive(Debug)]
pub(crate) struct Limits {
    per_node: usize,
    nodes: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Limits {
    pub(crate) fn new(per_node: usize) -> Self {
        Limits {
            per_node,
            nodes: Mutex::default(),
        }
    }

    pub(crate) fn per_node(&self) -> usize {
        self.per_node
    }

    /// Waits for a turn; dropping the permit ends it.
    pub(crate) async fn turn(&self, node: &str) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(semaphore) = nodes.get(node) {
                Arc::clone(semaphore)
            } else {
                let semaphore = Arc::new(Semaphore::new(self.per_node));
                nodes.insert(node.to_owned(), Arc::clone(&semaphore));
                semaphore
            }
        };
        // `None` only for a closed semaphore, and ours is never closed.
        semaphore.acquire_owned().await.ok()
    }
}
