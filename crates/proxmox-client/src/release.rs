//! [`Release`]: which Proxmox VE it is.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use homelab_core::{Error, ErrorKind, Result, Sent};

use proxmox_endpoints::{Call, Method, Params, Version};

use serde::{Deserialize, Serialize};

use crate::ProxmoxClient;

/// Every server is at least this old; what it has is never asked about.
const OLDEST: &str = "8.0";

/// What the nodes were seen to run. Only a reason to let calls through: nodes
/// are upgraded while a client lives, so that one is refused on a fresh answer.
pub(crate) struct Releases {
    ask: bool,
    seen: Mutex<HashMap<String, String>>,
}

impl Releases {
    pub(crate) fn new(ask: bool) -> Self {
        Releases {
            ask,
            seen: Mutex::default(),
        }
    }

    /// None seen yet, with the same will to ask.
    pub(crate) fn anew(&self) -> Self {
        Releases::new(self.ask)
    }

    fn of(&self, node: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(node).cloned()
    }

    fn saw(&self, node: &str, release: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(node.to_owned(), release.to_owned());
    }
}

/// A release of Proxmox VE, as numbers that can be compared.
///
/// ```
/// use proxmox_client::Release;
///
/// let release: Release = "9.1.2".parse()?;
/// assert!(release >= Release::new(9, 0) && release < Release::new(9, 2));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Release {
    /// `9` of 9.1.2.
    pub major: u16,
    /// `1` of 9.1.2.
    pub minor: u16,
    /// `2` of 9.1.2; 0 where it is not told.
    pub patch: u16,
}

impl Release {
    /// The first of a minor release.
    pub const fn new(major: u16, minor: u16) -> Self {
        Release {
            major,
            minor,
            patch: 0,
        }
    }
}

impl FromStr for Release {
    type Err = Error;

    /// Reads `9.2`, `9.2.11`, `8.4-1`, `9.2+`: whatever follows the numbers is
    /// left alone.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("'{text}' is no release: it reads 9.2 or 9.2.11"),
            )
        };
        let numbers = text
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()
            .unwrap_or_default();
        let mut numbers = numbers.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next().transpose().map_err(|_| bad());
        let (major, minor) = (next()?.ok_or_else(bad)?, next()?.ok_or_else(bad)?);
        Ok(Release {
            major,
            minor,
            patch: next()?.unwrap_or_default(),
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

impl ProxmoxClient {
    /// The release that the contacted node runs. Asked anew each time: nodes
    /// of a cluster are upgraded one after the other.
    ///
    /// # Errors
    /// `Protocol` when the server's version has no such form; otherwise see
    /// [`send`](ProxmoxClient::send).
    pub async fn release(&self) -> Result<Release> {
        let version = self.version().await?;
        // The version is finer, but packages of other makers number as they like.
        let parsed = version.version.parse().or_else(|_| version.release.parse());
        parsed.map_err(|_: Error| {
            Error::new(
                ErrorKind::Protocol,
                format!("the server's version '{}' is no release", version.version),
            )
            .operation("GET /version")
        })
    }

    /// Refuses a call or parameters that came after the release of the node
    /// that is to answer. The node is asked, once, and only when something is
    /// newer than [`OLDEST`]; where it does not tell, the call goes on and the
    /// server decides ([`explain`] says then what it lacks).
    pub(crate) async fn require_release(
        &self,
        call: &Call,
        node: Option<&str>,
        params: &Params,
    ) -> Result<()> {
        if !self.inner.releases.ask || call.require_release(OLDEST, params).is_ok() {
            return Ok(());
        }
        let key = node.unwrap_or_default();
        if let Some(seen) = self.inner.releases.of(key)
            && call.require_release(&seen, params).is_ok()
        {
            return Ok(());
        }
        match self.ask_release_of(node).await {
            Ok(told) => call
                .require_release(&told, params)
                .map_err(|error| error.sent(Sent::No)),
            // The call would fail the same way, after as long a wait.
            Err(error) if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable) => {
                Err(error.sent(Sent::No))
            }
            Err(_) => Ok(()),
        }
    }
}

impl ProxmoxClient {
    /// What a node runs now; the contacted one when none is named.
    async fn ask_release_of(&self, node: Option<&str>) -> Result<String> {
        let path = match node {
            Some(node) => format!("/nodes/{node}/version"),
            None => "/version".to_owned(),
        };
        let version: Version = self.ask(Method::Get, &path, node).await?;
        // The version is finer than the release: 8.4.1 and 8.4.
        let told = match version.version.parse::<Release>() {
            Ok(_) => version.version,
            Err(_) => version.release,
        };
        self.inner.releases.saw(node.unwrap_or_default(), &told);
        Ok(told)
    }

    /// Whether a node's release is older than this; `None` when it does not
    /// tell, or is not to be asked. Nodes are upgraded, never the other way: a
    /// release that is new enough is believed, an old one asked again.
    pub(crate) async fn is_older_than(
        &self,
        node: Option<&str>,
        release: Release,
    ) -> Result<Option<bool>> {
        if !self.inner.releases.ask {
            return Ok(None);
        }
        let older = |told: &str| told.parse::<Release>().ok().map(|seen| seen < release);
        if let Some(seen) = self.inner.releases.of(node.unwrap_or_default())
            && older(&seen) == Some(false)
        {
            return Ok(Some(false));
        }
        match self.ask_release_of(node).await {
            Ok(told) => Ok(older(&told)),
            Err(error) if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable) => {
                Err(error.sent(Sent::No))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Says which release first has what the server refused as unknown: the whole
/// call, or parameters of it. Everything else stays as it is, and so does all
/// that a call gets of which nothing is known.
pub(crate) fn explain(error: Error, call: Option<&Call>) -> Error {
    let Some(call) = call else {
        return error;
    };
    let code = error.status_text().unwrap_or_default();
    if error.kind() == ErrorKind::Unsupported && code.starts_with("501") {
        return match call.since {
            "" | "7.0" => error,
            since => {
                let hint = format!("the call exists {}", since_words(since));
                error.hint(&hint)
            }
        };
    }
    let unknown = "property is not defined in schema";
    if error.kind() != ErrorKind::InvalidArgument || !error.message().contains(unknown) {
        return error;
    }
    let newer: Vec<String> = call
        .params
        .iter()
        .filter(|param| {
            error
                .message()
                .contains(&format!("{}: {unknown}", param.name))
        })
        .filter_map(|param| {
            let since = param
                .since
                .or(Some(call.since).filter(|since| *since != "7.0"))?;
            Some(format!("{} exists {}", param.name, since_words(since)))
        })
        .collect();
    if newer.is_empty() {
        return error;
    }
    let unsupported = Error::new(ErrorKind::Unsupported, error.message())
        .status(code)
        .hint(&newer.join(", "));
    match error.target_name() {
        Some(target) => unsupported.target(target),
        None => unsupported,
    }
}

fn since_words(since: &str) -> String {
    match since.strip_suffix('+') {
        Some(release) => format!("in releases after {release}"),
        None => format!("from release {since} on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str) -> &'static Call {
        proxmox_endpoints::call(name).unwrap()
    }

    #[test]
    fn what_an_older_server_lacks_is_unsupported_and_names_the_release() {
        let answer = crate::errors::from_answer;
        let error = answer(501, "Method 'GET /cluster/ha/rules' not implemented", "");
        let error = explain(error, Some(call("ListHaRules")));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("from release 9.0 on"), "{error}");
        let body = r#"{"errors":{"regenerate":"property is not defined in schema and the schema does not allow additional properties"}}"#;
        let error = answer(400, "Parameter verification failed.", body);
        let error = explain(error, Some(call("UpdateToken")));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error
                .message()
                .contains("regenerate exists from release 9.2 on"),
            "{error}"
        );
        // What no release has is the caller's mistake.
        let body = r#"{"errors":{"typo":"property is not defined in schema and the schema does not allow additional properties"}}"#;
        let error = explain(answer(400, "x", body), Some(call("UpdateToken")));
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn releases_as_they_are_written() {
        let release = |text: &str| text.parse::<Release>().unwrap();
        assert_eq!(release("9.2"), Release::new(9, 2));
        assert_eq!(release("8.4-1"), Release::new(8, 4));
        assert_eq!(release("9.2+"), Release::new(9, 2));
        assert!(release("9.10") > release("9.2.11") && release("9.2.11") > release("9.2"));
        assert_eq!(release("9.1.2").to_string(), "9.1.2");
        for bad in ["", "9", "x", "9.x", "99999999.1", "9..1"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
