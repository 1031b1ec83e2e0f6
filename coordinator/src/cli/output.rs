//! Standard output, where a closed pipe (`| head`) is no error.

use super::CliError;
use crate::analysis::export::Format;
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

/// Writes to the standard output, or to `file`. A file is complete or not there.
///
/// # Errors
/// If writing fails for another reason than a closed pipe.
pub fn write(file: Option<&Path>, text: &[u8]) -> Result<(), CliError> {
    match file {
        None => quietly(io::stdout().lock().write_all(text)),
        Some(path) => {
            let failed = |source| CliError::File { action: "write", path: path.to_owned(), source };
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut whole = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
            whole.write_all(text).and_then(|()| whole.as_file().sync_all()).map_err(failed)?;
            whole.persist(path).map_err(|error| failed(error.error))?;
            Ok(())
        }
    }
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
