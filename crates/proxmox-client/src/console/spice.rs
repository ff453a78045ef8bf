//! SPICE: the file that a viewer opens.

use std::collections::BTreeMap;
use std::fmt::Write;

use homelab_core::{Result, SecretString};
use proxmox_endpoints::{Method, Params};
use serde_json::Value;

use crate::{Lxc, Node, ProxmoxClient, Qemu};

const QEMU: &str = "POST /nodes/{node}/qemu/{vmid}/spiceproxy";
const LXC: &str = "POST /nodes/{node}/lxc/{vmid}/spiceproxy";
const SHELL: &str = "POST /nodes/{node}/spiceshell";

impl Qemu {
    /// The text of a `.vv` file that `remote-viewer` opens to show its screen
    /// over SPICE. The machine must run, with a SPICE display (`vga: qxl`).
    /// The viewer has about thirty seconds to connect; the password is in it.
    ///
    /// # Errors
    /// * `FailedPrecondition`: it does not run.
    /// * `PermissionDenied`: without `VM.Console`.
    /// * otherwise see [`ProxmoxClient::send`].
    pub async fn spice_viewer_file(&self) -> Result<SecretString> {
        viewer_file(self.client(), QEMU, &self.base(QEMU)?, "spiceproxy").await
    }
}

impl Lxc {
    /// The text of a `.vv` file that `remote-viewer` opens to show its console;
    /// see [`Qemu::spice_viewer_file`].
    ///
    /// # Errors
    /// As [`Qemu::spice_viewer_file`].
    pub async fn spice_viewer_file(&self) -> Result<SecretString> {
        viewer_file(self.client(), LXC, &self.base(LXC)?, "spiceproxy").await
    }
}

impl Node {
    /// The text of a `.vv` file that `remote-viewer` opens to show the node's
    /// shell; see [`Qemu::spice_viewer_file`]. It asks for a login.
    ///
    /// # Errors
    /// `PermissionDenied`: without `Sys.Console` on the node; otherwise see
    /// [`ProxmoxClient::send`].
    pub async fn spice_viewer_file(&self) -> Result<SecretString> {
        viewer_file(self.client(), SHELL, &self.base(SHELL)?, "spiceshell").await
    }
}

/// The server's answer is what the viewer wants, key by key: all of it goes
/// there, known or not.
async fn viewer_file(
    client: &ProxmoxClient,
    operation: &'static str,
    base: &str,
    proxy: &str,
) -> Result<SecretString> {
    let path = format!("{base}/{proxy}");
    let answer: BTreeMap<String, Value> = client
        .call(operation, Method::Post, &path, &Params::new())
        .await?;
    Ok(written(&answer).into())
}

fn written(answer: &BTreeMap<String, Value>) -> String {
    let mut text = "[virt-viewer]\n".to_owned();
    for (key, value) in answer {
        let value = match value {
            Value::String(value) => value.replace('\n', "\\n"),
            other => other.to_string(),
        };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_to_its_line() {
        let answer = serde_json::from_str(r#"{"type":"spice","tls-port":61000,"ca":"a\nb"}"#);
        let text = written(&answer.unwrap());
        assert_eq!(
            text,
            "[virt-viewer]\nca=a\\nb\ntls-port=61000\ntype=spice\n"
        );
    }
}
