//! What commands tell programs: one JSON object, on one line of the standard output, under its schema. docs/json.md lists the fields.

use super::CliError;
use super::output::quietly;
use serde_json::Value;
use std::io::{Write, stdout};

/// Whether a command answers people or programs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct JsonArgs {
    /// Print one JSON object, for programs: docs/json.md describes it
    #[arg(long)]
    json: bool,
}

impl JsonArgs {
    /// Whether it answers programs.
    pub(super) fn is_wanted(self) -> bool {
        self.json
    }

    /// Prints the lines for people, or the object of that kind for programs.
    ///
    /// # Errors
    /// If the standard output cannot be written.
    pub(super) fn print(self, kind: &str, object: Value, lines: &str) -> Result<(), CliError> {
        let line = if self.json { line(kind, object) } else { lines.to_owned() };
        quietly(stdout().lock().write_all(line.as_bytes()))
    }
}

/// An object of that kind, under the schema of its first version.
pub(super) fn line(kind: &str, mut object: Value) -> String {
    object["schema"] = format!("splitsweep.{kind}/1").into();
    format!("{object}\n")
}
