//! Time-based one-time passwords, computed from the secret (RFC 6238).

use std::fmt;
use std::time::{Duration, SystemTime};

use homelab_core::{Error, ErrorKind, ExposeSecret, Result, SecretString};
use percent_encoding::percent_decode_str;
use ring::hmac;

/// A TOTP secret, as an authenticator app keeps it. `Debug` does not show it.
///
/// Proxmox VE's own enrolment uses SHA-1, six digits and steps of 30 seconds;
/// `otpauth://` links may say otherwise.
pub(crate) struct Totp {
    key: hmac::Key,
    digits: u32,
    step_seconds: u64,
}

impl Totp {
    /// From the secret in base32, or from a whole `otpauth://totp/…` link.
    ///
    /// # Errors
    /// `InvalidArgument`; the message does not hold the secret.
    pub(crate) fn parse(text: &SecretString) -> Result<Self> {
        let text = text.expose_secret().trim();
        let Some(link) = text.strip_prefix("otpauth://") else {
            return Totp::new(text, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, 6, 30);
        };
        let query = link
            .strip_prefix("totp/")
            .and_then(|rest| rest.split_once('?'))
            .map(|(_, query)| query)
            .ok_or_else(|| refused("an otpauth link reads otpauth://totp/NAME?secret=…"))?;
        let (mut secret, mut algorithm) = (None, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
        let (mut digits, mut step) = (6, 30);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "secret" => secret = Some(value.into_owned()),
                "algorithm" => algorithm = algorithm_named(&value)?,
                "digits" => digits = number(&value, "digits")?,
                "period" => step = number(&value, "period")?,
                _ => {}
            }
        }
        let secret = secret.ok_or_else(|| refused("the otpauth link holds no secret"))?;
        Totp::new(&secret, algorithm, digits, step)
    }

    fn new(base32: &str, algorithm: hmac::Algorithm, digits: u32, step: u64) -> Result<Self> {
        let compact: String = base32
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '='))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = data_encoding::BASE32_NOPAD
            .decode(compact.as_bytes())
            .map_err(|_| refused("a TOTP secret is base32: letters and the digits 2 to 7"))?;
        if bytes.is_empty() {
            return Err(refused("the TOTP secret is empty"));
        }
        if !(6..=8).contains(&digits) || !(10..=300).contains(&step) {
            return Err(refused(
                "a code has 6 to 8 digits and lives 10 to 300 seconds",
            ));
        }
        Ok(Totp {
            key: hmac::Key::new(algorithm, &bytes),
            digits,
            step_seconds: step,
        })
    }

    /// Which step a moment falls into. The server takes each code once, so two
    /// logins within one step cannot both use its code.
    pub(crate) fn step(&self, now: SystemTime) -> u64 {
        seconds_since_1970(now) / self.step_seconds
    }

    /// How long until the next step begins.
    pub(crate) fn until_next(&self, now: SystemTime) -> Duration {
        let into = seconds_since_1970(now) % self.step_seconds;
        Duration::from_secs(self.step_seconds - into)
    }

    /// The code of a step.
    pub(crate) fn code(&self, step: u64) -> SecretString {
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
        let number = tag
            .iter()
            .skip(offset)
            .take(4)
            .fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let code = (number & 0x7fff_ffff) % 10u32.pow(self.digits);
        format!("{code:0width$}", width = self.digits as usize).into()
    }
}

fn seconds_since_1970(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn algorithm_named(name: &str) -> Result<hmac::Algorithm> {
    match name.to_ascii_uppercase().as_str() {
        "SHA1" => Ok(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "SHA256" => Ok(hmac::HMAC_SHA256),
        "SHA512" => Ok(hmac::HMAC_SHA512),
        other => Err(refused(format!(
            "the algorithm '{other}' is none of SHA1, SHA256, SHA512"
        ))),
    }
}

fn number<T: std::str::FromStr>(text: &str, name: &str) -> Result<T> {
    text.parse()
        .map_err(|_| refused(format!("{name} of the otpauth link is no number")))
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, why)
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6238, appendix B; the keys are the ASCII digits in base32.
    const SHA1: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const SHA256: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";

    fn code(text: &str, seconds: u64) -> String {
        let totp = Totp::parse(&text.into()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        totp.code(totp.step(now)).expose_secret().to_owned()
    }

    #[test]
    fn the_vectors_of_the_standard() {
        let link = |secret: &str, algorithm: &str| {
            format!(
                "otpauth://totp/pve:root%40pam?secret={secret}&issuer=x&algorithm={algorithm}&digits=8&period=30"
            )
        };
        for (seconds, sha1, sha256) in [
            (59, "94287082", "46119246"),
            (1_111_111_109, "07081804", "68084774"),
            (2_000_000_000, "69279037", "90698825"),
        ] {
            assert_eq!(code(&link(SHA1, "SHA1"), seconds), sha1);
            assert_eq!(code(&link(SHA256, "SHA256"), seconds), sha256);
        }
        // Six digits are the last six; people copy secrets in groups.
        assert_eq!(
            code("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", 59),
            "287082"
        );
    }

    #[test]
    fn steps_end_when_they_should() {
        let totp = Totp::parse(&SHA1.into()).unwrap();
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        assert_eq!(totp.step(at(59)), 1);
        assert_eq!(totp.until_next(at(59)), Duration::from_secs(1));
        assert_eq!(totp.until_next(at(60)), Duration::from_secs(30));
    }

    #[test]
    fn bad_secrets_are_refused_without_being_shown() {
        for bad in [
            "",
            "1890!",
            "otpauth://hotp/x?secret=GEZDGNBV",
            "otpauth://totp/x?digits=6",
        ] {
            let error = Totp::parse(&bad.into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(bad.is_empty() || !error.message().contains(bad));
        }
        let bad = "otpauth://totp/x?secret=GEZDGNBV&digits=60";
        assert!(Totp::parse(&bad.into()).is_err());
    }
}
