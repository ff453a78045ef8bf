//! The project's own tasks. `cargo xtask` alone lists them.
//!
//! | file | task |
//! |---|---|
//! | `codegen.rs` | `codegen [--check]`: writes, or compares, every generated file |
//! | `compile_cost.rs` | `compile-cost`: what checking the Proxmox VE types costs, beside a peer |
//! | `proxmox/refresh.rs` | `proxmox-schema --from FILE`: brings the schema of Proxmox VE up to date |
//! | `test.rs` | `test [STAGE ...]`: everything, as CI runs it |
//!
//! One file per generator beside them; each returns paths with contents and
//! writes nothing itself.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it talks"
)]

mod bindings;
mod codegen;
mod compile_cost;
mod faults_doc;
mod findings_doc;
mod proxmox;
mod talos;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask codegen [--check]   write the generated files, or fail if one is stale
cargo xtask codegen NAME        write those of one generator alone
cargo xtask compile-cost        measure what checking the Proxmox VE types costs, beside a peer
cargo xtask proxmox-schema --from FILE
                                add what is new in FILE (facts, or a node's apidoc.js) to the
                                schema of Proxmox VE; then run codegen
cargo xtask test [STAGE ...]    run all checks and tests, or the named stages";

/// The repository's root folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["codegen"] => codegen::write(&root(), None),
        ["codegen", "--check"] => codegen::check(&root()),
        ["codegen", name] => codegen::write(&root(), Some(name)),
        ["compile-cost"] => compile_cost::run(&root()),
        ["proxmox-schema", "--from", file] => proxmox::refresh::run(&root(), file),
        ["test", stages @ ..] => test::run(&root(), stages),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown task: {}\n{HELP}", args.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
