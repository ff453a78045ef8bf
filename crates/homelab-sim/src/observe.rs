//! What a test sees of a lab: its log and its counters.

use std::time::Duration;

use futures_util::Stream;
use homelab_core::Result;

use crate::Sim;
use crate::log::{EventFilter, EventWaiter, LabEvent};
use crate::stats::Stats;

impl Sim {
    /// What happened since entry number `after` of the log; 0 for all. The
    /// oldest entries of a long run are forgotten here, not in the file.
    pub fn events(&self, after: u64) -> Vec<LabEvent> {
        self.world().log().after(after)
    }

    /// Waits until the log has an entry that fits, and returns the first. Looks
    /// at what happened already, too, unless the filter says after what.
    ///
    /// The way to let a caller crash at a chosen moment: run it as a process of
    /// its own, hold the answers of a host ([`Fault::HoldAnswers`](crate::Fault::HoldAnswers)), wait for
    /// its call here, and kill it.
    ///
    /// # Errors
    /// `Timeout` when nothing fits within `limit` of real time.
    pub async fn wait_for_event(&self, filter: &EventFilter, limit: Duration) -> Result<LabEvent> {
        self.event_waiter().wait(filter, limit).await
    }

    /// The log as it is written: what came after entry number `after` (0 for
    /// all that is remembered), then what happens from now on, until the lab
    /// stops.
    ///
    /// ```
    /// # use homelab_model::Inventory;
    /// # use homelab_core::{Error, ErrorKind};
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # runtime.block_on(async {
    /// use futures_util::StreamExt;
    /// use homelab_sim::{Fault, Sim, SimOptions};
    ///
    /// # let text = "{name: tiny, hosts: [{name: pve1, address: 192.168.1.2, memory: 32GB}]}";
    /// # let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    /// # let inventory = Inventory::parse("homelab.yaml", text, &nothing)?;
    /// let sim = Sim::start(&inventory, SimOptions::default()).await?;
    /// let mut log = Box::pin(sim.follow(0));
    /// sim.fault("pve1", Fault::Freeze)?;
    /// assert_eq!(log.next().await.unwrap().what, "fault.set");
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    pub fn follow(&self, after: u64) -> impl Stream<Item = LabEvent> + Send + use<> {
        self.event_waiter().follow(after)
    }

    /// What waits for entries of the log without holding the lab.
    pub fn event_waiter(&self) -> EventWaiter {
        let stop = self.parts.keeper.shared.stop.clone();
        EventWaiter::new(self.world().log(), stop)
    }

    /// What the listeners saw since the start.
    pub fn stats(&self) -> Stats {
        self.parts.keeper.shared.counters.snapshot()
    }
}
