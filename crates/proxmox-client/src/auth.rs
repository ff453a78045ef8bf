//! Who we are: an API token, or a ticket that is kept fresh.

use std::fmt;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use proxmox_endpoints::{CreateTicket, Endpoint, Method};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer;
use crate::client::Inner;
use crate::transport::{Call, attempts};

/// Tickets live two hours.
const LIFETIME: Duration = Duration::from_secs(120 * 60);
/// Renewed from this age on, while the old one can still vouch for us.
const RENEW_AT: Duration = Duration::from_secs(90 * 60);

/// What a cookie cannot hold, and `%` because the server unescapes. The rest
/// stays as it is: other servers of this API do not unescape.
const NOT_IN_COOKIES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b';')
    .add(b'\\');

pub(crate) enum Auth {
    /// No credentials: a few calls need none.
    Nobody,
    /// Sent with every request.
    Token(HeaderValue),
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

pub(crate) struct TicketAuth {
    user: String,
    password: SecretString,
    /// Held while logging in: one login serves all who wait.
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    ticket: Option<LiveTicket>,
    logins: u64,
}

struct LiveTicket {
    user: String,
    ticket: SecretString,
    cookie: HeaderValue,
    csrf: Option<HeaderValue>,
    /// When it was got, on the client's clock.
    since: Duration,
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
        Ok(Auth::Token(sensitive(&text)?))
    }

    pub(crate) fn ticket(user: String, password: SecretString) -> Auth {
        Auth::Ticket(TicketAuth {
            user,
            password,
            live: Mutex::default(),
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
            Auth::Token(value) => Ok(Proof {
                headers: vec![(http::header::AUTHORIZATION, value.clone())],
                login: 0,
            }),
            Auth::Ticket(auth) => auth.proof(inner, deadline, method, bad).await,
        }
    }

    /// Forgets the ticket of a login that the server no longer accepts.
    pub(crate) async fn forget(&self, login: u64) {
        if let Auth::Ticket(auth) = self {
            let mut live = auth.live.lock().await;
            if live.logins == login {
                live.ticket = None;
            }
        }
    }

    /// Whether another login could mend a refused request.
    pub(crate) fn can_renew(&self) -> bool {
        matches!(self, Auth::Ticket(_))
    }
}

impl TicketAuth {
    async fn proof(
        &self,
        inner: &Inner,
        deadline: Instant,
        method: Method,
        bad: Option<u64>,
    ) -> Result<Proof> {
        let mut live = self.live.lock().await;
        if bad.is_some_and(|login| login == live.logins) {
            live.ticket = None;
        }
        let age = |t: &LiveTicket| inner.clock.elapsed().saturating_sub(t.since);
        if live.ticket.as_ref().is_some_and(|t| age(t) >= LIFETIME) {
            live.ticket = None;
        }
        if let Some(old) = live.ticket.as_ref().filter(|t| age(t) >= RENEW_AT) {
            let renewed = login(inner, deadline, &old.user, &old.ticket).await;
            match renewed {
                Ok(ticket) => replace(&mut live, ticket),
                // The old one holds for a while yet; the password follows when it does not.
                Err(error) if error.kind() == ErrorKind::Unauthenticated => live.ticket = None,
                Err(_) => {}
            }
        }
        if live.ticket.is_none() {
            let ticket = login(inner, deadline, &self.user, &self.password).await?;
            replace(&mut live, ticket);
        }
        let mut headers = Vec::with_capacity(2);
        if let Some(ticket) = &live.ticket {
            headers.push((http::header::COOKIE, ticket.cookie.clone()));
            if let (true, Some(csrf)) = (method != Method::Get, &ticket.csrf) {
                let name = http::HeaderName::from_static("csrfpreventiontoken");
                headers.push((name, csrf.clone()));
            }
        }
        Ok(Proof {
            headers,
            login: live.logins,
        })
    }
}

fn replace(live: &mut Live, ticket: LiveTicket) {
    live.ticket = Some(ticket);
    live.logins += 1;
}

async fn login(
    inner: &Inner,
    deadline: Instant,
    user: &str,
    password: &SecretString,
) -> Result<LiveTicket> {
    let named = |error: Error| error.operation(CreateTicket::operation());
    let request = CreateTicket::new(user, password.clone());
    let params = request.params().map_err(named)?;
    let call = Call {
        method: Method::Post,
        path: &request.path(),
        params: &params,
        node: None,
    };
    let since = inner.clock.elapsed();
    // Another login does no harm, so it may be tried elsewhere as a read may.
    let reply = attempts(inner, deadline, &call, &[], true)
        .await
        .map_err(named)?;
    let answer = answer::check(&reply)
        .and_then(|()| proxmox_endpoints::decode::<CreateTicket>(&reply.body))
        .map_err(|error| named(error).target(reply.target))?;
    let ticket = answer.data;
    if ticket.needs_second_factor == Some(true) {
        return Err(named(Error::new(
            ErrorKind::Unauthenticated,
            format!("{user} needs a second factor: use an API token"),
        )));
    }
    let Some(secret) = ticket.ticket else {
        return Err(named(Error::new(
            ErrorKind::Protocol,
            "the login was answered without a ticket",
        )));
    };
    let escaped = utf8_percent_encode(secret.expose_secret(), NOT_IN_COOKIES);
    Ok(LiveTicket {
        cookie: sensitive(&format!("PVEAuthCookie={escaped}"))?,
        csrf: ticket
            .csrf_token
            .map(|token| sensitive(token.expose_secret()))
            .transpose()?,
        user: ticket.username,
        ticket: secret,
        since,
    })
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
            Auth::Token(_) => f.write_str("Token([REDACTED])"),
            Auth::Ticket(auth) => write!(f, "Ticket({}, [REDACTED])", auth.user),
        }
    }
}
