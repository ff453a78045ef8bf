//! A login that was made elsewhere.

use std::sync::Arc;

use homelab_core::Result;
use proxmox_endpoints::Ticket;

use super::{Auth, TicketAuth};
use crate::ProxmoxClient;
use crate::client::Inner;
use crate::transport::{Endpoints, Limits};
use crate::vmid::Claims;

impl ProxmoxClient {
    /// A client for the same servers that goes on with a ticket from
    /// [`openid_login`](crate::Access::openid_login) or another login. It must be
    /// fresh: it is renewed at 90 of its 120 minutes, counted from now.
    ///
    /// # Errors
    /// `InvalidArgument` for half a ticket, whose second factor is still due.
    pub fn with_session(&self, ticket: Ticket) -> Result<ProxmoxClient> {
        let clock = Arc::clone(&self.inner.clock);
        let auth = Auth::Ticket(TicketAuth::session(ticket, clock.elapsed())?);
        let same = &self.inner;
        let inner = Inner {
            http: same.http.clone(),
            fresh: same.fresh.clone(),
            endpoints: Endpoints::new(same.endpoints.urls().to_vec()),
            limits: Limits::new(same.limits.per_node()),
            auth,
            max_answer_bytes: same.max_answer_bytes,
            retry_locks: same.retry_locks,
            ask_quorum: same.ask_quorum,
            vmids: Claims::default(),
            releases: same.releases.anew(),
            clock,
        };
        Ok(ProxmoxClient::new(inner, self.request_timeout()))
    }
}
