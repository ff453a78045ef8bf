//! Why a call did not work, below gRPC.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Retry, Sent};
use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// A failure below gRPC: no connection, no trust, an answer that is no gRPC.
///
/// Generated clients reached through `raw()` carry it as the source of their status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    kind: ErrorKind,
    sent: Sent,
    message: String,
    /// How long the endpoint is left alone; asking sooner gives the same answer.
    wait: Option<Duration>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Fault {}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, sent: Sent, message: impl Into<String>) -> Self {
        Fault {
            kind,
            sent,
            message: message.into(),
            wait: None,
        }
    }

    /// Nobody there, surely nothing sent.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Fault::new(ErrorKind::Unavailable, Sent::No, message)
    }

    /// The connection broke under a request.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Fault::new(ErrorKind::Unavailable, Sent::Maybe, message)
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the request may have reached the server.
    pub fn was_sent(&self) -> Sent {
        self.sent
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same with the endpoint's address in front.
    pub(crate) fn at(mut self, endpoint: impl fmt::Display) -> Self {
        self.message = format!("{endpoint}: {}", self.message);
        self
    }

    pub(crate) fn to_error(&self) -> Error {
        let error = Error::new(self.kind, self.message.clone()).sent(self.sent);
        match self.wait {
            Some(wait) => error.retry(Retry::After(wait)),
            None => error,
        }
    }

    /// The same, remembered: the endpoint is not asked again before `wait` has passed.
    pub(crate) fn again_in(mut self, wait: Duration) -> Self {
        self.message = format!("{}, next try in {:.1} s", self.message, wait.as_secs_f64());
        self.waiting(wait)
    }

    pub(crate) fn waiting(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    pub(crate) fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// A failure while connecting: nothing has been sent.
    pub(crate) fn connecting(error: &io::Error) -> Self {
        match tls_error(error) {
            Some(tls) => Fault::from_tls(tls),
            None => Fault::unreachable(root_cause(error)),
        }
    }

    /// Which side did not trust the other decides the kind.
    pub(crate) fn from_tls(error: &TlsError) -> Self {
        let (kind, message) = match error {
            TlsError::InvalidCertificate(why) => (ErrorKind::Untrusted, untrusted(why)),
            TlsError::AlertReceived(alert) => match alert {
                AlertDescription::CertificateExpired => (
                    ErrorKind::Unauthenticated,
                    "the server says that our client certificate has expired".to_owned(),
                ),
                AlertDescription::CertificateRequired | AlertDescription::NoCertificate => (
                    ErrorKind::Unauthenticated,
                    "the server wants a client certificate".to_owned(),
                ),
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError => (
                    ErrorKind::Unauthenticated,
                    format!("the server refuses our client certificate ({alert:?})"),
                ),
                AlertDescription::NoApplicationProtocol => (
                    ErrorKind::Protocol,
                    "the server does not speak HTTP/2".to_owned(),
                ),
                other => (
                    ErrorKind::Unavailable,
                    format!("the server ended the TLS handshake ({other:?})"),
                ),
            },
            TlsError::InvalidMessage(_) => (
                ErrorKind::Protocol,
                format!("the server does not speak TLS: {error}"),
            ),
            other => (ErrorKind::Unavailable, format!("TLS failed: {other}")),
        };
        Fault::new(kind, Sent::No, message)
    }
}

fn untrusted(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not signed by a CA of the talosconfig".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; compare the clocks".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate does not carry this name or address".to_owned()
        }
        other => format!("the server's certificate cannot be trusted: {other}"),
    }
}

/// The TLS error inside an I/O error, if it is one.
pub(crate) fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// The innermost sentence: outer ones say "connect error" in other words.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_distrusts_whom() {
        let received = |alert| Fault::from_tls(&TlsError::AlertReceived(alert)).kind();
        assert_eq!(
            received(AlertDescription::CertificateExpired),
            ErrorKind::Unauthenticated
        );
        assert_eq!(
            received(AlertDescription::BadCertificate),
            ErrorKind::Unauthenticated
        );
        assert_eq!(
            received(AlertDescription::UnknownCA),
            ErrorKind::Unauthenticated
        );
        assert_eq!(
            received(AlertDescription::InternalError),
            ErrorKind::Unavailable
        );
        let own = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(Fault::from_tls(&own).kind(), ErrorKind::Untrusted);
        assert_eq!(Fault::from_tls(&own).was_sent(), Sent::No);
    }

    #[test]
    fn refused_is_not_sent() {
        let fault = Fault::connecting(&io::Error::from_raw_os_error(111));
        assert_eq!(fault.kind(), ErrorKind::Unavailable);
        assert_eq!(fault.was_sent(), Sent::No);
        assert_eq!(fault.message(), "connection refused");
    }
}
