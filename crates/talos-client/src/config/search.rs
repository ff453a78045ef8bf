//! Where talosconfig is looked for, in the order of talosctl.

use std::path::{Path, PathBuf};

use homelab_core::{Error, ErrorKind, Result, Sent};

use super::TalosConfig;

/// Mounted into pods that were given a Talos service account.
pub(super) const IN_CLUSTER: &str = "/var/run/secrets/talos.dev/config";

/// The places to look, best first.
///
/// `TALOSCONFIG`, then `config` in `TALOS_HOME` (only when that is absolute;
/// since Talos v1.12) or else `~/.talos/config`, then the service account.
pub(super) fn candidates(vars: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let set = |name: &str| {
        vars(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("TALOSCONFIG")
        .into_iter()
        .chain(talos_home(set).map(|folder| folder.join("config")))
        .chain([PathBuf::from(IN_CLUSTER)])
        .collect()
}

/// The folder of talosctl: `TALOS_HOME` where that is absolute, or else
/// `~/.talos`. `set` tells the variables that are not empty.
pub(crate) fn talos_home(set: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    set("TALOS_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".talos")))
}

/// The first candidate that exists. A `TALOSCONFIG` that points nowhere falls
/// through to the next place, as it does in talosctl.
pub(super) fn first(candidates: &[PathBuf]) -> Result<(TalosConfig, PathBuf)> {
    for path in candidates {
        if exists(path) {
            return Ok((TalosConfig::from_file(path)?, path.clone()));
        }
    }
    let tried: Vec<_> = candidates.iter().map(|p| p.display().to_string()).collect();
    Err(Error::new(
        ErrorKind::NotFound,
        format!("no talosconfig found; tried {}", tried.join(", ")),
    )
    .sent(Sent::No))
}

/// A path that cannot be looked at (no permission) counts as there: reading it
/// then says why it cannot be used, instead of silently taking another file.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates_with(vars: &[(&str, &str)]) -> Vec<String> {
        candidates(|name| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .into_iter()
        .map(|p| p.display().to_string())
        .collect()
    }

    #[test]
    fn order_is_variable_then_home_then_service_account() {
        assert_eq!(
            candidates_with(&[("TALOSCONFIG", "a/b"), ("HOME", "/home/me")]),
            ["a/b", "/home/me/.talos/config", IN_CLUSTER]
        );
        assert_eq!(
            candidates_with(&[("TALOS_HOME", "/t"), ("HOME", "/home/me")]),
            ["/t/config", IN_CLUSTER]
        );
        // Relative TALOS_HOME and empty variables do not count.
        assert_eq!(
            candidates_with(&[("TALOS_HOME", "t"), ("TALOSCONFIG", ""), ("HOME", "/h")]),
            ["/h/.talos/config", IN_CLUSTER]
        );
    }

    #[test]
    fn missing_everywhere_lists_what_was_tried() {
        let error = first(&[
            PathBuf::from("/nonexistent/a"),
            PathBuf::from("/nonexistent/b"),
        ])
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains("/nonexistent/a, /nonexistent/b"));
    }

    #[test]
    fn a_variable_that_points_nowhere_falls_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "context: c\ncontexts: {c: {endpoints: [a]}}\n").unwrap();
        let (config, found) = first(&[PathBuf::from("/nonexistent/a"), path.clone()]).unwrap();
        assert_eq!(found, path);
        assert_eq!(config.current(), Some("c"));
    }
}
