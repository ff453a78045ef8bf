//! Who asks: a ticket (cookie or header, with CSRF token for writes) or an API
//! token. A ticket wins when both are sent.

use hyper::header::HeaderMap;
use percent_encoding::percent_decode_str;

use super::PveCluster;
use super::answer::{ApiError, Result};

impl PveCluster {
    /// The caller: `user@realm` or `user@realm!token`. With a ticket, calls that
    /// `write` need a CSRF prevention token as well.
    pub(super) fn authenticate(
        &self,
        contacted: &str,
        headers: &HeaderMap,
        write: bool,
    ) -> Result<String> {
        let now = self.unix_now_at(contacted);
        if let Some(ticket) = ticket(headers) {
            let user = self
                .0
                .key
                .verify(&ticket, now)
                .filter(|u| self.accounts().active(u, now));
            let user = user.ok_or_else(|| ApiError::unauthenticated("Authentication failed!"))?;
            let csrf = headers
                .get("csrfpreventiontoken")
                .and_then(|v| v.to_str().ok());
            if write && !csrf.is_some_and(|csrf| self.0.key.verify_csrf(csrf, &user, now)) {
                return Err(ApiError::unauthenticated(
                    "Permission denied - invalid csrf token",
                ));
            }
            return Ok(user);
        }
        let Some(token) = token(headers) else {
            return Err(ApiError::unauthenticated("No ticket"));
        };
        match token.split_once('=') {
            Some((id, secret)) if self.accounts().authenticate(id, secret, now) => Ok(id.into()),
            _ => Err(ApiError::unauthenticated("Authentication failed!")),
        }
    }
}

/// The ticket in the cookie, or in `Authorization: PVEAuthCookie=…`.
fn ticket(headers: &HeaderMap) -> Option<String> {
    let cookies = headers
        .get_all("cookie")
        .iter()
        .filter_map(|v| v.to_str().ok());
    let values = cookies.flat_map(|v| v.split(';'));
    let authorization = headers.get("authorization").and_then(|v| v.to_str().ok());
    values
        .chain(authorization)
        .find_map(|value| value.trim().strip_prefix("PVEAuthCookie="))
        .map(unescape)
}

/// The token in `Authorization: PVEAPIToken=USER@REALM!ID=SECRET`; a space
/// does for the first `=`, and the value ends at a `;`.
fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let rest = value.strip_prefix("PVEAPIToken")?;
    let rest = rest.strip_prefix(['=', ' '])?;
    Some(unescape(rest.split(';').next().unwrap_or_default()))
}

/// `+` stays what it is: tickets contain it.
fn unescape(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn tickets_come_raw_or_escaped_in_cookie_or_header() {
        let want = Some("PVE:root@pam:0::a+b=".to_owned());
        assert_eq!(
            ticket(&headers(
                "cookie",
                "x=1; PVEAuthCookie=PVE:root@pam:0::a+b="
            )),
            want
        );
        assert_eq!(
            ticket(&headers(
                "cookie",
                "PVEAuthCookie=PVE%3Aroot%40pam%3A0%3A%3Aa+b%3D"
            )),
            want
        );
        assert_eq!(
            ticket(&headers(
                "authorization",
                "PVEAuthCookie=PVE:root@pam:0::a+b="
            )),
            want
        );
    }

    #[test]
    fn token_headers_are_read_as_leniently_as_by_the_server() {
        let want = Some("root@pam!x=s".to_owned());
        assert_eq!(
            token(&headers("authorization", "PVEAPIToken=root@pam!x=s")),
            want
        );
        assert_eq!(
            token(&headers("authorization", "PVEAPIToken root@pam%21x=s;y")),
            want
        );
        assert_eq!(
            token(&headers("authorization", "pveapitoken=root@pam!x=s")),
            None
        );
        assert_eq!(token(&headers("authorization", "Bearer abc")), None);
    }
}
