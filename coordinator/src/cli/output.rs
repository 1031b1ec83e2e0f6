//! Standard output, where a closed pipe (`| head`) is not an error.

use super::CliError;
use crate::tables::export::Format;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Refuses to fill a terminal with bytes.
///
/// # Errors
/// If the format is binary and the standard output, to which it would be written, is a terminal.
pub fn accepts(file: Option<&Path>, format: Format) -> Result<(), CliError> {
    if file.is_none() && format.is_binary() && io::stdout().is_terminal() {
        return Err(CliError::Binary { format: format.name() });
    }
    Ok(())
}

/// Columns of the terminal, if the standard output is one: those that the environment says, else those that it has.
#[must_use]
pub fn width() -> Option<usize> {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = comfy_table::Table::new();
    // some terminals say that they have none
    let is_known = |columns: &usize| *columns > 0;
    let found = || said().filter(is_known).or_else(|| terminal.width().map(usize::from).filter(is_known));
    terminal.is_tty().then(found).flatten()
}

/// Writes to the standard output, or to `file`. A file is complete or not there.
///
/// # Errors
/// If writing fails for another reason than a closed pipe.
pub fn write(file: Option<&Path>, text: &[u8]) -> Result<(), CliError> {
    match file {
        None => quietly(io::stdout().lock().write_all(text)),
        Some(path) => {
            place(path, text).map_err(|source| CliError::File { action: "write", path: path.to_owned(), source })
        }
    }
}

fn place(path: &Path, text: &[u8]) -> io::Result<()> {
    // a link stays, and a device or a pipe is written to, not replaced
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(text);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut whole = tempfile::Builder::new();
    #[cfg(unix)]
    whole.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let mut whole = whole.prefix(".splitsweep-").tempfile_in(folder)?;
    whole.write_all(text)?;
    whole.as_file().sync_all()?;
    whole.persist(path)?;
    Ok(())
}

/// Takes a closed pipe for the reader's wish to see no more.
///
/// # Errors
/// Any other error.
pub fn quietly(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(CliError::Output),
    }
}

/// Writes to the standard output at once; false if its reader has gone and wants no more.
///
/// # Errors
/// If writing fails for another reason than a closed pipe.
pub fn tell(text: &str) -> Result<bool, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).map_err(CliError::Output),
    }
}
