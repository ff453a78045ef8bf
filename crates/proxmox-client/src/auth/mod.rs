//! Who we are: an API token, or a ticket that is kept fresh.

mod second_factor;
mod session;
mod ticket;
mod totp;

use std::fmt;

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};
use http::HeaderValue;
use proxmox_endpoints::Method;
use tokio::time::Instant;

use crate::client::Inner;

pub use second_factor::{SecondFactor, SecondFactorAnswer, SecondFactorChallenge};
pub(crate) use ticket::TicketAuth;
#[cfg(any(test, fuzzing))]
pub(crate) use totp::Totp;

pub(crate) enum Auth {
    /// No credentials: a few calls need none.
    Nobody,
    /// Sent with every request.
    Token { id: String, header: HeaderValue },
    /// Logs in before the first request.
    Ticket(TicketAuth),
}

/// The headers that prove who we are.
#[derive(Clone)]
pub(crate) struct Proof {
    pub(crate) headers: Vec<(http::HeaderName, HeaderValue)>,
    /// Which login it came from, so that only one caller replaces a bad one.
    pub(crate) login: u64,
}

impl Auth {
    pub(crate) fn token(id: &str, secret: &SecretString) -> Result<Auth> {
        let well_formed = id
            .split_once('!')
            .is_some_and(|(user, name)| user.contains('@') && !name.is_empty());
        if !well_formed {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("'{id}' is not a token id: it reads user@realm!name"),
            ));
        }
        let text = format!("PVEAPIToken={id}={}", secret.expose_secret());
        Ok(Auth::Token {
            id: id.to_owned(),
            header: sensitive(&text)?,
        })
    }

    /// The proof for a request; logs in or renews when due. `bad` is the login
    /// whose ticket was just refused.
    pub(crate) async fn proof(
        &self,
        inner: &Inner,
        deadline: Instant,
        method: Method,
        bad: Option<u64>,
    ) -> Result<Proof> {
        match self {
            Auth::Nobody => Ok(Proof {
                headers: Vec::new(),
                login: 0,
            }),
            Auth::Token { header, .. } => Ok(Proof {
                headers: vec![(http::header::AUTHORIZATION, header.clone())],
                login: 0,
            }),
            Auth::Ticket(auth) => auth.proof(inner, deadline, method, bad).await,
        }
    }

    /// Forgets the ticket of a login that the server no longer accepts.
    pub(crate) async fn forget(&self, login: u64) {
        if let Auth::Ticket(auth) = self {
            auth.forget(login).await;
        }
    }

    /// Whether another login could mend a refused request.
    pub(crate) fn can_renew(&self) -> bool {
        matches!(self, Auth::Ticket(_))
    }

    /// Whether it is an API token, which some calls do not take.
    pub(crate) fn is_token(&self) -> bool {
        matches!(self, Auth::Token { .. })
    }

    /// Who it is: `root@pam`, `root@pam!ci`; `None` without credentials.
    pub(crate) fn who(&self) -> Option<&str> {
        match self {
            Auth::Nobody => None,
            Auth::Token { id, .. } => Some(id),
            Auth::Ticket(auth) => Some(auth.user()),
        }
    }

    /// Adds what a refusal means for credentials of this form: the server's
    /// sentence alone lets people look for a missing privilege that no role has.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let Auth::Token { id, .. } = self else {
            return error;
        };
        let text = error.message().to_ascii_lowercase();
        let holds = |part: &str| text.contains(part);
        if holds("not available with api token") || holds("does not look like a valid user name") {
            return error.hint("API tokens may not make this call: log in with user and password");
        }
        // The server compares the id with the text `root@pam`, and a token's is longer.
        let only_root = holds("root@pam")
            || holds("only root ")
            || holds("for non-mapped devices")
            || holds("for real devices");
        if error.kind() == ErrorKind::PermissionDenied && only_root {
            let why = if id.starts_with("root@pam!") {
                "a token of root@pam is not root@pam, whatever its privileges: log in as root@pam with its password"
            } else {
                "no privilege opens this to others: log in as root@pam with its password"
            };
            return error.hint(why);
        }
        error
    }
}

/// A header that logs and `Debug` do not show.
fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            ErrorKind::InvalidArgument,
            "the credentials hold characters that no HTTP header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Nobody => f.write_str("Nobody"),
            Auth::Token { id, .. } => write!(f, "Token({id}, [REDACTED])"),
            Auth::Ticket(auth) => write!(f, "Ticket({}, [REDACTED])", auth.user()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_token_is_told_that_it_is_not_root() {
        let token = Auth::token("root@pam!ci", &"x".into()).unwrap();
        for text in [
            "only root can set 'args' config",
            "Only root may use this option.",
            "Permission check failed (user != root@pam)",
        ] {
            let error = token.explain(crate::errors::from_answer(500, text, ""));
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.message().starts_with(text), "{error}");
            assert!(error.message().contains("is not root@pam"), "{error}");
        }
        let text = "URI '/access/password' not available with API token, need proper ticket.";
        let error = token.explain(crate::errors::from_answer(403, text, ""));
        assert!(error.message().contains("log in with user"), "{error}");
        let missing = "Permission check failed (/vms/100, VM.Audit)";
        let error = token.explain(crate::errors::from_answer(403, missing, ""));
        assert_eq!(error.message(), missing);
    }
}
