//! [`SecondFactor`]: how to answer when the server asks for one.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use homelab_core::{Clock, Error, ErrorKind, ExposeSecret, Result, SecretString, Sent};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::totp::Totp;

/// How to answer when a login needs a second factor. Give several, and the
/// first that the server accepts for the user is used.
///
/// ```
/// use proxmox_client::SecondFactor;
///
/// let factor = SecondFactor::totp_secret("GEZDGNBVGY3TQOJQ")?;
/// # Ok::<(), homelab_core::Error>(())
/// ```
///
/// A ticket is renewed without it, so it is asked for once; again only when
/// the client was idle for longer than a ticket lives (two hours).
#[derive(Clone)]
pub struct SecondFactor(Arc<Kind>);

enum Kind {
    Totp {
        totp: Totp,
        /// The server takes each code once.
        used: Mutex<Option<u64>>,
    },
    /// Answers that each work once, in order.
    Once(Mutex<Vec<SecondFactorAnswer>>),
    Ask(Box<dyn Fn(SecondFactorChallenge) -> Asked + Send + Sync>),
}

type Asked = Pin<Box<dyn Future<Output = Result<SecondFactorAnswer>> + Send>>;

/// What the server takes as the second factor of a login.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SecondFactorChallenge {
    /// Who logs in.
    pub user: String,
    /// Whether a code of an authenticator app will do.
    pub totp: bool,
    /// The numbers of the recovery keys that are not used up.
    pub recovery: Vec<u32>,
    /// Whether a Yubico one-time password will do.
    pub yubico: bool,
    /// What a `WebAuthn` authenticator must sign, as the browser's API takes it.
    pub webauthn: Option<serde_json::Value>,
    /// The same for U2F, the older form.
    pub u2f: Option<serde_json::Value>,
}

/// An answer to a [`SecondFactorChallenge`]. `Debug` does not show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SecondFactorAnswer {
    /// The code that an authenticator app shows.
    Totp(SecretString),
    /// A recovery key.
    Recovery(SecretString),
    /// A one-time password of a Yubikey.
    Yubico(SecretString),
    /// The assertion of a `WebAuthn` authenticator, as JSON text.
    WebAuthn(SecretString),
    /// The signature of a U2F token, as JSON text.
    U2f(SecretString),
}

impl SecondFactor {
    /// Computes codes from the secret of an authenticator app: in base32, or
    /// the whole `otpauth://` link that its QR code holds.
    ///
    /// # Errors
    /// `InvalidArgument` when it is neither.
    pub fn totp_secret(secret: impl Into<SecretString>) -> Result<Self> {
        let totp = Totp::parse(&secret.into())?;
        let used = Mutex::default();
        Ok(SecondFactor(Arc::new(Kind::Totp { totp, used })))
    }

    /// A code that an authenticator app shows now. Good for one login.
    pub fn totp_code(code: impl Into<SecretString>) -> Self {
        SecondFactor::once(vec![SecondFactorAnswer::Totp(code.into())])
    }

    /// Recovery keys, each of which works once.
    pub fn recovery_keys<K: Into<SecretString>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(Into::into);
        SecondFactor::once(keys.map(SecondFactorAnswer::Recovery).collect())
    }

    fn once(mut answers: Vec<SecondFactorAnswer>) -> Self {
        answers.reverse();
        SecondFactor(Arc::new(Kind::Once(Mutex::new(answers))))
    }

    /// Asks whoever can know, each time one is needed. The login's deadline
    /// runs meanwhile: give a client that asks people a long
    /// [`request_timeout`](crate::ProxmoxClientBuilder::request_timeout).
    pub fn ask<F, A>(ask: F) -> Self
    where
        F: Fn(SecondFactorChallenge) -> A + Send + Sync + 'static,
        A: Future<Output = Result<SecondFactorAnswer>> + Send + 'static,
    {
        let ask = move |challenge| Box::pin(ask(challenge)) as Asked;
        SecondFactor(Arc::new(Kind::Ask(Box::new(ask))))
    }

    fn fits(&self, challenge: &SecondFactorChallenge) -> bool {
        match &*self.0 {
            Kind::Totp { .. } => challenge.totp,
            Kind::Once(left) => match left.lock().unwrap_or_else(PoisonError::into_inner).last() {
                Some(SecondFactorAnswer::Totp(_)) => challenge.totp,
                Some(SecondFactorAnswer::Recovery(_)) => !challenge.recovery.is_empty(),
                _ => false,
            },
            Kind::Ask(_) => true,
        }
    }

    async fn answer(
        &self,
        challenge: &SecondFactorChallenge,
        clock: &dyn Clock,
    ) -> Result<SecondFactorAnswer> {
        match &*self.0 {
            Kind::Totp { totp, used } => {
                let last = *used.lock().unwrap_or_else(PoisonError::into_inner);
                if last == Some(totp.step(clock.now())) {
                    clock.sleep(totp.until_next(clock.now())).await;
                }
                let step = totp.step(clock.now());
                *used.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
                Ok(SecondFactorAnswer::Totp(totp.code(step)))
            }
            Kind::Once(left) => left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
                .ok_or_else(|| unanswered(challenge)),
            Kind::Ask(ask) => ask(challenge.clone()).await,
        }
    }
}

/// The answer of the first of `factors` that fits.
///
/// # Errors
/// `Unauthenticated` when none does; whatever a callback says.
pub(super) async fn answer(
    factors: &[SecondFactor],
    challenge: &SecondFactorChallenge,
    clock: &dyn Clock,
) -> Result<SecondFactorAnswer> {
    match factors.iter().find(|factor| factor.fits(challenge)) {
        Some(factor) => factor.answer(challenge, clock).await,
        None => Err(unanswered(challenge)),
    }
}

fn unanswered(challenge: &SecondFactorChallenge) -> Error {
    let takes = challenge.takes();
    let takes = if takes.is_empty() {
        "nothing that is left".to_owned()
    } else {
        takes.join(", ")
    };
    Error::new(
        ErrorKind::Unauthenticated,
        format!(
            "{} needs a second factor (the server takes: {takes}): give the client one that is not used up, or use an API token",
            challenge.user
        ),
    )
    .sent(Sent::No)
}

impl SecondFactorChallenge {
    /// What the half ticket of a first login step asks for. It reads
    /// `PVE:!tfa!JSON:TIME::SIGNATURE`, with the colons in the JSON escaped.
    pub(super) fn from_half_ticket(user: &str, ticket: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            totp: Option<serde_json::Value>,
            #[serde(default)]
            recovery: Option<serde_json::Value>,
            #[serde(default)]
            yubico: Option<serde_json::Value>,
            #[serde(default)]
            webauthn: Option<serde_json::Value>,
            #[serde(default)]
            u2f: Option<serde_json::Value>,
        }
        let json = ticket.strip_prefix("PVE:!tfa!")?.split(':').next()?;
        let json = percent_decode_str(json).decode_utf8().ok()?;
        let wire: Wire = serde_json::from_str(&json).ok()?;
        let recovery = match wire.recovery {
            Some(serde_json::Value::Array(left)) => left
                .iter()
                .filter_map(|n| u32::try_from(n.as_u64()?).ok())
                .collect(),
            _ => Vec::new(),
        };
        Some(SecondFactorChallenge {
            user: user.to_owned(),
            totp: wire.totp.is_some_and(truthy),
            recovery,
            yubico: wire.yubico.is_some_and(truthy),
            webauthn: wire.webauthn.filter(|v| !v.is_null()),
            u2f: wire.u2f.filter(|v| !v.is_null()),
        })
    }

    fn takes(&self) -> Vec<&'static str> {
        [
            (self.totp, "totp"),
            (!self.recovery.is_empty(), "recovery keys"),
            (self.yubico, "yubico"),
            (self.webauthn.is_some(), "webauthn"),
            (self.u2f.is_some(), "u2f"),
        ]
        .into_iter()
        .filter_map(|(taken, name)| taken.then_some(name))
        .collect()
    }
}

fn truthy(value: serde_json::Value) -> bool {
    match value {
        serde_json::Value::Bool(truth) => truth,
        serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
        serde_json::Value::Null => false,
        _ => true,
    }
}

impl SecondFactorAnswer {
    /// As the login's `password` holds it: `totp:123456`.
    pub(super) fn to_wire(&self) -> SecretString {
        let (kind, secret) = match self {
            SecondFactorAnswer::Totp(code) => ("totp", code),
            SecondFactorAnswer::Recovery(key) => ("recovery", key),
            SecondFactorAnswer::Yubico(code) => ("yubico", code),
            SecondFactorAnswer::WebAuthn(json) => ("webauthn", json),
            SecondFactorAnswer::U2f(json) => ("u2f", json),
        };
        format!("{kind}:{}", secret.expose_secret().trim()).into()
    }
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Kind::Totp { .. } => "SecondFactor(totp secret)",
            Kind::Once(_) => "SecondFactor(one-time answers)",
            Kind::Ask(_) => "SecondFactor(ask)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_ticket_tells_what_is_taken() {
        let ticket = r#"PVE:!tfa!{"totp"%3Atrue,"recovery"%3A[0,3]}:6B0343B7::sig"#;
        let challenge = SecondFactorChallenge::from_half_ticket("a@pve", ticket).unwrap();
        assert!(challenge.totp && !challenge.yubico && challenge.webauthn.is_none());
        assert_eq!(challenge.recovery, [0, 3]);
        for not_one in [
            "PVE:root@pam:6B0343B7::sig",
            "PVE:!tfa!{:6B::sig",
            "",
            "PVE:!tfa!x",
        ] {
            assert!(SecondFactorChallenge::from_half_ticket("a@pve", not_one).is_none());
        }
    }

    #[test]
    fn answers_have_their_prefix_and_are_not_shown() {
        let answer = SecondFactorAnswer::Recovery("ab12-cd34".into());
        assert_eq!(answer.to_wire().expose_secret(), "recovery:ab12-cd34");
        assert!(!format!("{answer:?}").contains("ab12"));
        let factor = SecondFactor::recovery_keys(["ab12"]);
        assert!(!format!("{factor:?}").contains("ab12"));
    }
}
