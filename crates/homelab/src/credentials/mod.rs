//! What a person must hand over so that the lab can be asked: for Proxmox an
//! API token or a user, for Talos a talosconfig.
//!
//! Nothing is opened or sent here; [`Lab::connect`](crate::Lab::connect) does.

mod builder;
mod shape;

use std::path::PathBuf;

use homelab_core::{Result, SecretString};

pub use builder::CredentialsBuilder;
use shape::{bad, list};

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

#[cfg(test)]
mod tests {
    use homelab_core::ErrorKind;

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
}
