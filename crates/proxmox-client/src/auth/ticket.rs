//! Tickets: got with a password and perhaps a second factor, renewed in time.

use std::time::Duration;

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use proxmox_endpoints::{CreateTicket, Endpoint, Method, Ticket};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::second_factor::{self, SecondFactor, SecondFactorChallenge};
use super::{Proof, sensitive};
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

pub(crate) struct TicketAuth {
    user: String,
    /// None for a session whose ticket was got elsewhere.
    password: Option<SecretString>,
    factors: Vec<SecondFactor>,
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

impl LiveTicket {
    fn new(user: &str, ticket: Ticket, since: Duration) -> Result<Self> {
        let Some(secret) = ticket.ticket else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the login was answered without a ticket",
            ));
        };
        let escaped = utf8_percent_encode(secret.expose_secret(), NOT_IN_COOKIES);
        Ok(LiveTicket {
            cookie: sensitive(&format!("PVEAuthCookie={escaped}"))?,
            csrf: ticket
                .csrf_token
                .map(|token| sensitive(token.expose_secret()))
                .transpose()?,
            user: match ticket.username {
                name if name.is_empty() => user.to_owned(),
                name => name,
            },
            ticket: secret,
            since,
        })
    }
}

impl TicketAuth {
    pub(crate) fn new(
        user: String,
        password: SecretString,
        factors: Vec<SecondFactor>,
    ) -> Result<Self> {
        let named = user
            .split_once('@')
            .is_some_and(|(name, realm)| !name.is_empty() && !realm.is_empty());
        if !named {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("'{user}' names no realm: a user reads root@pam"),
            ));
        }
        Ok(TicketAuth {
            user,
            password: Some(password),
            factors,
            live: Mutex::default(),
        })
    }

    /// Goes on with a ticket that was got elsewhere, at `now` on the client's clock.
    pub(crate) fn session(ticket: Ticket, now: Duration) -> Result<Self> {
        let user = ticket.username.clone();
        Ok(TicketAuth {
            live: Mutex::new(Live {
                ticket: Some(LiveTicket::new(&user, ticket, now)?),
                logins: 1,
            }),
            user,
            password: None,
            factors: Vec::new(),
        })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(super) async fn forget(&self, login: u64) {
        let mut live = self.live.lock().await;
        if live.logins == login {
            live.ticket = None;
        }
    }

    pub(super) async fn proof(
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
            let renewed = self.login(inner, deadline, &old.user, &old.ticket).await;
            match renewed {
                Ok(ticket) => replace(&mut live, ticket),
                // The old one holds for a while yet; the password follows when it does not.
                Err(error) if error.kind() == ErrorKind::Unauthenticated => live.ticket = None,
                Err(_) => {}
            }
        }
        if live.ticket.is_none() {
            let Some(password) = &self.password else {
                return Err(Error::new(
                    ErrorKind::Unauthenticated,
                    "the session's ticket is no longer good, and there is no password to get another: log in anew",
                )
                .sent(homelab_core::Sent::No));
            };
            let ticket = self.login(inner, deadline, &self.user, password).await?;
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

    async fn login(
        &self,
        inner: &Inner,
        deadline: Instant,
        user: &str,
        password: &SecretString,
    ) -> Result<LiveTicket> {
        let named = |error: Error| error.operation(CreateTicket::operation());
        let since = inner.clock.elapsed();
        let mut request = CreateTicket::new(user, password.clone());
        // Releases before 8.0 answer in an older form otherwise.
        request.new_format = Some(true);
        let mut ticket = create(inner, deadline, &request, true).await?;
        if ticket.needs_second_factor == Some(true) {
            let half = ticket.ticket.unwrap_or_default();
            let challenge = SecondFactorChallenge::from_half_ticket(user, half.expose_secret())
                .ok_or_else(|| {
                    named(Error::new(
                        ErrorKind::Protocol,
                        "the server wants a second factor in a form that is not known",
                    ))
                })?;
            let answer = second_factor::answer(&self.factors, &challenge, &*inner.clock)
                .await
                .map_err(named)?;
            request.password = answer.to_wire();
            request.tfa_challenge = Some(half);
            // A code works once: not to be sent again elsewhere.
            ticket = create(inner, deadline, &request, false).await?;
            if ticket.needs_second_factor == Some(true) {
                return Err(named(Error::new(
                    ErrorKind::Unauthenticated,
                    "the server wants yet another factor",
                )));
            }
        }
        LiveTicket::new(user, ticket, since).map_err(named)
    }
}

async fn create(
    inner: &Inner,
    deadline: Instant,
    request: &CreateTicket,
    repeatable: bool,
) -> Result<Ticket> {
    let named = |error: Error| error.operation(CreateTicket::operation());
    let params = request.params().map_err(named)?;
    let call = Call {
        method: Method::Post,
        path: &request.path(),
        params: &params,
        node: None,
    };
    // Another login does no harm, so it may be tried elsewhere as a read may.
    let reply = attempts(inner, deadline, &call, &[], repeatable)
        .await
        .map_err(named)?;
    let answer = answer::check(&reply)
        .and_then(|()| proxmox_endpoints::decode::<CreateTicket>(&reply.body))
        .map_err(|error| named(error).target(reply.target))?;
    Ok(answer.data)
}

fn replace(live: &mut Live, ticket: LiveTicket) {
    live.ticket = Some(ticket);
    live.logins += 1;
}
