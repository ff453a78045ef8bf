//! [`Ticket`]: the answer to a login.

use homelab_core::SecretString;
use serde::Deserialize;

/// The answer to a login. `Debug` shows no secret.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Ticket {
    /// The user as the server writes it: `root@pam`.
    pub username: String,
    /// The ticket, good for two hours; or half of one when a second factor is due.
    #[serde(default)]
    pub ticket: Option<SecretString>,
    /// What every request but GET must repeat when a ticket is used.
    #[serde(default, rename = "CSRFPreventionToken")]
    pub csrf_token: Option<SecretString>,
    /// The cluster's name; absent on a host that stands alone.
    #[serde(default, rename = "clustername")]
    pub cluster_name: Option<String>,
    /// Whether a second factor is due before the ticket is good for anything.
    #[serde(default, rename = "NeedTFA", deserialize_with = "crate::tolerant::opt")]
    pub needs_second_factor: Option<bool>,
}

#[cfg(test)]
mod tests {
    use crate::{CreateTicket, Endpoint};

    #[test]
    fn debug_shows_no_secret_on_the_way_out_or_in() {
        let request = CreateTicket::new("root@pam", "hunter2".into());
        let params = request.params().unwrap();
        assert!(params.to_query().contains("hunter2"));
        assert!(!format!("{request:?} {params:?}").contains("hunter2"));
        let body =
            r#"{"data":{"username":"root@pam","ticket":"PVE:x","CSRFPreventionToken":"y1"}}"#;
        let ticket = crate::decode::<CreateTicket>(body).unwrap().data;
        let shown = format!("{ticket:?}");
        assert!(!shown.contains("PVE:x") && !shown.contains("y1"), "{shown}");
    }
}
