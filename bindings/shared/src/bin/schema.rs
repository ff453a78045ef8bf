//! Prints the JSON Schema that the bindings are generated from.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it talks"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match homelab_bindings::schema::schema() {
        Ok(schema) => {
            println!("{schema:#}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("homelab-schema: {message}");
            ExitCode::FAILURE
        }
    }
}
