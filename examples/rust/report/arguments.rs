//! The command line of `report`.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Looks at a home lab and says what it is, what is wrong and what would mend it.

Usage: report [options]

Without --lab, a simulated lab is started on this machine and observed over the
real protocols. With --lab, credentials come from the environment:
  HOMELAB_PROXMOX_TOKEN (user@realm!id=secret) or HOMELAB_PROXMOX_USER and
  HOMELAB_PROXMOX_PASSWORD; HOMELAB_PROXMOX_CA or HOMELAB_PROXMOX_FINGERPRINTS;
  HOMELAB_PROXMOX_ENDPOINTS; TALOSCONFIG; HOMELAB_TALOS_CONTEXT

Options:
  --lab FILE       the inventory of a real lab
  --offline        ask nobody: only what the inventory says
  --format FORMAT  text (default), json, mermaid or html
  --out FILE       write there, whole or not at all, instead of to the terminal
  --down HOST      take this host of the simulated lab down first; may be repeated
  --latency MS     let the simulated lab answer this much later
  -h, --help       this text
";

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Mermaid,
    Html,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) lab: Option<PathBuf>,
    pub(crate) offline: bool,
    pub(crate) format: Format,
    pub(crate) out: Option<PathBuf>,
    pub(crate) down: Vec<String>,
    pub(crate) latency_ms: u64,
    pub(crate) help: bool,
}

/// Reads the arguments after the program's name, or says in one line what is wrong.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let (name, mut inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(value.to_owned()))
            }
            _ => (argument, None),
        };
        let mut value = |what: &str| {
            inline
                .take()
                .or_else(|| rest.next())
                .filter(|v| !v.is_empty())
                .ok_or(format!("{name} needs {what}"))
        };
        match name.as_str() {
            "--lab" => parsed.lab = Some(value("a file")?.into()),
            "--out" => parsed.out = Some(value("a file")?.into()),
            "--down" => parsed.down.push(value("a host")?),
            "--latency" => {
                let text = value("milliseconds")?;
                parsed.latency_ms = text
                    .parse()
                    .map_err(|_| format!("--latency {text}: not a number of milliseconds"))?;
            }
            "--format" => {
                parsed.format = match value("a format")?.as_str() {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    "mermaid" => Format::Mermaid,
                    "html" => Format::Html,
                    other => {
                        return Err(format!(
                            "--format {other}: not one of text, json, mermaid, html"
                        ));
                    }
                }
            }
            "--offline" => parsed.offline = true,
            "-h" | "--help" => parsed.help = true,
            other => {
                return Err(format!(
                    "unknown argument {other}; --help shows what there is"
                ));
            }
        }
        if inline.is_some() {
            return Err(format!("{name} takes no value"));
        }
    }
    if parsed.lab.is_some() && (!parsed.down.is_empty() || parsed.latency_ms > 0) {
        return Err(
            "--down and --latency are for the simulated lab and do not go with --lab".to_owned(),
        );
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Result<Arguments, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn both_ways_to_write_a_value() {
        let wanted = Arguments {
            lab: Some("x.yaml".into()),
            format: Format::Html,
            ..Arguments::default()
        };
        assert_eq!(args("--lab x.yaml --format html").unwrap(), wanted);
        assert_eq!(args("--lab=x.yaml --format=html").unwrap(), wanted);
    }

    #[test]
    fn mistakes_are_one_clear_line() {
        for (line, says) in [
            ("--lab", "--lab needs a file"),
            (
                "--format pdf",
                "--format pdf: not one of text, json, mermaid, html",
            ),
            ("--offline=yes", "--offline takes no value"),
            (
                "--latency soon",
                "--latency soon: not a number of milliseconds",
            ),
            (
                "--lab x --down pve1",
                "--down and --latency are for the simulated lab and do not go with --lab",
            ),
            (
                "stray",
                "unknown argument stray; --help shows what there is",
            ),
        ] {
            assert_eq!(args(line).unwrap_err(), says);
        }
    }
}
