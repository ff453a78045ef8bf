//! Login tickets and CSRF prevention tokens.
//!
//! A ticket is `PVE:USERID:HEXTIME8::BASE64SIG`, a CSRF token `HEXTIME:SIG`.
//! Real signatures are RSA; here a keyed hash, stretched to the same length so
//! that clients meet the same characters (`+`, `/`, `=`) to escape.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// How long a ticket lives.
const LIFETIME: u64 = 7200;
/// How long the ticket of a console lives.
const CONSOLE_LIFETIME: u64 = 40;
/// How far the clocks of hosts may be apart.
const SKEW: u64 = 300;

/// Signs and checks tickets for the whole cluster.
pub(super) struct TicketKey([u8; 32]);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(..)")
    }
}

impl TicketKey {
    pub(super) fn new(key: [u8; 32]) -> Self {
        TicketKey(key)
    }

    /// A ticket for `user`, issued at `now` (Unix seconds).
    pub(super) fn ticket(&self, user: &str, now: u64) -> String {
        let plain = format!("PVE:{user}:{now:08X}");
        let signature: Vec<u8> = (0..8)
            .flat_map(|n| self.sign(&format!("{n} {plain}")))
            .collect();
        format!("{plain}::{}", STANDARD.encode(signature))
    }

    /// What a login with a second factor gives at first: it names the factor
    /// and is good for nothing but the second call.
    pub(super) fn challenge(&self, user: &str, now: u64) -> String {
        let plain = format!("PVE:!tfa!{{\"totp\"%3Atrue}}:{now:08X}");
        let signature: Vec<u8> = (0..8)
            .flat_map(|n| self.sign(&format!("{n} {user} {plain}")))
            .collect();
        format!("{plain}::{}", STANDARD.encode(signature))
    }

    /// Whether `ticket` is a challenge of `user` that is valid at `now`.
    pub(super) fn verify_challenge(&self, ticket: &str, user: &str, now: u64) -> bool {
        let plain = ticket.split_once("::").map(|(plain, _)| plain);
        let time = plain.and_then(|plain| plain.rsplit_once(':'));
        let issued = time.and_then(|(_, time)| u64::from_str_radix(time, 16).ok());
        issued.is_some_and(|at| fresh(at, now) && self.challenge(user, at) == ticket)
    }

    /// The user of a ticket that is valid at `now`.
    pub(super) fn verify(&self, ticket: &str, now: u64) -> Option<String> {
        let (plain, _) = ticket.split_once("::")?;
        let (user, time) = plain.strip_prefix("PVE:")?.rsplit_once(':')?;
        let issued = u64::from_str_radix(time, 16).ok()?;
        (fresh(issued, now) && self.ticket(user, issued) == ticket).then(|| user.to_owned())
    }

    /// The CSRF prevention token for `user`, issued at `now`.
    pub(super) fn csrf(&self, user: &str, now: u64) -> String {
        format!(
            "{now:08X}:{}",
            STANDARD_NO_PAD.encode(self.sign(&format!("csrf {user} {now}")))
        )
    }

    /// Whether `token` is a CSRF prevention token of `user` at `now`.
    pub(super) fn verify_csrf(&self, token: &str, user: &str, now: u64) -> bool {
        let issued = token
            .split_once(':')
            .and_then(|(t, _)| u64::from_str_radix(t, 16).ok());
        issued.is_some_and(|issued| fresh(issued, now) && self.csrf(user, issued) == token)
    }

    /// A ticket for the console of `user` behind `port`, issued at `now`.
    pub(super) fn console(&self, user: &str, path: &str, port: u16, now: u64) -> String {
        let plain = format!("PVEVNC:{now:08X}");
        let signature: Vec<u8> = (0..8)
            .flat_map(|n| self.sign(&format!("{n} {plain} {user} {path} {port}")))
            .collect();
        format!("{plain}::{}", STANDARD.encode(signature))
    }

    /// Whether `ticket`, with or without a password before it, opens a console.
    pub(super) fn verify_console(
        &self,
        ticket: &str,
        user: &str,
        path: &str,
        port: u16,
        now: u64,
    ) -> bool {
        let Some(at) = ticket.find("PVEVNC:") else {
            return false;
        };
        let signed = &ticket[at..];
        let time = signed.split(':').nth(1);
        let issued = time.and_then(|time| u64::from_str_radix(time, 16).ok());
        issued.is_some_and(|at| {
            at <= now + SKEW
                && now < at + CONSOLE_LIFETIME
                && self.console(user, path, port, at) == signed
        })
    }

    fn sign(&self, text: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(text.as_bytes());
        hash.update(self.0);
        hash.finalize().into()
    }
}

fn fresh(issued: u64, now: u64) -> bool {
    issued <= now + SKEW && now < issued + LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_lives_two_hours() {
        let key = TicketKey::new([7; 32]);
        let ticket = key.ticket("root@pam", 0x6B03_2FF3);
        assert!(ticket.starts_with("PVE:root@pam:6B032FF3::"));
        let at = |seconds: i64| key.verify(&ticket, 0x6B03_2FF3_u64.saturating_add_signed(seconds));
        assert_eq!(at(119 * 60).as_deref(), Some("root@pam"));
        assert_eq!(at(121 * 60), None);
        assert!(
            at(-240).is_some(),
            "the issuer's clock may be four minutes ahead"
        );
        assert_eq!(at(-3600), None);
    }

    #[test]
    fn a_challenge_is_no_ticket() {
        let key = TicketKey::new([7; 32]);
        let half = key.challenge("a@pve", 100);
        assert!(half.starts_with("PVE:!tfa!{\"totp\"%3Atrue}:00000064::"));
        assert_eq!(key.verify(&half, 100), None);
        assert!(key.verify_challenge(&half, "a@pve", 100));
        assert!(!key.verify_challenge(&half, "b@pve", 100));
        assert!(!key.verify_challenge(&half, "a@pve", 100 + LIFETIME));
        assert!(!key.verify_challenge("x", "a@pve", 100));
    }

    #[test]
    fn forgeries_are_refused() {
        let key = TicketKey::new([7; 32]);
        assert_eq!(key.verify("garbage", 0), None);
        assert_eq!(
            key.verify(&TicketKey::new([8; 32]).ticket("root@pam", 0), 0),
            None
        );
        let csrf = key.csrf("root@pam", 100);
        assert!(key.verify_csrf(&csrf, "root@pam", 100));
        assert!(!key.verify_csrf(&csrf, "other@pam", 100));
        assert!(!key.verify_csrf("00000064:bad", "root@pam", 100));
    }
}
