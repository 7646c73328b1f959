//! Prints the table of conditions and reasons of docs/operations.md, in Markdown, on standard output.

use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match std::io::stdout().write_all(crds::reason::write_table().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reasondoc: {error}");
            ExitCode::FAILURE
        }
    }
}
