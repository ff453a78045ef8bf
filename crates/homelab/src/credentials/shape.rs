//! What each value must look like. Errors name the variable, never its value
//! where that could be a secret.

use homelab_core::{Error, ErrorKind, Result};

use super::{PROXMOX_ENDPOINTS, PROXMOX_FINGERPRINTS, PROXMOX_TOKEN, PROXMOX_USER, ProxmoxLogin};

pub(super) fn check_login(login: &ProxmoxLogin) -> Result<()> {
    let (variable, user, token) = match login {
        ProxmoxLogin::Token { id, .. } => (PROXMOX_TOKEN, id.as_str(), true),
        ProxmoxLogin::Password { user, .. } => (PROXMOX_USER, user.as_str(), false),
    };
    let (user, id) = user.split_once('!').unwrap_or((user, ""));
    let realm = user
        .split_once('@')
        .is_some_and(|(u, r)| !u.is_empty() && !r.is_empty());
    if !realm {
        return Err(bad(variable, "names no user@realm, such as root@pam"));
    }
    if token && id.is_empty() {
        return Err(bad(
            variable,
            "names no token: expected user@realm!id=secret",
        ));
    }
    Ok(())
}

/// A URL from what people write; plain http is refused.
pub(super) fn endpoint(text: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    let rest = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some((scheme, _)) => {
            return Err(bad(
                PROXMOX_ENDPOINTS,
                format!("says {scheme}://, but the API speaks https only"),
            ));
        }
        None => text,
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty()
        || host.contains(char::is_whitespace)
        || host.contains('@')
        || !path.is_empty()
    {
        return Err(bad(
            PROXMOX_ENDPOINTS,
            format!("holds `{text}`, which is no https://host:port"),
        ));
    }
    let after_brackets = host.rsplit_once(']').map_or(host, |(_, port)| port);
    let port = if after_brackets.contains(':') {
        ""
    } else {
        ":8006"
    };
    Ok(format!("https://{host}{port}"))
}

/// `AA:BB:…` in upper case from any usual writing of a SHA-256.
pub(super) fn fingerprint(text: &str) -> Result<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    if digits.len() != 64 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(bad(
            PROXMOX_FINGERPRINTS,
            format!(
                "holds `{}`, which is no SHA-256 fingerprint (32 hexadecimal pairs)",
                text.trim()
            ),
        ));
    }
    let upper = digits.to_ascii_uppercase();
    let pairs: Vec<&str> = upper
        .as_bytes()
        .chunks(2)
        .filter_map(|p| std::str::from_utf8(p).ok())
        .collect();
    Ok(pairs.join(":"))
}

pub(super) fn list(value: Option<String>) -> Vec<String> {
    value
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn bad(variable: &str, message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("{variable} {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_take_one_form() {
        let plain = "ab".repeat(32);
        assert_eq!(fingerprint(&plain).unwrap(), vec!["AB"; 32].join(":"));
    }
}
