//! What a client needs to get in: talosconfig, files, the token's name.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, Result};

use crate::pki::ClientFiles;

/// The API token that [`Sim::env`](crate::Sim::env) hands out.
pub(crate) const TOKEN: &str = "root@pam!sim";

/// A context of a talosconfig.
pub(crate) struct ClusterAccess {
    pub(crate) name: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) nodes: Vec<String>,
    pub(crate) ca: String,
    pub(crate) client: ClientFiles,
}

/// A talosconfig file; the first context is current.
pub(crate) fn talosconfig(contexts: &[ClusterAccess]) -> String {
    let mut text = String::new();
    let quoted = |s: &str| serde_json::Value::from(s).to_string();
    let current = contexts.first().map_or("", |c| c.name.as_str());
    let _ = writeln!(text, "context: {}\ncontexts:", quoted(current));
    if contexts.is_empty() {
        let _ = writeln!(text, "    {{}}");
    }
    for context in contexts {
        let _ = writeln!(text, "    {}:", quoted(&context.name));
        for (key, list) in [("endpoints", &context.endpoints), ("nodes", &context.nodes)] {
            let _ = writeln!(text, "        {key}:");
            for item in list {
                let _ = writeln!(text, "            - {}", quoted(item));
            }
        }
        let pems = [
            ("ca", &context.ca),
            ("crt", &context.client.crt),
            ("key", &context.client.key),
        ];
        for (key, pem) in pems {
            let _ = writeln!(text, "        {key}: {}", STANDARD.encode(pem));
        }
    }
    text
}

/// A line that sets a variable in a shell.
pub(crate) fn export((name, value): (&String, &String)) -> String {
    format!("export {name}='{}'\n", value.replace('\'', "'\\''"))
}

/// Writes a file that only its owner may read and returns its path.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> Result<String> {
    let path = folder.join(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|e| Error::io("write", &path, e))?;
    Ok(path.to_string_lossy().into_owned())
}
