//! `coordinator export tensorboard`: event files, a folder per job.

use super::exported;
use crate::cli::client::Source;
use crate::cli::json::JsonArgs;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask, output};
use crate::interchange::tensorboard::{self, FILE};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Write event files for TensorBoard: a run per job, with its epochs, its scores and, for the HParams page, its
/// settings
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  coordinator export tensorboard lesions --out runs && tensorboard --logdir runs")]
pub(super) struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// Folder for the files; it must be empty, or not there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the event files of an earlier export in the folder
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, out, replace, json, source } = args;
    let runs = ask::runs(&mut source.find().await?, sweep.name()).await?;
    prepare(&out, replace)?;
    tensorboard::files(&runs, |file, bytes| {
        let file = out.join(file);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))?;
        }
        output::write(Some(&file), bytes)
    })?;
    exported(json, "tensorboard", &out.display().to_string())
}

/// Refuses a folder that holds something else; takes the files of an earlier export away, as the new one may not have
/// all of them.
fn prepare(folder: &Path, replace: bool) -> Result<(), CliError> {
    if folder.exists() && !folder.is_dir() {
        return Err(CliError::NotAFolder { path: folder.to_owned() });
    }
    let is_empty = !folder.exists() || entries(folder)?.is_empty();
    match (is_empty, folder.join(FILE).is_file() && replace) {
        (true, _) => Ok(()),
        (false, true) => remove(folder, 2),
        (false, false) => Err(CliError::NotEmpty { path: folder.to_owned() }),
    }
}

/// Removes the event files in a folder and so many levels below, and the folders that are empty then.
fn remove(folder: &Path, levels: usize) -> Result<(), CliError> {
    for path in entries(folder)? {
        if levels > 0 && path.is_dir() && !path.is_symlink() {
            remove(&path, levels - 1)?;
            // one with something else in it stays
            let _ = fs::remove_dir(&path);
        } else if path.file_name().is_some_and(|name| name == FILE) {
            fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    read().map_err(|source| failed("read", folder, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> CliError {
    CliError::File { action, path: path.to_owned(), source }
}
