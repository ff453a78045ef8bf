//! talosconfig to disk: whole or not at all, for its owner's eyes only.

use std::io::Write as _;
use std::path::Path;

use homelab_core::{AtomicFile, Error, ErrorKind, ExposeSecret, Result, SecretString, Sent};

use super::TalosConfig;
use super::search::IN_CLUSTER;
use crate::yaml::{Map, Value, documents_to_text};

impl TalosConfig {
    /// The file's text. It holds keys, hence a secret.
    ///
    /// Keys that this crate does not know are not written, as with talosctl.
    pub fn to_yaml(&self) -> SecretString {
        let contexts: Map = self
            .contexts()
            .map(|context| (context.name.clone(), Value::Map(context.to_map())))
            .collect();
        let mut file = Map::default();
        file.insert("context", Value::text(self.current().unwrap_or_default()));
        file.insert("contexts", Value::Map(contexts));
        documents_to_text([&Value::Map(file)]).into()
    }

    /// Writes the file: mode 0600, its folder 0700 if it has to be made, and
    /// either the new file is there or the old one.
    ///
    /// # Errors
    /// `Io` naming the path; `FailedPrecondition` for the in-cluster path, which
    /// Kubernetes owns.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path == Path::new(IN_CLUSTER) {
            let message = format!("{IN_CLUSTER} belongs to Kubernetes and is never written");
            return Err(Error::new(ErrorKind::FailedPrecondition, message).sent(Sent::No));
        }
        write_secret(path, &self.to_yaml())
    }
}

/// A file for its owner's eyes only (0600, folder 0700), whole or not at all.
pub(crate) fn write_secret(path: &Path, text: &SecretString) -> Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(folder)
            .map_err(|e| Error::io("create", folder, e))?;
    }
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.expose_secret().as_bytes())
        .map_err(|e| Error::io("write", path, e))?;
    file.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Context;

    fn sample() -> TalosConfig {
        let text = "
context: lab
contexts:
  lab:
    endpoints: [172.16.1.50, 'fd00::1']
    nodes: [172.16.1.50]
    ca: aGVsbG8=
    cluster: kubernetes
    proxy-url: direct
    auth: {siderov1: {identity: me@lab}}
  'on': {endpoints: [x], target: z, auth: {basic: {username: u, password: '12'}}}
";
        TalosConfig::parse("tc", text).unwrap()
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let config = sample();
        let text = config.to_yaml();
        assert_eq!(
            text.expose_secret(),
            "\
context: lab
contexts:
    lab:
        endpoints:
            - 172.16.1.50
            - fd00::1
        nodes:
            - 172.16.1.50
        ca: aGVsbG8=
        auth:
            siderov1:
                identity: me@lab
        cluster: kubernetes
        proxy-url: direct
    \"on\":
        endpoints:
            - x
            - z
        auth:
            basic:
                username: u
                password: \"12\"
"
        );
        let back = TalosConfig::parse("tc", text.expose_secret()).unwrap();
        assert_eq!(back.to_yaml().expose_secret(), text.expose_secret());
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/talos/config");
        sample().write(&path).unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // Over a file that others could read.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        sample().write(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let (found, _) = TalosConfig::search_in(|name| {
            (name == "TALOSCONFIG").then(|| path.display().to_string())
        })
        .unwrap();
        assert_eq!(found.current(), Some("lab"));
    }

    #[test]
    fn the_service_account_is_never_written() {
        let error = sample().write(IN_CLUSTER).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    }

    #[test]
    fn contexts_come_and_go() {
        let mut config = TalosConfig::default();
        config.insert(Context::new("a", ["172.16.1.50"]).with_nodes(["172.16.1.51"]));
        assert!(config.select("b").is_err());
        config.select("a").unwrap();
        assert_eq!(config.context(None).unwrap().nodes, ["172.16.1.51"]);
        assert!(config.remove("a").is_some());
        assert_eq!(
            config.current(),
            None,
            "a context that is gone is not current"
        );
    }
}
