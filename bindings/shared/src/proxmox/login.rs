//! `ProxmoxLogin`: a login whose second factor somebody is asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use homelab_core::{Error, ErrorKind, Result, Sent};
use proxmox_client::{ProxmoxClient, SecondFactor, SecondFactorAnswer};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::args::seconds;
use crate::handle::{Object, no_method};
use crate::reply::data;
use crate::{Args, Handle, Reply};

/// How long somebody may take to answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the server takes as the second factor of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SecondFactorChallenge {
    /// Who logs in.
    user: String,
    /// Whether a code of an authenticator app will do.
    totp: bool,
    /// The numbers of the recovery keys that are not used up.
    recovery: Vec<u32>,
    /// Whether a Yubico one-time password will do.
    yubico: bool,
    /// What a `WebAuthn` authenticator must sign, as JSON text.
    webauthn: Option<String>,
    /// The same for U2F, the older form, as JSON text.
    u2f: Option<String>,
}

impl From<proxmox_client::SecondFactorChallenge> for SecondFactorChallenge {
    fn from(asked: proxmox_client::SecondFactorChallenge) -> Self {
        SecondFactorChallenge {
            user: asked.user,
            totp: asked.totp,
            recovery: asked.recovery,
            yubico: asked.yubico,
            webauthn: asked.webauthn.map(|json| json.to_string()),
            u2f: asked.u2f.map(|json| json.to_string()),
        }
    }
}

type Asked = (
    proxmox_client::SecondFactorChallenge,
    oneshot::Sender<SecondFactorAnswer>,
);

/// A login under way, or done.
#[derive(Clone)]
pub(crate) struct Login(Arc<Mutex<State>>);

enum State {
    /// The server waits for a second factor.
    Asked {
        challenge: SecondFactorChallenge,
        answer: oneshot::Sender<SecondFactorAnswer>,
        rest: BoxFuture<'static, Result<()>>,
        pve: ProxmoxClient,
    },
    Done(ProxmoxClient),
    /// It failed, or its answer was cancelled.
    Over,
}

/// What `ProxmoxClient.log_in` does.
pub(crate) async fn log_in(args: &mut Args) -> Result<Reply> {
    let patience = seconds(args, "answer_timeout_seconds")?.unwrap_or(PATIENCE);
    let (ask, mut asked) = mpsc::channel::<Asked>(1);
    let builder = super::builder(args)?.second_factor(SecondFactor::ask(move |challenge| {
        let ask = ask.clone();
        async move {
            let (answer, given) = oneshot::channel();
            ask.send((challenge, answer))
                .await
                .map_err(|_| nobody_listens())?;
            given.await.map_err(|_| nobody_listens())
        }
    }));
    let pve = builder.build()?;
    let patient = pve.with_timeout(patience);
    let mut rest = async move { patient.version().await.map(|_| ()) }.boxed();
    let state = tokio::select! {
        biased;
        Some((challenge, answer)) = asked.recv() => State::Asked {
            challenge: challenge.into(),
            answer,
            rest,
            pve,
        },
        outcome = &mut rest => outcome.map(|()| State::Done(pve))?,
    };
    let login = Login(Arc::new(Mutex::new(state)));
    Ok(Handle::new(Object::ProxmoxLogin(login)).into())
}

pub(crate) async fn login(login: &Login, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "challenge" => data(&match &*login.state() {
            State::Asked { challenge, .. } => Some(challenge.clone()),
            _ => None,
        }),
        "answer" => {
            let answer = answer(args)?;
            let pve = login.finish(answer).await?;
            Ok(Handle::new(Object::ProxmoxClient(pve)).into())
        }
        "client" => match &*login.state() {
            State::Done(pve) => Ok(Handle::new(Object::ProxmoxClient(pve.clone())).into()),
            State::Asked { .. } => Err(precondition("it waits for a second factor: answer it")),
            State::Over => Err(over()),
        },
        _ => Err(no_method("ProxmoxLogin", method)),
    }
}

impl Login {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the answer and waits for the server's verdict. There is one try:
    /// what the server was asked is used up by it.
    async fn finish(&self, given: SecondFactorAnswer) -> Result<ProxmoxClient> {
        let state = std::mem::replace(&mut *self.state(), State::Over);
        let (answer, rest, pve) = match state {
            State::Asked {
                answer, rest, pve, ..
            } => (answer, rest, pve),
            State::Done(pve) => {
                *self.state() = State::Done(pve);
                return Err(precondition("it is done: no second factor is asked for"));
            }
            State::Over => return Err(over()),
        };
        answer.send(given).map_err(|_| over())?;
        rest.await?;
        *self.state() = State::Done(pve.clone());
        Ok(pve)
    }
}

fn answer(args: &mut Args) -> Result<SecondFactorAnswer> {
    let kind: String = args.take("kind")?;
    let value: String = args.take("value")?;
    Ok(match kind.as_str() {
        "totp" => SecondFactorAnswer::Totp(value.into()),
        "recovery" => SecondFactorAnswer::Recovery(value.into()),
        "yubico" => SecondFactorAnswer::Yubico(value.into()),
        "webauthn" => SecondFactorAnswer::WebAuthn(value.into()),
        "u2f" => SecondFactorAnswer::U2f(value.into()),
        other => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "argument kind: '{other}' is none of totp, recovery, yubico, webauthn, u2f"
                ),
            )
            .sent(Sent::No));
        }
    })
}

fn precondition(why: &str) -> Error {
    Error::new(ErrorKind::FailedPrecondition, why).sent(Sent::No)
}

fn over() -> Error {
    precondition("the login has failed or was given up: log in anew")
}

fn nobody_listens() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the server asks for a second factor again, and nobody is there to answer: log in anew",
    )
    .sent(Sent::No)
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}
