//! The command line: one file a subcommand, and what they share.

pub mod prepare;
pub mod run;
pub mod synthesize;
pub mod train;
pub mod trainer;

use std::path::PathBuf;

/// Reads `NAME=PATH`.
pub(crate) fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), PathBuf::from(path))),
        _ => Err("expected NAME=PATH, such as ph2=/data/PH2Dataset".to_owned()),
    }
}
