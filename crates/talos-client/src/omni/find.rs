//! Which key signs: a service account's, or the one that a login left behind.

use std::io;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, ExposeSecret, Location, Result, SecretString, Sent};
use serde::Deserialize;

use super::{Signer, SigningKey};
use crate::config::{Context, talos_home};
use crate::options::ClientOptions;

const ACCOUNT_VARIABLES: [&str; 2] = ["SIDERO_SERVICE_ACCOUNT_KEY", "OMNI_SERVICE_ACCOUNT_KEY"];

/// What is inside a service account's key, after base64.
#[derive(Deserialize)]
struct Account {
    name: String,
    pgp_key: SecretString,
}

/// Who signs for `identity`. A service account (of the options, then of the
/// environment, given by `vars`) goes before a login's key, as in talosctl.
///
/// # Errors
/// - `NotFound` when there is no key; it names the files that were looked for.
/// - `Config` when a key cannot be used, with its file or variable.
pub(crate) fn signer(
    context: &Context,
    identity: &str,
    options: &ClientOptions,
    vars: impl Fn(&str) -> Option<String>,
) -> Result<Signer> {
    let set = |name: &str| vars(name).filter(|value| !value.is_empty());
    let given = options
        .service_account_key
        .clone()
        .map(|key| ("the option service_account_key", key));
    let account = given.or_else(|| {
        let mut named = ACCOUNT_VARIABLES.into_iter();
        named.find_map(|name| Some((name, set(name)?.into())))
    });
    let (identity, armored, source) = if let Some((source, key)) = account {
        let account = account_key(&key).map_err(|why| unusable(source, &why))?;
        (account.name, account.pgp_key, source.to_owned())
    } else {
        let (armored, path) = login_key(context, identity, options, set)?;
        (identity.to_owned(), armored, path)
    };
    if identity.is_empty() || identity.contains(|c: char| !c.is_ascii_graphic()) {
        let message = format!("the identity {identity:?} is not one word, such as me@example.org");
        return Err(Error::new(ErrorKind::Config, message)
            .at(context.location().clone())
            .sent(Sent::No));
    }
    Ok(Signer {
        key: SigningKey::parse(armored.expose_secret()).map_err(|why| unusable(&source, &why))?,
        identity,
        source,
        clock: options.clock.clone(),
    })
}

fn account_key(key: &SecretString) -> std::result::Result<Account, String> {
    let form = "a service account's key is base64 of JSON with name and pgp_key";
    let packed: String = key.expose_secret().split_whitespace().collect();
    let json = STANDARD
        .decode(packed)
        .map_err(|e| format!("{form}; this is not base64: {e}"))?;
    // The parser's own words could quote the secret.
    serde_json::from_slice(&json).map_err(|e| {
        format!(
            "{form}; this is not such JSON, as line {} column {} shows",
            e.line(),
            e.column()
        )
    })
}

/// The key's text and file: `CONTEXT-IDENTITY.pgp` in the folder of the options,
/// of `SIDEROV1_KEYS_DIR` or of talosctl, and else where older releases put it.
fn login_key(
    context: &Context,
    identity: &str,
    options: &ClientOptions,
    set: impl Fn(&str) -> Option<String>,
) -> Result<(SecretString, String)> {
    let path = |name: &str| set(name).map(PathBuf::from);
    let home = || path("HOME").or_else(|| path("USERPROFILE"));
    let talos = || talos_home(|name| if name == "HOME" { home() } else { path(name) });
    let folder = options
        .siderov1_keys_dir
        .clone()
        .or_else(|| path("SIDEROV1_KEYS_DIR"))
        .or_else(|| talos().map(|folder| folder.join("keys")));
    let older = path("XDG_DATA_HOME")
        .or_else(|| home().map(|home| home.join(".local/share")))
        .map(|folder| folder.join("talos/keys"));
    let file = format!("{}-{identity}.pgp", context.name);
    let mut tried = Vec::new();
    for path in [folder, older].into_iter().flatten().map(|f| f.join(&file)) {
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok((text.into(), shown)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => tried.push(shown),
            Err(e) => return Err(unusable(&shown, &format!("cannot be read: {e}"))),
        }
    }
    let message = format!(
        "no key for the identity {identity:?} of context {:?}: looked for {}, and for a service account in {}; talosctl makes the file when it logs in",
        context.name,
        tried.join(", "),
        ACCOUNT_VARIABLES.join(", "),
    );
    Err(Error::new(ErrorKind::NotFound, message)
        .at(context.location().clone())
        .sent(Sent::No))
}

fn unusable(source: &str, why: &str) -> Error {
    let at = Location {
        file: source.to_owned(),
        line: 0,
        column: 0,
    };
    Error::new(ErrorKind::Config, why).at(at).sent(Sent::No)
}
