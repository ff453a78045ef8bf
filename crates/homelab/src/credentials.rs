//! What a person must hand over so that the lab can be asked: for Proxmox an
//! API token or a user, for Talos a talosconfig.
//!
//! Nothing is opened or sent here; [`Lab::connect`](crate::Lab::connect) does.

use std::path::PathBuf;

use homelab_core::{Error, ErrorKind, Result, SecretString};

/// Variable: Proxmox API addresses, separated by commas.
pub const PROXMOX_ENDPOINTS: &str = "HOMELAB_PROXMOX_ENDPOINTS";
/// Variable: API token, `user@realm!id=secret`.
pub const PROXMOX_TOKEN: &str = "HOMELAB_PROXMOX_TOKEN";
/// Variable: user with realm, `root@pam`; goes with [`PROXMOX_PASSWORD`].
pub const PROXMOX_USER: &str = "HOMELAB_PROXMOX_USER";
/// Variable: the user's password.
pub const PROXMOX_PASSWORD: &str = "HOMELAB_PROXMOX_PASSWORD";
/// Variable: path of the PEM file with the CA of the Proxmox cluster.
pub const PROXMOX_CA: &str = "HOMELAB_PROXMOX_CA";
/// Variable: SHA-256 certificate fingerprints, separated by commas.
pub const PROXMOX_FINGERPRINTS: &str = "HOMELAB_PROXMOX_FINGERPRINTS";
/// Variable: path of the talosconfig.
pub const TALOSCONFIG: &str = "TALOSCONFIG";
/// Variable: which context of the talosconfig to use.
pub const TALOS_CONTEXT: &str = "HOMELAB_TALOS_CONTEXT";

/// Who we are to Proxmox VE.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProxmoxLogin {
    /// An API token. It needs no renewal and can be limited to reading (role `PVEAuditor`).
    Token {
        /// `user@realm!id`.
        id: String,
        /// The secret that Proxmox showed once.
        secret: SecretString,
    },
    /// A user with a password; a ticket is fetched and renewed.
    Password {
        /// `user@realm`.
        user: String,
        /// The password.
        password: SecretString,
    },
}

/// How to reach and trust Proxmox VE.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxmoxCredentials {
    /// Who we are.
    pub login: ProxmoxLogin,
    /// URLs of API servers; empty: port 8006 of every host of the inventory.
    pub endpoints: Vec<String>,
    /// PEM file with the cluster's CA, `/etc/pve/pve-root-ca.pem` on a host.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 fingerprints of certificates to accept, in place of a CA.
    pub fingerprints: Vec<String>,
}

/// Where the talosconfig is and which of its contexts is meant.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TalosCredentials {
    /// The file; `None` searches where `talosctl` does.
    pub talosconfig: Option<PathBuf>,
    /// Name of the context; `None` takes the one that the file selects.
    pub context: Option<String>,
    /// `TALOS_HOME` and `HOME`, as the search needs them.
    pub(crate) homes: [Option<String>; 2],
}

/// Everything needed to ask a lab. Secrets never appear in `Debug` output or errors.
///
/// ```
/// use homelab::Credentials;
///
/// let credentials = Credentials::builder()
///     .proxmox_token("audit@pve!homelab", "c1f0a3ce-…")
///     .proxmox_endpoint("https://172.16.1.2:8006")
///     .talosconfig("talosconfig")
///     .build()?;
/// assert!(!format!("{credentials:?}").contains("c1f0a3ce"));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// For Proxmox VE; `None` leaves that world unasked.
    pub proxmox: Option<ProxmoxCredentials>,
    /// For Talos; `None` leaves that world unasked.
    pub talos: Option<TalosCredentials>,
}

impl Credentials {
    /// Reads the variables of the process; see [`from_vars`](Self::from_vars).
    ///
    /// # Errors
    /// `Config`, naming the variable.
    pub fn from_env() -> Result<Self> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// Reads credentials from named variables. Empty values count as absent.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HOMELAB_PROXMOX_TOKEN` | `user@realm!id=secret` |
    /// | `HOMELAB_PROXMOX_USER`, `HOMELAB_PROXMOX_PASSWORD` | instead of a token |
    /// | `HOMELAB_PROXMOX_ENDPOINTS` | comma list of URLs; default: every host of the inventory, port 8006 |
    /// | `HOMELAB_PROXMOX_CA` | path of the cluster CA (PEM) |
    /// | `HOMELAB_PROXMOX_FINGERPRINTS` | comma list of SHA-256 fingerprints |
    /// | `TALOSCONFIG` | path; default: where `talosctl` looks |
    /// | `HOMELAB_TALOS_CONTEXT` | context of the talosconfig |
    ///
    /// Without any Proxmox login that world is left unasked; a talosconfig
    /// is always looked for.
    ///
    /// # Errors
    /// `Config`, naming the variable and what it should look like, never its value.
    pub fn from_vars(vars: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let var = |name: &str| vars(name).filter(|v| !v.trim().is_empty());
        let mut builder = Credentials::builder();
        match (var(PROXMOX_TOKEN), var(PROXMOX_USER), var(PROXMOX_PASSWORD)) {
            (Some(_), Some(_), _) => {
                return Err(bad(
                    PROXMOX_TOKEN,
                    format!("is set together with {PROXMOX_USER}: which one is meant?"),
                ));
            }
            (Some(token), None, _) => {
                let Some((id, secret)) = token.trim().split_once('=') else {
                    return Err(bad(
                        PROXMOX_TOKEN,
                        "has no `=`: expected user@realm!id=secret",
                    ));
                };
                builder = builder.proxmox_token(id, secret.to_owned());
            }
            (None, Some(user), Some(password)) => {
                builder = builder.proxmox_password(user.trim(), password);
            }
            (None, Some(_), None) => {
                return Err(bad(
                    PROXMOX_PASSWORD,
                    format!("is not set, but {PROXMOX_USER} is"),
                ));
            }
            (None, None, Some(_)) => {
                return Err(bad(
                    PROXMOX_USER,
                    format!("is not set, but {PROXMOX_PASSWORD} is"),
                ));
            }
            (None, None, None) => {
                let stray = [PROXMOX_ENDPOINTS, PROXMOX_CA, PROXMOX_FINGERPRINTS];
                if let Some(name) = stray.into_iter().find(|name| var(name).is_some()) {
                    return Err(bad(
                        PROXMOX_TOKEN,
                        format!(
                            "is not set, but {name} is: who are we to Proxmox? (or set {PROXMOX_USER} and {PROXMOX_PASSWORD})"
                        ),
                    ));
                }
            }
        }
        for endpoint in list(var(PROXMOX_ENDPOINTS)) {
            builder = builder.proxmox_endpoint(endpoint);
        }
        for fingerprint in list(var(PROXMOX_FINGERPRINTS)) {
            builder = builder.proxmox_fingerprint(fingerprint);
        }
        if let Some(path) = var(PROXMOX_CA) {
            builder = builder.proxmox_ca_file(path);
        }
        builder.talos = Some(TalosCredentials {
            talosconfig: var(TALOSCONFIG).map(PathBuf::from),
            context: var(TALOS_CONTEXT),
            homes: [var("TALOS_HOME"), var("HOME")],
        });
        builder.build()
    }

    /// Starts with nothing; at least one world must be added.
    pub fn builder() -> CredentialsBuilder {
        CredentialsBuilder::default()
    }
}

/// Collects [`Credentials`]; made by [`Credentials::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CredentialsBuilder {
    login: Option<ProxmoxLogin>,
    endpoints: Vec<String>,
    ca_file: Option<PathBuf>,
    fingerprints: Vec<String>,
    talos: Option<TalosCredentials>,
}

impl CredentialsBuilder {
    /// Uses an API token: `id` is `user@realm!name`.
    pub fn proxmox_token(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.login = Some(ProxmoxLogin::Token {
            id: id.into(),
            secret: SecretString::from(secret.into()),
        });
        self
    }

    /// Uses a user (`root@pam`) and password.
    pub fn proxmox_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.login = Some(ProxmoxLogin::Password {
            user: user.into(),
            password: SecretString::from(password.into()),
        });
        self
    }

    /// Adds an API server: a URL, or `host` / `host:port` (https and 8006 are assumed).
    pub fn proxmox_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Trusts this CA (a PEM file) in place of the system's.
    pub fn proxmox_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Accepts the certificate with this SHA-256 fingerprint; call again for each host.
    pub fn proxmox_fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprints.push(fingerprint.into());
        self
    }

    /// Uses this talosconfig.
    pub fn talosconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.talos.get_or_insert_default().talosconfig = Some(path.into());
        self
    }

    /// Uses this context of the talosconfig.
    pub fn talos_context(mut self, context: impl Into<String>) -> Self {
        self.talos.get_or_insert_default().context = Some(context.into());
        self
    }

    /// Checks the shapes. Nothing is opened or sent.
    ///
    /// # Errors
    /// `Config`: no world at all, or a value that cannot be right.
    pub fn build(self) -> Result<Credentials> {
        let proxmox = match self.login {
            Some(login) => {
                check_login(&login)?;
                Some(ProxmoxCredentials {
                    login,
                    endpoints: self
                        .endpoints
                        .iter()
                        .map(|e| endpoint(e))
                        .collect::<Result<_>>()?,
                    ca_file: self.ca_file,
                    fingerprints: self
                        .fingerprints
                        .iter()
                        .map(|f| fingerprint(f))
                        .collect::<Result<_>>()?,
                })
            }
            None => None,
        };
        if proxmox.is_none() && self.talos.is_none() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "no credentials: set {PROXMOX_TOKEN} (user@realm!id=secret), {TALOSCONFIG} (a path), or both"
                ),
            ));
        }
        Ok(Credentials {
            proxmox,
            talos: self.talos,
        })
    }
}

fn check_login(login: &ProxmoxLogin) -> Result<()> {
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
fn endpoint(text: &str) -> Result<String> {
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
fn fingerprint(text: &str) -> Result<String> {
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

fn list(value: Option<String>) -> Vec<String> {
    value
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

fn bad(variable: &str, message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("{variable} {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> Result<Credentials> {
        let vars: std::collections::BTreeMap<String, String> = vars
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Credentials::from_vars(|name| vars.get(name).cloned())
    }

    #[test]
    fn a_token_is_split_and_never_shown() {
        let c = from(&[
            (PROXMOX_TOKEN, "audit@pve!lab=s3cr3t=x"),
            (PROXMOX_ENDPOINTS, "pve1, https://pve2:443/,[fd00::1]"),
        ])
        .unwrap();
        assert!(!format!("{c:?}").contains("s3cr3t"));
        let proxmox = c.proxmox.unwrap();
        assert_eq!(
            proxmox.endpoints,
            [
                "https://pve1:8006",
                "https://pve2:443",
                "https://[fd00::1]:8006"
            ]
        );
        assert!(matches!(proxmox.login, ProxmoxLogin::Token { id, .. } if id == "audit@pve!lab"));
    }

    #[test]
    fn each_mistake_names_its_variable_and_no_value() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[(PROXMOX_TOKEN, "s3cr3t")], PROXMOX_TOKEN),
            (&[(PROXMOX_TOKEN, "rootpam!x=s3cr3t")], PROXMOX_TOKEN),
            (&[(PROXMOX_TOKEN, "root@pam=s3cr3t")], PROXMOX_TOKEN),
            (&[(PROXMOX_USER, "root@pam")], PROXMOX_PASSWORD),
            (&[(PROXMOX_PASSWORD, "s3cr3t")], PROXMOX_USER),
            (&[(PROXMOX_ENDPOINTS, "pve1")], PROXMOX_TOKEN),
            (
                &[(PROXMOX_TOKEN, "a@b!c=s3cr3t"), (PROXMOX_USER, "root@pam")],
                PROXMOX_USER,
            ),
            (
                &[
                    (PROXMOX_TOKEN, "a@b!c=s3cr3t"),
                    (PROXMOX_ENDPOINTS, "http://pve1"),
                ],
                PROXMOX_ENDPOINTS,
            ),
            (
                &[
                    (PROXMOX_TOKEN, "a@b!c=s3cr3t"),
                    (PROXMOX_FINGERPRINTS, "AA:BB"),
                ],
                PROXMOX_FINGERPRINTS,
            ),
        ];
        for (vars, name) in cases {
            let error = from(vars).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(name), "{error}");
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn nothing_at_all_is_an_error() {
        let error = Credentials::builder().build().unwrap_err();
        assert!(error.to_string().contains(TALOSCONFIG), "{error}");
    }

    #[test]
    fn fingerprints_take_one_form() {
        let plain = "ab".repeat(32);
        assert_eq!(fingerprint(&plain).unwrap(), vec!["AB"; 32].join(":"));
    }
}
