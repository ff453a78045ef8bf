//! The login that a call is made with, replaced once when the server no longer
//! knows it.

use homelab_core::Result;
use http::{HeaderName, HeaderValue};
use proxmox_endpoints::Method;
use tokio::time::{Instant, timeout_at};

use super::not_sent_in_time;
use crate::client::Inner;

/// The login of one call.
pub(super) struct Login<'a> {
    inner: &'a Inner,
    deadline: Instant,
    method: Method,
    used: u64,
    bad: Option<u64>,
}

impl<'a> Login<'a> {
    pub(super) fn new(inner: &'a Inner, deadline: Instant, method: Method) -> Self {
        Login {
            inner,
            deadline,
            method,
            used: 0,
            bad: None,
        }
    }

    /// The headers that prove it.
    pub(super) async fn headers(&mut self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let auth = &self.inner.auth;
        let proof = auth.proof(self.inner, self.deadline, self.method, self.bad);
        // Bounded as a whole: it may have to wait for a login that another call makes.
        let proof = timeout_at(self.deadline, proof)
            .await
            .map_err(|_| not_sent_in_time("the login"))??;
        self.used = proof.login;
        Ok(proof.headers)
    }

    /// Whether the call is to be made again, with a new login: the ticket ran
    /// out. Once, and only what reads and what was turned away at the door. That
    /// refusal has no body; one from within the call (a wrong password to be
    /// changed) has.
    pub(super) async fn ran_out(&mut self, status: u16, bodyless: bool) -> bool {
        if status != 401 || !self.inner.auth.can_renew() {
            return false;
        }
        let not_run = self.method == Method::Get || bodyless;
        if not_run && self.bad.is_none() {
            self.bad = Some(self.used);
            return true;
        }
        self.inner.auth.forget(self.used).await;
        false
    }
}
