//! `…/agent/{exec,exec-status,file-read,file-write}`: programs and files in a
//! guest. There is no system in it that could run anything, so a few small
//! programs are known here; all others are not installed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::Clock as _;
use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route};
use super::agent::{self, agent};
use crate::world::{Guest, Program, State};

/// Most characters that one write takes.
const MAX_WRITE: usize = 61_440;
/// Bytes that a read gets unless told otherwise.
const MAX_READ: usize = 16 << 20;
/// What a program takes at least, so that its first status is "not yet".
const QUICK: Duration = Duration::from_millis(50);

fn failed(text: impl std::fmt::Display) -> ApiError {
    ApiError::die(format!("Agent error: {text}"))
}

/// The guest in the path, unless its file systems are frozen.
fn usable<'s>(state: &'s State, call: &Call<'_>, command: &str) -> Result<&'s Guest> {
    let guest = agent::awake(state, call)?;
    if agent::frozen(state, guest) {
        return Err(failed(agent::disabled(command)));
    }
    Ok(guest)
}

fn exec(call: &Call<'_>) -> Result<Answer> {
    let words = match call.params.get("command") {
        Some(Value::Array(words)) => words.iter().map(super::super::params::text).collect(),
        // One text is the name of one program.
        Some(one) => vec![super::super::params::text(one)],
        None => Vec::new(),
    };
    let input = call.text("input-data").unwrap_or_default();
    let elapsed = call.cluster.world().clock().elapsed();
    call.cluster.world().change(|state| {
        let guest = usable(state, call, "exec")?;
        let vmid = guest.vmid;
        // The text of that error holds characters on which the server breaks.
        let (took, program) =
            run(guest, &words, &input).ok_or_else(|| ApiError::proxy(596, "Broken pipe"))?;
        let ends = elapsed + QUICK.max(took);
        let memory = state.agents.entry(vmid).or_default();
        memory.last_pid = memory.last_pid.max(400) + 2;
        let pid = memory.last_pid;
        let ends_at_ms = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
        memory.programs.insert(
            pid,
            Program {
                ends_at_ms,
                ..program
            },
        );
        Ok(json!({ "pid": pid }).into())
    })
}

/// Runs one of the known programs: how long it takes, and what comes of it.
fn run(guest: &Guest, words: &[String], input: &str) -> Option<(Duration, Program)> {
    let said = |out: String| Program {
        code: Some(0),
        out: out.into_bytes(),
        ..Program::default()
    };
    let (name, arguments) = words.split_first()?;
    let name = name.rsplit('/').next()?;
    let first = arguments.first().map(String::as_str);
    Some(match name {
        "echo" => (Duration::ZERO, said(format!("{}\n", arguments.join(" ")))),
        "hostname" => (
            Duration::ZERO,
            said(format!("{}\n", agent::hostname(guest))),
        ),
        "cat" => (Duration::ZERO, said(input.to_owned())),
        "uname" => (Duration::ZERO, said("Linux\n".into())),
        "id" => (
            Duration::ZERO,
            said("uid=0(root) gid=0(root) groups=0(root)\n".into()),
        ),
        "true" => (Duration::ZERO, said(String::new())),
        "false" => {
            let code = Some(1);
            (
                Duration::ZERO,
                Program {
                    code,
                    ..Program::default()
                },
            )
        }
        "sleep" => {
            let seconds = first.and_then(|text| text.parse().ok()).unwrap_or(0.0_f64);
            (
                Duration::from_secs_f64(seconds.clamp(0.0, 1e6)),
                said(String::new()),
            )
        }
        "sh" | "bash" if first == Some("-c") => (Duration::ZERO, script(arguments.get(1)?)),
        _ => return None,
    })
}

/// A few commands of a shell, one after the other.
fn script(text: &str) -> Program {
    let mut program = Program {
        code: Some(0),
        ..Program::default()
    };
    for command in text.split(';').map(str::trim) {
        if let Some(rest) = command.strip_prefix("echo ") {
            let (words, to_err) = match rest.strip_suffix(">&2") {
                Some(words) => (words.trim(), true),
                None => (rest, false),
            };
            let stream = if to_err {
                &mut program.err
            } else {
                &mut program.out
            };
            stream.extend(format!("{words}\n").bytes());
        } else if let Some(code) = command.strip_prefix("exit ") {
            program.code = Some(code.parse().unwrap_or(2));
            break;
        } else if command.starts_with("kill -9") {
            program.code = None;
            program.signal = Some(9);
            break;
        } else if !["", "true"].contains(&command) {
            let name = command.split(' ').next().unwrap_or_default();
            program
                .err
                .extend(format!("/bin/sh: 1: {name}: not found\n").bytes());
            program.code = Some(127);
        }
    }
    program
}

/// The end of a program can be fetched once.
fn exec_status(call: &Call<'_>) -> Result<Answer> {
    let pid: u32 = call.number("pid").unwrap_or_default();
    let now = call.cluster.world().clock().elapsed().as_millis();
    call.cluster.world().change(|state| {
        let vmid = usable(state, call, "exec-status")?.vmid;
        let programs = state.agents.entry(vmid).or_default();
        let programs = &mut programs.programs;
        // The server prints the number with a format that it does not know.
        let Some(program) = programs.get(&pid) else {
            return Err(failed("PID ld does not exist"));
        };
        if now < u128::from(program.ends_at_ms) {
            return Ok(json!({ "exited": 0 }).into());
        }
        let program = programs.remove(&pid).unwrap_or_default();
        let mut data = json!({ "exited": 1 });
        if let Some(code) = program.code {
            data["exitcode"] = code.into();
        }
        if let Some(signal) = program.signal {
            data["signal"] = signal.into();
        }
        for (name, bytes) in [("out", &program.out), ("err", &program.err)] {
            if !bytes.is_empty() {
                data[format!("{name}-data")] = latin1(bytes).into();
                data[format!("{name}-truncated")] = 0.into();
            }
        }
        Ok(data.into())
    })
}

/// Bytes as the characters of the same numbers.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn file_read(call: &Call<'_>) -> Result<Answer> {
    let path = call.text("file").unwrap_or_default();
    let count = call.number("count").unwrap_or(MAX_READ);
    let offset = call.number("offset").unwrap_or(0_usize);
    let decode = call.text("decode").as_deref() != Some("0");
    call.cluster.world().read(|state| {
        let guest = usable(state, call, "file-open")?;
        if FOLDERS.contains(&path.as_str()) {
            return Err(failed("failed to read file: Is a directory"));
        }
        let Some(bytes) = content(state, guest, &path) else {
            return Err(failed(format!(
                "failed to open file '{path}' (mode: 'r'): No such file or directory"
            )));
        };
        let rest = bytes.get(offset..).unwrap_or_default();
        let part = &rest[..rest.len().min(count)];
        let content = if decode {
            latin1(part)
        } else {
            STANDARD.encode(part)
        };
        let mut data = json!({ "content": content, "bytes-read": part.len() });
        if part.len() < rest.len() {
            data["truncated"] = 1.into();
        }
        Ok(data.into())
    })
}

const FOLDERS: &[&str] = &["/", "/etc", "/tmp", "/root", "/var"];

/// A file that was written, or one that every system has.
fn content(state: &State, guest: &Guest, path: &str) -> Option<Vec<u8>> {
    let written = state
        .agents
        .get(&guest.vmid)
        .and_then(|m| m.files.get(path));
    if let Some(bytes) = written {
        return Some(bytes.clone());
    }
    match path {
        "/etc/hostname" => Some(format!("{}\n", agent::hostname(guest)).into_bytes()),
        "/etc/passwd" => Some(b"root:x:0:0:root:/root:/bin/bash\n".to_vec()),
        "/dev/null" => Some(Vec::new()),
        _ => None,
    }
}

fn file_write(call: &Call<'_>) -> Result<Answer> {
    let path = call.text("file").unwrap_or_default();
    let content = call.text("content").unwrap_or_default();
    let encode = call.text("encode").as_deref() != Some("0");
    let bytes = if encode {
        // One byte for each character, so there is none for the others.
        content
            .chars()
            .map(|c| u8::try_from(u32::from(c)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| ApiError::die("Wide character in subroutine entry"))?
    } else {
        let bad = |_| failed("Invalid base64 data");
        STANDARD.decode(content).map_err(bad)?
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let known = FOLDERS.contains(&if folder.is_empty() { "/" } else { folder });
    call.cluster.world().change(|state| {
        let vmid = usable(state, call, "file-open")?.vmid;
        if !known {
            return Err(failed(format!(
                "failed to open file '{path}' (mode: 'wb'): No such file or directory"
            )));
        }
        state
            .agents
            .entry(vmid)
            .or_default()
            .files
            .insert(path, bytes);
        Ok(Value::Null.into())
    })
}

fn short(text: &str) -> std::result::Result<(), String> {
    if text.chars().count() > MAX_WRITE {
        return Err(format!("value may only be {MAX_WRITE} characters long"));
    }
    Ok(())
}

const UNRESTRICTED: Access = Access::Any("/vms/{vmid}", &["VM.GuestAgent.Unrestricted"]);
const READ: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.GuestAgent.FileRead", "VM.GuestAgent.Unrestricted"],
);
const WRITE: Access = Access::Any(
    "/vms/{vmid}",
    &["VM.GuestAgent.FileWrite", "VM.GuestAgent.Unrestricted"],
);
const EXEC: &[Param] = &[
    required("command", Kind::List),
    optional("input-data", Kind::Text),
];

pub(super) const ROUTES: &[Route] = &[
    agent(
        "POST",
        "/nodes/{node}/qemu/{vmid}/agent/exec",
        UNRESTRICTED,
        exec,
    )
    .with(EXEC),
    agent(
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/exec-status",
        UNRESTRICTED,
        exec_status,
    )
    .with(&[required("pid", Kind::Int { min: 0 })]),
    agent(
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/file-read",
        READ,
        file_read,
    )
    .with(&[
        required("file", Kind::Text),
        optional("count", Kind::Int { min: 1 }),
        optional("decode", Kind::Bool),
        optional("offset", Kind::Int { min: 0 }),
    ]),
    agent(
        "POST",
        "/nodes/{node}/qemu/{vmid}/agent/file-write",
        WRITE,
        file_write,
    )
    .with(&[
        required("file", Kind::Text),
        required("content", Kind::Format(short)),
        optional("encode", Kind::Bool),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_knows_a_little() {
        let program = script("echo out; echo err >&2; exit 3");
        assert_eq!(program.out, b"out\n");
        assert_eq!(program.err, b"err\n");
        assert_eq!(program.code, Some(3));
        assert_eq!(script("kill -9 $$").signal, Some(9));
        assert_eq!(script("nonsense").code, Some(127));
    }

    #[test]
    fn bytes_come_as_characters() {
        assert_eq!(latin1("wörld".as_bytes()), "wÃ¶rld");
    }
}
