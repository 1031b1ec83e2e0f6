//! A file that appears whole or not at all: written beside its place, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is not yet in its place. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// An empty file beside `place`.
    ///
    /// # Errors
    /// If `place` is a folder, a device or a pipe, or its folder is missing or cannot be written.
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        let place = followed(place);
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // it would be replaced by a file
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is a device or a pipe, not a file")),
            _ => {}
        }
        let mut file = tempfile::Builder::new();
        #[cfg(unix)]
        file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = file.prefix(".splitsweep-").tempfile_in(folder(&place))?;
        Ok(Self { file, place })
    }

    /// Puts it in its place, in that of an older file if there is one, on the disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.place)?;
        File::open(folder(&self.place))?.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where a link leads, whether there is something or not: the link stays.
fn followed(place: &Path) -> PathBuf {
    let mut place = place.to_owned();
    // as many as Linux follows
    for _ in 0..40 {
        match fs::read_link(&place) {
            Ok(target) => place = folder(&place).join(target),
            Err(_) => break,
        }
    }
    place
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
