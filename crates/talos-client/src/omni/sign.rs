//! The headers that make a call ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Clock, ErrorKind, Sent};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::SigningKey;
use crate::transport::Fault;

const TIMESTAMP: &str = "x-sidero-timestamp";
const PAYLOAD: &str = "x-sidero-payload";
const SIGNATURE: &str = "x-sidero-signature";

/// The headers under the signature, if they are there. `node` is not among them.
const SIGNED: [&str; 10] = [
    TIMESTAMP,
    "nodes",
    "selectors",
    "fieldSelectors",
    "runtime",
    "context",
    "cluster",
    "namespace",
    "uid",
    "authorization",
];

/// What is signed. Servers verify the text that they get, so its spelling is free.
#[derive(Serialize)]
struct Payload<'a> {
    headers: BTreeMap<&'a str, Vec<&'a str>>,
    method: &'a str,
}

/// Signs calls as somebody.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(super) identity: String,
    pub(super) key: SigningKey,
    /// Where the key came from: a file or a variable.
    pub(super) source: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl Signer {
    /// Adds the headers for a call of `method`, such as `/machine.MachineService/Version`.
    ///
    /// # Errors
    /// `Unauthenticated` when the key has expired.
    pub(crate) fn sign(&self, method: &str, headers: &mut HeaderMap) -> Result<(), Fault> {
        let now = self.clock.now();
        if let Some(date) = self.key.expired(now) {
            let message = format!(
                "the key of {} in {} expired on {date}; log in again",
                self.identity, self.source
            );
            return Err(Fault::new(ErrorKind::Unauthenticated, Sent::No, message));
        }
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        headers.insert(TIMESTAMP, HeaderValue::from(seconds));
        let payload = Payload {
            headers: SIGNED
                .into_iter()
                .filter_map(|name| {
                    let values = headers.get_all(name).iter();
                    let values: Vec<_> = values.filter_map(|v| v.to_str().ok()).collect();
                    (!values.is_empty()).then_some((name, values))
                })
                .collect(),
            method,
        };
        let unfit = |what: &str| {
            let message = format!("{what} does not fit into a header");
            Fault::new(ErrorKind::Config, Sent::No, message)
        };
        let payload = serde_json::to_string(&payload).map_err(|_| unfit("what is signed"))?;
        let signature = STANDARD.encode(self.key.sign(payload.as_bytes(), now));
        let signature = format!(
            "siderov1 {} {} {signature}",
            self.identity,
            self.key.fingerprint()
        );
        let value = |text, what| HeaderValue::try_from(text).map_err(|_| unfit(what));
        headers.insert(PAYLOAD, value(payload, "what is signed")?);
        let mut signature = value(signature, "the identity")?;
        signature.set_sensitive(true);
        headers.insert(SIGNATURE, signature);
        Ok(())
    }
}
